#include "inference/engine/compiled_step_runner.h"

#include <algorithm>
#include <cstring>

#include "framework/graph/types.h"

namespace strata::inference {
namespace {

using graph::HostTensor;

constexpr int64_t kRowBuckets[] = {1,  2,  3,  4,  6,   8,   12,  16,  24,
                                   32, 48, 64, 96, 128, 192, 256, 384, 512};
constexpr int64_t kLogitBuckets[] = {1, 4, 16, 64, 256};
constexpr int64_t kAllLogits = 16;  // up to so many rows, all of them give logits: they cost little

int64_t Bucket(int64_t count, absl::Span<const int64_t> buckets, int64_t most) {
  for (int64_t bucket : buckets)
    if (bucket >= count) return std::min(bucket, most);
  return most;
}

absl::StatusOr<graph::Graph> StepGraph(const DecoderModel& model, const RunnerSizes& sizes,
                                       int64_t rows, int64_t logits) {
  const StepShape shape = {.rows = rows,
                           .logit_rows = logits,
                           .views = sizes.views,
                           .view_length = sizes.view_length,
                           .slots = sizes.slots};
  return model.BuildStep(shape, sizes.kv);
}

const graph::Value& ValueOf(const graph::Graph& graph, const graph::Input& input) {
  return graph.values(static_cast<int>(input.value()));
}

// Of all caches of a step.
int64_t CacheBytes(const graph::Graph& graph) {
  int64_t bytes = 0;
  for (const graph::Input& input : graph.inputs()) {
    if (input.kind() != graph::STATE) continue;
    const graph::TensorType type = graph::TypeOf(ValueOf(graph, input));
    bytes += LazyZeros::BytesOf(type.dtype, type.dims());
  }
  return bytes;
}

}  // namespace

int64_t CompiledStepRunner::RowBucket(int64_t rows) { return Bucket(rows, kRowBuckets, kMostRows); }

int64_t CompiledStepRunner::LogitBucket(int64_t logits, int64_t row_bucket) {
  if (row_bucket <= kAllLogits) return row_bucket;
  return Bucket(logits, kLogitBuckets, row_bucket);
}

absl::StatusOr<int64_t> CompiledStepRunner::SlotBytes(const DecoderModel& model, KvFormat kv) {
  constexpr int64_t kSlots = 16;
  STRATA_ASSIGN_OR_RETURN(
      const graph::Graph graph,
      StepGraph(model, {.slots = kSlots, .views = 1, .view_length = 1, .kv = kv},
                /*rows=*/1, /*logits=*/1));
  int64_t bytes = 0;
  for (const auto& input : graph.inputs())
    if (input.kind() == graph::STATE) bytes += graph::TypeOf(ValueOf(graph, input)).size_bytes();
  return bytes / kSlots;
}

absl::StatusOr<std::unique_ptr<CompiledStepRunner>> CompiledStepRunner::Create(
    const DecoderModel* model, const RunnerSizes& sizes,
    compiler::CompiledEvaluator::Options options) {
  if (sizes.max_rows < 1 || sizes.max_rows > kMostRows) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_rows: ", sizes.max_rows, " is outside [1, ", kMostRows, "]"));
  }
  std::unique_ptr<CompiledStepRunner> runner(new CompiledStepRunner(model, sizes));
  STRATA_ASSIGN_OR_RETURN(runner->evaluator_,
                          compiler::CompiledEvaluator::Create(std::move(options)));
  const std::vector<int64_t> dims = {sizes.views, sizes.view_length};
  STRATA_ASSIGN_OR_RETURN(LazyZeros views, LazyZeros::Create(LazyZeros::BytesOf(chips::I32, dims)));
  STRATA_ASSIGN_OR_RETURN(runner->views_, views.Take(chips::I32, dims));
  STRATA_RETURN_IF_ERROR(runner->ProgramFor(1, 1).status());
  return runner;
}

absl::StatusOr<HostTensor> CompiledStepRunner::InputTensor(const graph::Graph& graph,
                                                           const graph::Input& input,
                                                           Program* program) {
  const graph::Value& value = ValueOf(graph, input);
  const std::string& name = value.name();
  const graph::TensorType type = graph::TypeOf(value);
  if (input.kind() == graph::STATE) {
    if (caches_.empty()) {
      STRATA_ASSIGN_OR_RETURN(cache_memory_, LazyZeros::Create(CacheBytes(graph)));
    }
    HostTensor& cache = caches_[name];
    if (cache.rank() == 0) {
      STRATA_ASSIGN_OR_RETURN(cache, cache_memory_.Take(type.dtype, type.dims()));
    }
    return cache;
  }
  if (input.kind() != graph::DATA) {
    const auto weight = model_->weights().find(name);
    if (weight != model_->weights().end()) return weight->second;
    return absl::NotFoundError(
        absl::StrCat("model '", model_->name(), "' has no weight '", name, "'"));
  }
  if (name == "views") return views_;
  const std::pair<const char*, int32_t**> kNumbers[] = {{"tokens", &program->tokens},
                                                        {"positions", &program->positions},
                                                        {"slots", &program->slots},
                                                        {"row_view", &program->row_view},
                                                        {"row_length", &program->row_length}};
  for (const auto& [known, data] : kNumbers) {
    if (name != known) continue;
    HostTensor tensor = HostTensor::Zeros(type.dtype, type.dims());
    *data = tensor.data<int32_t>();
    return tensor;
  }
  return absl::InternalError(absl::StrCat("model '", model_->name(), "': its step has an input '",
                                          name, "' that DecoderModel does not know"));
}

absl::StatusOr<CompiledStepRunner::Program*> CompiledStepRunner::ProgramFor(int64_t rows,
                                                                            int64_t logits) {
  const int64_t row_bucket = RowBucket(rows);
  const int64_t logit_bucket = LogitBucket(logits, row_bucket);
  const auto it = programs_.find({row_bucket, logit_bucket});
  if (it != programs_.end()) return &it->second;
  Program program;
  program.rows = row_bucket;
  program.logits = logit_bucket;
  STRATA_ASSIGN_OR_RETURN(program.graph, StepGraph(*model_, sizes_, row_bucket, logit_bucket));
  for (const auto& input : program.graph.inputs()) {
    STRATA_ASSIGN_OR_RETURN(HostTensor tensor, InputTensor(program.graph, input, &program));
    program.inputs.push_back(std::move(tensor));
  }
  for (const int32_t* data :
       {program.tokens, program.positions, program.slots, program.row_view, program.row_length}) {
    if (data != nullptr) continue;
    return absl::InternalError(
        absl::StrCat("model '", model_->name(), "': its step lacks an input of DecoderModel's"));
  }
  STRATA_ASSIGN_OR_RETURN(program.loaded, evaluator_->Load(program.graph, {}));
  return &programs_.emplace(std::make_pair(row_bucket, logit_bucket), std::move(program))
              .first->second;
}

bool CompiledStepRunner::Prepare(int64_t rows) {
  const int64_t most = RowBucket(sizes_.max_rows);
  std::vector<std::pair<int64_t, int64_t>> wanted;
  for (int64_t bucket : kRowBuckets)
    if (bucket <= RowBucket(std::min(rows, most))) wanted.push_back({bucket, bucket});
  for (int64_t bucket : kRowBuckets) {
    for (int64_t logits : kLogitBuckets)
      if (bucket <= most && logits <= LogitBucket(rows, most)) wanted.push_back({bucket, logits});
  }
  for (const auto& [row_bucket, logits] : wanted) {
    const int64_t logit_bucket = LogitBucket(logits, row_bucket);
    if (programs_.count({row_bucket, logit_bucket}) > 0) continue;
    return ProgramFor(row_bucket, logit_bucket).ok();  // a step will tell of the error
  }
  return false;
}

absl::Span<int32_t> CompiledStepRunner::View(int64_t view) {
  return absl::MakeSpan(views_.data<int32_t>() + view * sizes_.view_length,
                        static_cast<size_t>(sizes_.view_length));
}

absl::StatusOr<CompiledStepRunner::Program*> CompiledStepRunner::Prepare(
    absl::Span<const StepRow> rows) {
  const auto wanted =
      std::count_if(rows.begin(), rows.end(), [](const StepRow& row) { return row.logits; });
  STRATA_ASSIGN_OR_RETURN(Program * program, ProgramFor(static_cast<int64_t>(rows.size()), wanted));
  const auto set = [&](int64_t i, const StepRow& row) {
    program->tokens[i] = row.token;
    program->positions[i] = row.position;
    program->slots[i] = row.slot;
    program->row_view[i] = row.view;
    program->row_length[i] = row.length;
  };
  int64_t first = 0, other = wanted;  // those wanted come first, each kind in its order
  for (const StepRow& row : rows) set(row.logits ? first++ : other++, row);
  for (; other < program->rows; ++other) set(other, StepRow());
  return program;
}

absl::StatusOr<HostTensor> CompiledStepRunner::Run(absl::Span<const StepRow> rows) {
  STRATA_ASSIGN_OR_RETURN(Program * program, Prepare(rows));
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> outputs,
                          program->loaded->executable->Run(program->inputs, {}));
  return outputs.at(0);
}

absl::StatusOr<const plan::Plan*> CompiledStepRunner::Profile(absl::Span<const StepRow> rows,
                                                              chips::Timeline* timeline) {
  STRATA_ASSIGN_OR_RETURN(Program * program, Prepare(rows));
  STRATA_RETURN_IF_ERROR(
      program->loaded->executable->Run(program->inputs, {.timeline = timeline}).status());
  return &program->loaded->plan;
}

absl::StatusOr<const graph::Graph*> CompiledStepRunner::GraphOf(absl::Span<const StepRow> rows) {
  STRATA_ASSIGN_OR_RETURN(const Program* program, Prepare(rows));
  return &program->graph;
}

void CompiledStepRunner::CopySlots(int32_t from, int32_t to, int64_t count) {
  for (auto& [name, cache] : caches_) {
    const size_t bytes = cache.size_bytes() / static_cast<size_t>(sizes_.slots);
    auto* data = static_cast<char*>(cache.raw());
    std::memcpy(data + static_cast<size_t>(to) * bytes, data + static_cast<size_t>(from) * bytes,
                static_cast<size_t>(count) * bytes);
  }
}

int64_t CompiledStepRunner::kv_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, cache] : caches_) bytes += static_cast<int64_t>(cache.size_bytes());
  return bytes;
}

}  // namespace strata::inference
