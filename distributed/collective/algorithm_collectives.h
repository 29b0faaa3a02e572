// AlgorithmCollectives: the collectives that are written against Transport. Each call is done by a row of the table:
// the one of the name given, or the one that the tuner picks.
//
//   AlgorithmCollectives collectives(transport, {.algorithm = "ring"});
//   STRATA_RETURN_IF_ERROR(collectives.AllReduce(grad, count, chips::F32, compiler::Reduction::kMean));
//
// Results are the same bits on all ranks, and in every run with the same options.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_COLLECTIVES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/device/collectives.h"
#include "distributed/collective/algorithm.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class AlgorithmCollectives : public compiler::Collectives {
 public:
  struct Options {
    // A name of the table; verbs and numbers of ranks that it has no row for take the default row. "auto": the tuner's
    // choice for each call.
    std::string algorithm = "auto";
    // Measures the link at the first call, which then picks by what it found: another run may pick otherwise.
    bool measure = false;
    Tuning tuning = {};
  };

  // With the typical link of the transport. INVALID_ARGUMENT lists the names there are.
  static absl::StatusOr<std::unique_ptr<AlgorithmCollectives>> Create(Transport& transport,
                                                                      absl::string_view algorithm);

  // `transport` must outlive this. All ranks give the same options, with a name that there is.
  AlgorithmCollectives(Transport& transport, Options options);

  int rank() const override { return transport_.rank(); }
  int size() const override { return transport_.size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override { return transport_.Barrier(); }
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

  // The row that a call of `count` elements is done by.
  const Algorithm& Chosen(Verb verb, int64_t count, chips::DType dtype);

 private:
  struct Pick {
    int64_t count = -1, element_bytes = 0;
    const Algorithm* algorithm = nullptr;
  };

  absl::Status Run(const Call& call);
  const Algorithm& Choose(Verb verb, const CallShape& shape) const;

  Transport& transport_;
  Options options_;
  bool measured_ = false;
  std::vector<Pick> last_picks_;  // by verb: a step of training makes the same calls again
  Workspace workspace_;
};

// Adds "auto", "measured" and every name of the table to CollectivesRegistry().
void RegisterAlgorithmCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_COLLECTIVES_H_
