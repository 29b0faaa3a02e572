#include "llm/model/step_harness.h"

#include <algorithm>
#include <random>

#include "framework/graph/types.h"

namespace strata::llm {

using graph::HostTensor;

StepHarness::StepHarness(const inference::DecoderModel& model, graph::Evaluator& evaluator,
                         const StepHarnessOptions& options)
    : model_(model), evaluator_(evaluator), options_(options) {
  for (int64_t slot = options.slots - 1; slot > 0; --slot)
    free_.push_back(static_cast<int32_t>(slot));
  if (options.shuffle != 0)
    std::shuffle(free_.begin(), free_.end(), std::mt19937_64(options.shuffle));
}

absl::StatusOr<std::vector<HostTensor>> StepHarness::Bind(
    const graph::Graph& graph, const std::map<std::string, HostTensor>& data) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    if (input.kind() == graph::STATE) {
      HostTensor& state = states_[value.name()];
      if (state.rank() == 0) state = HostTensor::Zeros(type.dtype, type.dims());
      inputs.push_back(state);
      continue;
    }
    const auto& from = input.kind() == graph::PARAMETER ? model_.weights() : data;
    const auto it = from.find(value.name());
    if (it == from.end()) return absl::NotFoundError(value.name());
    inputs.push_back(it->second);
  }
  return inputs;
}

absl::StatusOr<std::vector<std::vector<float>>> StepHarness::Step(const std::vector<Row>& rows) {
  const auto used = static_cast<int64_t>(rows.size());
  const auto wanted =
      std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.logits; });
  std::vector<size_t> place;  // of each row in the step
  for (size_t i = 0, first = 0, other = static_cast<size_t>(wanted); i < rows.size(); ++i)
    place.push_back(rows[i].logits ? first++ : other++);
  std::vector<int32_t> tokens(rows.size()), positions(rows.size()), slots(rows.size()),
      row_view(rows.size()), row_length(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<int32_t>& sequence = sequences_[rows[i].sequence];
    if (free_.empty()) return absl::ResourceExhaustedError("no slots are left");
    tokens[place[i]] = rows[i].token;
    positions[place[i]] = static_cast<int32_t>(sequence.size());
    slots[place[i]] = free_.back();
    sequence.push_back(free_.back());
    free_.pop_back();
    row_length[place[i]] = static_cast<int32_t>(sequence.size());
  }
  for (size_t i = 0; i < rows.size(); ++i) {  // all sequences of the step are known now
    row_view[place[i]] =
        static_cast<int32_t>(std::distance(sequences_.begin(), sequences_.find(rows[i].sequence)));
  }
  for (auto* list : {&tokens, &positions, &slots, &row_view, &row_length})
    list->resize(list->size() + static_cast<size_t>(options_.padding), 0);

  auto longest = static_cast<size_t>(options_.view_length);
  for (const auto& [id, sequence] : sequences_) longest = std::max(longest, sequence.size());
  std::vector<int32_t> views;
  for (const auto& [id, sequence] : sequences_) {
    views.insert(views.end(), sequence.begin(), sequence.end());
    views.resize(views.size() + longest - sequence.size(), 0);
  }
  const int64_t view_count =
      std::max<int64_t>(options_.views, static_cast<int64_t>(sequences_.size()));
  views.resize(static_cast<size_t>(view_count) * longest, 0);
  const inference::StepShape shape = {used + options_.padding, std::max<int64_t>(wanted, 1),
                                      view_count, static_cast<int64_t>(longest), options_.slots};
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, model_.BuildStep(shape, options_.kv));
  const auto ints = [](std::vector<int64_t> dims, const std::vector<int32_t>& values) {
    return HostTensor::FromVector<int32_t>(std::move(dims), values);
  };
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> inputs,
                          Bind(graph, {{"tokens", ints({shape.rows}, tokens)},
                                       {"positions", ints({shape.rows}, positions)},
                                       {"slots", ints({shape.rows}, slots)},
                                       {"views", ints({shape.views, shape.view_length}, views)},
                                       {"row_view", ints({shape.rows}, row_view)},
                                       {"row_length", ints({shape.rows}, row_length)}}));
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          evaluator_.Evaluate(graph, inputs));
  std::vector<std::vector<float>> logits;
  for (int64_t row = 0; row < wanted; ++row) {
    const float* values = outputs[0].data<float>() + row * model_.vocab_size();
    logits.emplace_back(values, values + model_.vocab_size());
  }
  return logits;
}

}  // namespace strata::llm
