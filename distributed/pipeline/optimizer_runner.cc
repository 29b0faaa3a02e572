#include "distributed/pipeline/optimizer_runner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/pipeline/program_writer.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

// Dense, one tensor after another.
std::vector<char> Pack(const std::vector<HostTensor>& tensors) {
  std::vector<char> packed;
  for (const HostTensor& tensor : tensors) {
    const char* data = tensor.data<char>();
    packed.insert(packed.end(), data, data + tensor.size_bytes());
  }
  return packed;
}

void Unpack(const char* packed, const std::vector<HostTensor>& tensors) {
  for (const HostTensor& tensor : tensors) {
    std::memcpy(tensor.raw(), packed, tensor.size_bytes());
    packed += tensor.size_bytes();
  }
}

template <typename T>
void AddTo(const char* from, const HostTensor& tensor) {
  T* to = static_cast<T*>(tensor.raw());
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    T value;
    std::memcpy(&value, from + static_cast<size_t>(i) * sizeof(T), sizeof(T));
    to[i] += value;
  }
}

absl::Status AddPacked(const char* packed, const std::vector<HostTensor>& tensors) {
  for (const HostTensor& tensor : tensors) {
    if (tensor.dtype() == chips::F32) {
      AddTo<float>(packed, tensor);
    } else if (tensor.dtype() == chips::F64) {
      AddTo<double>(packed, tensor);
    } else {
      return absl::UnimplementedError(absl::StrCat(
          "gradients that several ranks hold are added in f32 and f64, not ", tensor.TypeString()));
    }
    packed += tensor.size_bytes();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunByName(const graph::Graph& program, const Tensors& state,
                       graph::Evaluator& evaluator, Tensors* values) {
  if (program.outputs_size() == 0) return absl::OkStatus();
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : program.inputs()) {
    const std::string& name = program.values(static_cast<int>(input.value())).name();
    auto found = state.find(name);
    if (found == state.end()) found = values->find(name);
    if (found == values->end()) {
      return absl::NotFoundError(
          absl::StrCat("program '", program.name(), "': nobody gives its input '", name, "'"));
    }
    inputs.push_back(found->second);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          evaluator.Evaluate(program, inputs));
  for (int i = 0; i < program.outputs_size(); ++i)
    (*values)[program.outputs(i).name()] = outputs[static_cast<size_t>(i)];
  return absl::OkStatus();
}

OptimizerRunner::OptimizerRunner(OptimizerCut cut, graph::Evaluator& evaluator,
                                 compiler::Collectives& peers)
    : cut_(std::move(cut)), evaluator_(evaluator), peers_(peers) {
  for (const auto& [parameter, holders] : cut_.holders)
    if (holders.size() > 1) shared_[holders].push_back(GradientSumName(parameter));
  for (size_t rank = 0; rank < cut_.ranks.size(); ++rank)
    exchange_bytes_ = std::max(exchange_bytes_, ExportBytes(rank));
}

int64_t OptimizerRunner::ExportBytes(size_t rank) const {
  int64_t bytes = 0;
  for (const std::string& name : cut_.ranks[rank].exports)
    bytes += graph::TypeOf(cut_.exported.at(name)).size_bytes();
  return bytes;
}

absl::Status OptimizerRunner::AddSums(const std::set<int>& holders,
                                      const std::vector<std::string>& names, const Tensors& state) {
  if (holders.count(peers_.rank()) == 0) return absl::OkStatus();
  std::vector<HostTensor> sums;
  for (const std::string& name : names) sums.push_back(state.at(name));
  std::vector<char> packed = Pack(sums);
  const auto bytes = static_cast<int64_t>(packed.size());
  const int lowest = *holders.begin();
  if (peers_.rank() != lowest) {
    STRATA_RETURN_IF_ERROR(peers_.Send(packed.data(), bytes, chips::U8, lowest));
    STRATA_RETURN_IF_ERROR(peers_.Recv(packed.data(), bytes, chips::U8, lowest));
    Unpack(packed.data(), sums);
    return absl::OkStatus();
  }
  for (int peer : holders) {
    if (peer == lowest) continue;
    STRATA_RETURN_IF_ERROR(peers_.Recv(packed.data(), bytes, chips::U8, peer));
    STRATA_RETURN_IF_ERROR(AddPacked(packed.data(), sums));
  }
  packed = Pack(sums);
  for (int peer : holders) {
    if (peer == lowest) continue;
    STRATA_RETURN_IF_ERROR(peers_.Send(packed.data(), bytes, chips::U8, peer));
  }
  return absl::OkStatus();
}

absl::Status OptimizerRunner::Exchange(Tensors* values) {
  if (exchange_bytes_ == 0 || peers_.size() == 1) return absl::OkStatus();
  const auto size = static_cast<size_t>(exchange_bytes_);
  std::vector<HostTensor> mine;
  for (const std::string& name : cut_.ranks[static_cast<size_t>(peers_.rank())].exports)
    mine.push_back(values->at(name));
  std::vector<char> packed = Pack(mine), all(size * cut_.ranks.size());
  packed.resize(size);
  STRATA_RETURN_IF_ERROR(peers_.AllGather(packed.data(), all.data(), exchange_bytes_, chips::U8));
  for (size_t rank = 0; rank < cut_.ranks.size(); ++rank) {
    std::vector<HostTensor> theirs;
    for (const std::string& name : cut_.ranks[rank].exports) {
      const graph::TensorType type = graph::TypeOf(cut_.exported.at(name));
      theirs.push_back(HostTensor::Allocate(type.dtype, type.dims()));
      (*values)[name] = theirs.back();
    }
    Unpack(all.data() + rank * size, theirs);
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensors> OptimizerRunner::Run(const Tensors& data, const Tensors& state) {
  const OptimizerPrograms& programs = cut_.ranks[static_cast<size_t>(peers_.rank())];
  for (const auto& [holders, names] : shared_)
    STRATA_RETURN_IF_ERROR(Annotate(AddSums(holders, names, state), "sums of shared gradients"));
  Tensors values = data;
  STRATA_RETURN_IF_ERROR(RunByName(programs.local, state, evaluator_, &values));
  STRATA_RETURN_IF_ERROR(Annotate(Exchange(&values), "exchange before the update"));
  STRATA_RETURN_IF_ERROR(RunByName(programs.update, state, evaluator_, &values));
  Tensors results;
  for (const StageResult& result : programs.results)
    results[result.output] = values.at(result.value);
  return results;
}

}  // namespace strata::distributed
