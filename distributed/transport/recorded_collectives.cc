#include "distributed/transport/recorded_collectives.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;

constexpr size_t kMostFarewellWords = 400;  // of an error, in what the others are told

const char* NameOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return "sum";
    case Reduction::kMean:
      return "mean";
    case Reduction::kMax:
      return "max";
    case Reduction::kMin:
      return "min";
  }
  return "";
}

// Over what all ranks of the call must agree on: FNV-1a of names, and a like step for a number.
uint64_t SignatureOf(const Operation& op) {
  uint64_t hash = 14695981039346656037u;
  const auto mix = [&](absl::string_view bytes) {
    for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  };
  const auto mix_number = [&](int64_t number) {
    hash = (hash ^ static_cast<uint64_t>(number)) * 1099511628211u;
    hash ^= hash >> 32;
  };
  mix(op.pair ? "pair" : op.name);
  mix(op.group);
  if (!op.pair) mix(op.detail);
  mix_number(op.count);
  mix_number(op.dtype);
  mix_number(op.pair ? 0 : op.number);
  mix_number(op.sequence);
  return hash;
}

Operation All(const char* name, int64_t count, chips::DType dtype, const char* detail = "",
              int64_t number = -1) {
  Operation operation;
  operation.name = name;
  operation.count = count;
  operation.dtype = dtype;
  operation.detail = detail;
  operation.number = number;
  return operation;
}

Operation Pair(const char* name, int64_t count, chips::DType dtype, const char* detail, int peer) {
  Operation operation = All(name, count, dtype, detail, peer);
  operation.pair = true;
  return operation;
}

// What the others said that `known` does not hold already, and who said nothing.
std::string Others(const std::vector<std::string>& said, int rank, const std::string& known) {
  std::string text;
  std::vector<int> silent;
  for (size_t peer = 0; peer < said.size(); ++peer) {
    if (static_cast<int>(peer) == rank) continue;
    if (said[peer].empty()) {
      silent.push_back(static_cast<int>(peer));
    } else if (!absl::StrContains(known, said[peer])) {
      const std::string name = absl::StrCat("rank ", peer);
      absl::StrAppend(&text, "; ", absl::StartsWith(said[peer], name) ? "" : name + ": ",
                      said[peer]);
    }
  }
  if (!silent.empty()) {
    absl::StrAppend(&text, "; no word from rank ", absl::StrJoin(silent, ", "),
                    ": does it hang, or make no such call?");
  }
  return text;
}

}  // namespace

struct RecordedCollectives::Flight {
  Flight(Transport& below, Options how)
      : options(std::move(how)),
        transport(below),
        recorder({below.rank(), options.capacity, options.dump_directory}) {}

  Options options;
  SignedTransport transport;
  FlightRecorder recorder;
  std::unique_ptr<compiler::Collectives> collectives;
};

absl::StatusOr<std::unique_ptr<RecordedCollectives>> RecordedCollectives::Create(
    Transport& transport, Options options, const Make& make) {
  auto flight = std::make_shared<Flight>(transport, std::move(options));
  STRATA_ASSIGN_OR_RETURN(flight->collectives, make(flight->transport));
  compiler::Collectives* inner = flight->collectives.get();
  return std::unique_ptr<RecordedCollectives>(
      new RecordedCollectives(std::move(flight), inner, ""));
}

RecordedCollectives::RecordedCollectives(std::shared_ptr<Flight> flight,
                                         compiler::Collectives* inner, std::string group)
    : flight_(std::move(flight)), inner_(inner), group_(std::move(group)) {}

RecordedCollectives::~RecordedCollectives() = default;

const FlightRecorder& RecordedCollectives::recorder() const { return flight_->recorder; }

template <typename Call>
absl::Status RecordedCollectives::Run(Operation operation, Call call) {
  operation.group = group_;
  if (!operation.pair) operation.sequence = ++sequence_;
  flight_->transport.Sign(SignatureOf(operation));
  const int64_t number = flight_->recorder.Begin(std::move(operation));
  const absl::Status status = call();
  if (!status.ok()) return Fail(number, status);
  flight_->recorder.End(number, status);
  return status;
}

absl::Status RecordedCollectives::Fail(int64_t number, const absl::Status& status) {
  FlightRecorder& recorder = flight_->recorder;
  const std::string call = Describe(recorder.last()->operation);
  const int world_rank = flight_->transport.rank();
  absl::Status error = Annotate(status, absl::StrCat("rank ", world_rank, ": ", call));
  if (flight_->transport.failed()) {
    const std::string known(error.message());
    const std::vector<std::string> said = flight_->transport.LeaveAndListen(
        absl::Status(status.code(), known.substr(0, kMostFarewellWords)), flight_->options.grace);
    error = absl::Status(status.code(), absl::StrCat(known, Others(said, world_rank, known)));
  }
  recorder.End(number, error);
  const absl::Status dumped = recorder.Dump();
  if (dumped.ok()) return error;
  return absl::Status(
      error.code(),
      absl::StrCat(error.message(), "; and the record was not written: ", dumped.message()));
}

absl::Status RecordedCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                            Reduction reduction) {
  return Run(All("all_reduce", count, dtype, NameOf(reduction)),
             [&] { return inner_->AllReduce(data, count, dtype, reduction); });
}

absl::Status RecordedCollectives::AllGather(const void* input, void* output, int64_t count,
                                            chips::DType dtype) {
  return Run(All("all_gather", count, dtype),
             [&] { return inner_->AllGather(input, output, count, dtype); });
}

absl::Status RecordedCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                                chips::DType dtype, Reduction reduction) {
  return Run(All("reduce_scatter", count, dtype, NameOf(reduction)),
             [&] { return inner_->ReduceScatter(input, output, count, dtype, reduction); });
}

absl::Status RecordedCollectives::Broadcast(void* data, int64_t count, chips::DType dtype,
                                            int root) {
  return Run(All("broadcast", count, dtype, "from", root),
             [&] { return inner_->Broadcast(data, count, dtype, root); });
}

absl::Status RecordedCollectives::Barrier() {
  return Run(All("barrier", 0, chips::DTYPE_UNSPECIFIED), [&] { return inner_->Barrier(); });
}

absl::Status RecordedCollectives::Reduce(void* data, int64_t count, chips::DType dtype,
                                         Reduction reduction, int root) {
  return Run(All("reduce", count, dtype, NameOf(reduction), root),
             [&] { return inner_->Reduce(data, count, dtype, reduction, root); });
}

absl::Status RecordedCollectives::Gather(const void* input, void* output, int64_t count,
                                         chips::DType dtype, int root) {
  return Run(All("gather", count, dtype, "to", root),
             [&] { return inner_->Gather(input, output, count, dtype, root); });
}

absl::Status RecordedCollectives::Scatter(const void* input, void* output, int64_t count,
                                          chips::DType dtype, int root) {
  return Run(All("scatter", count, dtype, "from", root),
             [&] { return inner_->Scatter(input, output, count, dtype, root); });
}

absl::Status RecordedCollectives::AllToAll(const void* input, void* output, int64_t count,
                                           chips::DType dtype) {
  return Run(All("all_to_all", count, dtype),
             [&] { return inner_->AllToAll(input, output, count, dtype); });
}

absl::Status RecordedCollectives::AllToAllV(const void* input,
                                            absl::Span<const int64_t> send_counts, void* output,
                                            absl::Span<const int64_t> receive_counts,
                                            chips::DType dtype) {
  return Run(All("all_to_all_v", -1, dtype),
             [&] { return inner_->AllToAllV(input, send_counts, output, receive_counts, dtype); });
}

absl::Status RecordedCollectives::Send(const void* data, int64_t count, chips::DType dtype,
                                       int peer) {
  return Run(Pair("send", count, dtype, "to", peer),
             [&] { return inner_->Send(data, count, dtype, peer); });
}

absl::Status RecordedCollectives::Recv(void* data, int64_t count, chips::DType dtype, int peer) {
  return Run(Pair("recv", count, dtype, "from", peer),
             [&] { return inner_->Recv(data, count, dtype, peer); });
}

absl::Status RecordedCollectives::Permute(const void* input, void* output, int64_t count,
                                          chips::DType dtype, int64_t offset) {
  const int64_t forward = ((offset % size()) + size()) % size();
  return Run(All("permute", count, dtype, "by", forward),
             [&] { return inner_->Permute(input, output, count, dtype, offset); });
}

absl::StatusOr<compiler::Collectives*> RecordedCollectives::Group(absl::string_view axes) {
  if (axes.empty()) return this;
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string name(axes);
  const auto known = groups_.find(name);
  if (known != groups_.end()) return known->second.get();
  STRATA_ASSIGN_OR_RETURN(compiler::Collectives * inner, inner_->Group(axes));
  auto& group = groups_[name];
  group.reset(new RecordedCollectives(flight_, inner, name));
  return group.get();
}

}  // namespace strata::distributed
