// The mpi transport: one rank a process, over Open MPI's point-to-point messages.
//
//   mpirun -n 2 program        # two ranks; without mpirun there is one
//
// MPI is initialised by the first transport of the process and finalised when the process exits.
// Each transport has a communicator of its own, so all processes must make theirs in the same
// order. A rank that leaves sends every peer a farewell with its reason. MPI cannot recall a send:
// memory given to one that failed must stay valid until exit.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_MPI_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_MPI_TRANSPORT_H_

#include <mpi.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class MpiTransport : public Transport {
 public:
  static absl::StatusOr<std::unique_ptr<MpiTransport>> Create();
  ~MpiTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "mpi"; }
  TransportCapabilities capabilities() const override {
    TransportCapabilities capabilities;
    capabilities.between_processes = true;
    capabilities.overwrite_bytes = kAnySize;
    return capabilities;
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  // For MPI's own collectives: the communicator, and waiting for a request of one under this
  // transport's contract (timeout, peers that left).
  MPI_Comm communicator() const { return communicator_; }
  absl::Status AwaitCollective(MPI_Request* request, const std::string& what);

 protected:
  absl::Status DoSend(const Outgoing& message) override;
  absl::Status DoRecv(const Incoming& message) override;
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override;
  void DoLeave(const absl::Status& reason) override;
  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting;

  MpiTransport(MPI_Comm communicator, int rank, int size);
  absl::Status Start(const Outgoing& message, std::vector<MPI_Request>* requests);
  absl::Status Finish(const Outgoing& message, std::vector<MPI_Request>* requests,
                      Clock::time_point deadline);
  absl::Status Receive(const Incoming& message, Clock::time_point deadline);
  absl::Status ReceivePiece(const Incoming& message, char* data, int bytes,
                            Clock::time_point deadline);
  absl::Status Poll(const Waiting& waiting, absl::FunctionRef<absl::StatusOr<bool>()> done);
  absl::Status ReadFarewell(int peer);
  absl::StatusOr<int> WhoLeft(const Waiting& waiting);
  absl::Status Drop(MPI_Message* matched, int bytes, const Waiting& waiting);

  MPI_Comm communicator_;
  int rank_;
  int size_;
  struct Farewell {
    bool came = false;
    bool in_good_order = false;
    std::string reason;
  };
  std::vector<Farewell> farewells_;               // by peer
  std::vector<std::unique_ptr<char[]>> dropped_;  // targets of messages nobody wanted
};

// OK, or INTERNAL with MPI's text.
absl::Status MpiStatus(int code, absl::string_view what);

// Adds "mpi" to WorldRegistry().
void RegisterMpiTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_MPI_TRANSPORT_H_
