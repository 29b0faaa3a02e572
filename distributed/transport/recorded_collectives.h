// RecordedCollectives: any collectives with a flight recorder around them, so that a run that goes
// wrong ends on every rank, within the time-out, with an error that names rank, collective and
// sequence number, and what the other ranks were at:
//
//   STRATA_ASSIGN_OR_RETURN(auto collectives, RecordedCollectives::Create(transport, {},
//       [&](Transport& t) { return MeshCollectives::Create(t, mesh, "auto"); }));
//   collectives->AllReduce(...)
//
//     rank 0: all_reduce of 10 f32 (sum), group 'dp' #3: rank 0: receive of 40 bytes from rank 1,
//     tag 17: 40 bytes with tag 912 came ...; rank 1: all_gather of 10 f32, group 'dp' #3: ...; no
//     word from rank 2: does it hang, or make no such call?
//
// - A call that only sends (the root's of a broadcast) may be over before the mismatch is noticed;
//   then the next call fails.
// - Calls that do not match (another verb, size, dtype, reduction, root, or one call more or less)
//   are noticed by the first message that has another signature (signed_transport.h). A rank that
//   notices, is late or hears of a dead peer leaves the run with what it was doing as the reason,
//   and listens for `grace` to what the others say, so it can name who says nothing.
// - Errors of arguments, noticed before anything was sent, leave the run as it is.
// - The record is written to the dump directory when the run ends in an error.
//
// A call costs some 75 ns more than without (on a core of 4th-generation EPYC). One thread at a time, as with the transport.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_RECORDED_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_TRANSPORT_RECORDED_COLLECTIVES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/device/collectives.h"
#include "distributed/transport/flight_recorder.h"
#include "distributed/transport/signed_transport.h"

namespace strata::distributed {

class RecordedCollectives : public compiler::Collectives {
 public:
  struct Options {
    int64_t capacity = 64;            // operations kept
    std::string dump_directory = {};  // "" for none
    std::chrono::nanoseconds grace = std::chrono::seconds(1);
  };
  using Make =
      std::function<absl::StatusOr<std::unique_ptr<compiler::Collectives>>(Transport& transport)>;

  // What `make` makes on `transport`, which must outlive this. Do not use the transport beside it.
  static absl::StatusOr<std::unique_ptr<RecordedCollectives>> Create(Transport& transport,
                                                                     Options options,
                                                                     const Make& make);
  ~RecordedCollectives() override;

  const FlightRecorder& recorder() const;

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override;
  absl::Status Reduce(void* data, int64_t count, chips::DType dtype, compiler::Reduction reduction,
                      int root) override;
  absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                      int root) override;
  absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                       int root) override;
  absl::Status AllToAll(const void* input, void* output, int64_t count,
                        chips::DType dtype) override;
  absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts, void* output,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype) override;
  absl::Status Send(const void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Recv(void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                       int64_t offset) override;
  // Recorded as well, with the same recorder. Sequence numbers are of a group.
  absl::StatusOr<compiler::Collectives*> Group(absl::string_view axes) override;

 private:
  struct Flight;  // what a run's groups share

  RecordedCollectives(std::shared_ptr<Flight> flight, compiler::Collectives* inner,
                      std::string group);

  template <typename Call>
  absl::Status Run(Operation operation, Call call);
  absl::Status Fail(int64_t number, const absl::Status& status);

  std::shared_ptr<Flight> flight_;
  compiler::Collectives* inner_;
  std::string group_;
  int64_t sequence_ = 0;
  std::mutex mutex_;  // of groups_: a device asks for them from two threads
  std::map<std::string, std::unique_ptr<RecordedCollectives>> groups_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_RECORDED_COLLECTIVES_H_
