#include "distributed/collective/algorithm_collectives.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/collective/point_to_point.h"
#include "distributed/collective/registry.h"
#include "distributed/collective/tuner.h"

namespace strata::distributed {
namespace {

Call InPlace(Verb verb, void* data, int64_t count, chips::DType dtype) {
  char* bytes = static_cast<char*>(data);
  return {.verb = verb, .input = bytes, .output = bytes, .count = count, .dtype = dtype};
}

Call FromTo(Verb verb, const void* input, void* output, int64_t count, chips::DType dtype) {
  return {.verb = verb,
          .input = static_cast<const char*>(input),
          .output = static_cast<char*>(output),
          .count = count,
          .dtype = dtype};
}

// Of one rank all verbs copy; that of a mean and of a permutation too.
void RunAlone(const Call& call) {
  const int64_t count = call.verb == Verb::kAllToAllV ? call.send_counts[0] : call.count;
  Wire::Copy(call.output, View(call.input, count * call.element_bytes()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlgorithmCollectives>> AlgorithmCollectives::Create(
    Transport& transport, absl::string_view algorithm) {
  const std::vector<std::string> names = AlgorithmNames();
  const bool measure = algorithm == "measured";
  const bool picks = measure || algorithm == "auto";
  if (!picks && std::find(names.begin(), names.end(), algorithm) == names.end()) {
    return absl::InvalidArgumentError(absl::StrCat("no collective algorithm named '", algorithm,
                                                   "'; there is: auto, measured, ",
                                                   absl::StrJoin(names, ", ")));
  }
  Options options;
  options.algorithm = picks ? "auto" : std::string(algorithm);
  options.measure = measure;
  options.tuning.link = TypicalLink(transport.name());
  return std::make_unique<AlgorithmCollectives>(transport, std::move(options));
}

AlgorithmCollectives::AlgorithmCollectives(Transport& transport, Options options)
    : transport_(transport), options_(std::move(options)), last_picks_(Verbs().size()) {
  options_.tuning.one_address_space = transport.capabilities().one_address_space;
}

const Algorithm& AlgorithmCollectives::Choose(Verb verb, const CallShape& shape) const {
  if (options_.algorithm == "auto") return PickAlgorithm(verb, shape);
  return AlgorithmOrDefault(verb, options_.algorithm, shape);
}

const Algorithm& AlgorithmCollectives::Chosen(Verb verb, int64_t count, chips::DType dtype) {
  Pick& last = last_picks_[static_cast<size_t>(verb)];
  const int64_t element_bytes = static_cast<int64_t>(chips::SizeOf(dtype));
  if (last.count != count || last.element_bytes != element_bytes) {
    last = {count, element_bytes, &Choose(verb, {size(), count, element_bytes, options_.tuning})};
  }
  return *last.algorithm;
}

absl::Status AlgorithmCollectives::Run(const Call& call) {
  STRATA_RETURN_IF_ERROR(CheckCall(call, rank(), size()));
  if (size() == 1) {
    RunAlone(call);
    return absl::OkStatus();
  }
  if (options_.measure && !measured_) {
    STRATA_ASSIGN_OR_RETURN(options_.tuning.link, MeasureLink(transport_));
    measured_ = true;
  }
  const Algorithm& algorithm = Chosen(call.verb, call.count, call.dtype);
  Wire wire(transport_, TagOf(algorithm), call, options_.tuning, workspace_);
  absl::Status status = algorithm.run(wire, call);
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat(algorithm.name, " ",
                                       DescribeCall(VerbName(call.verb), call.count, call.dtype)));
}

absl::Status AlgorithmCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                             compiler::Reduction reduction) {
  Call call = InPlace(Verb::kAllReduce, data, count, dtype);
  call.reduction = reduction;
  return Run(call);
}

absl::Status AlgorithmCollectives::AllGather(const void* input, void* output, int64_t count,
                                             chips::DType dtype) {
  return Run(FromTo(Verb::kAllGather, input, output, count, dtype));
}

absl::Status AlgorithmCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                                 chips::DType dtype,
                                                 compiler::Reduction reduction) {
  Call call = FromTo(Verb::kReduceScatter, input, output, count, dtype);
  call.reduction = reduction;
  return Run(call);
}

absl::Status AlgorithmCollectives::Broadcast(void* data, int64_t count, chips::DType dtype,
                                             int root) {
  Call call = InPlace(Verb::kBroadcast, data, count, dtype);
  call.root = root;
  return Run(call);
}

absl::Status AlgorithmCollectives::Reduce(void* data, int64_t count, chips::DType dtype,
                                          compiler::Reduction reduction, int root) {
  Call call = InPlace(Verb::kReduce, data, count, dtype);
  call.reduction = reduction;
  call.root = root;
  return Run(call);
}

absl::Status AlgorithmCollectives::Gather(const void* input, void* output, int64_t count,
                                          chips::DType dtype, int root) {
  Call call = FromTo(Verb::kGather, input, output, count, dtype);
  call.root = root;
  return Run(call);
}

absl::Status AlgorithmCollectives::Scatter(const void* input, void* output, int64_t count,
                                           chips::DType dtype, int root) {
  Call call = FromTo(Verb::kScatter, input, output, count, dtype);
  call.root = root;
  return Run(call);
}

absl::Status AlgorithmCollectives::AllToAll(const void* input, void* output, int64_t count,
                                            chips::DType dtype) {
  return Run(FromTo(Verb::kAllToAll, input, output, count, dtype));
}

absl::Status AlgorithmCollectives::AllToAllV(const void* input,
                                             absl::Span<const int64_t> send_counts, void* output,
                                             absl::Span<const int64_t> receive_counts,
                                             chips::DType dtype) {
  Call call = FromTo(Verb::kAllToAllV, input, output, /*count=*/0, dtype);
  call.send_counts = send_counts;
  call.receive_counts = receive_counts;
  return Run(call);
}

absl::Status AlgorithmCollectives::Send(const void* data, int64_t count, chips::DType dtype,
                                        int peer) {
  return SendTo(transport_, data, count, dtype, peer);
}

absl::Status AlgorithmCollectives::Recv(void* data, int64_t count, chips::DType dtype, int peer) {
  return RecvFrom(transport_, data, count, dtype, peer);
}

absl::Status AlgorithmCollectives::Permute(const void* input, void* output, int64_t count,
                                           chips::DType dtype, int64_t offset) {
  return PermuteBy(transport_, input, output, count, dtype, offset);
}

void RegisterAlgorithmCollectives() {
  std::vector<std::string> names = AlgorithmNames();
  names.insert(names.end(), {"auto", "measured"});
  for (const std::string& name : names) {
    CollectivesRegistry().Register(
        name,
        [name](Transport& transport) -> absl::StatusOr<std::unique_ptr<compiler::Collectives>> {
          return AlgorithmCollectives::Create(transport, name);
        });
  }
}

}  // namespace strata::distributed
