// MeshCollectives: the ranks of a run as a mesh of named axes, and collectives among the ranks of a row of it.
//
//   RegisterAlgorithmCollectives();
//   STRATA_ASSIGN_OR_RETURN(auto world, MeshCollectives::Create(transport, {{"dp", 2}, {"tp", 4}}, "auto"));
//   STRATA_ASSIGN_OR_RETURN(compiler::Collectives* tp, world->Group("tp"));   // rank 5 of 8: with 4, 6 and 7
//
// The last axis varies fastest with the rank: rank 5 is at dp 1, tp 1. A group's ranks are in the order of the axes it
// is asked for with, the first as major: Group("tp,dp") of rank 5 is {0, 4, 1, 5, 2, 6, 3, 7}. All ranks in their own order
// are no group beside the world.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_MESH_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_MESH_COLLECTIVES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compiler/device/collectives.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

struct MeshAxis {
  std::string name;  // without comma or blank
  int64_t size = 1;
};

class MeshCollectives : public compiler::Collectives {
 public:
  // `implementation` is a name of CollectivesRegistry(): of the whole mesh and of each group. `transport` must outlive
  // this. INVALID_ARGUMENT when the sizes do not make up the transport's, or a name is missing or there twice.
  static absl::StatusOr<std::unique_ptr<MeshCollectives>> Create(Transport& transport,
                                                                 std::vector<MeshAxis> mesh,
                                                                 const std::string& implementation);
  // The mesh of a valid plan.
  static absl::StatusOr<std::unique_ptr<MeshCollectives>> Create(Transport& transport,
                                                                 const parallel::ParallelPlan& plan,
                                                                 const std::string& implementation);
  ~MeshCollectives() override;

  // This rank's index along an axis, and the axis's size. INVALID_ARGUMENT when there is no such axis.
  absl::StatusOr<int64_t> Coordinate(absl::string_view axis) const;
  const std::vector<MeshAxis>& mesh() const { return mesh_; }

  absl::StatusOr<compiler::Collectives*> Group(absl::string_view axes) override;

  // All ranks.
  int rank() const override { return world_->rank(); }
  int size() const override { return world_->size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override {
    return world_->AllReduce(data, count, dtype, reduction);
  }
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override {
    return world_->AllGather(input, output, count, dtype);
  }
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override {
    return world_->ReduceScatter(input, output, count, dtype, reduction);
  }
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override {
    return world_->Broadcast(data, count, dtype, root);
  }
  absl::Status Barrier() override { return world_->Barrier(); }
  absl::Status Reduce(void* data, int64_t count, chips::DType dtype, compiler::Reduction reduction,
                      int root) override {
    return world_->Reduce(data, count, dtype, reduction, root);
  }
  absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                      int root) override {
    return world_->Gather(input, output, count, dtype, root);
  }
  absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                       int root) override {
    return world_->Scatter(input, output, count, dtype, root);
  }
  absl::Status AllToAll(const void* input, void* output, int64_t count,
                        chips::DType dtype) override {
    return world_->AllToAll(input, output, count, dtype);
  }
  absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts, void* output,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype) override {
    return world_->AllToAllV(input, send_counts, output, receive_counts, dtype);
  }
  absl::Status Send(const void* data, int64_t count, chips::DType dtype, int peer) override {
    return world_->Send(data, count, dtype, peer);
  }
  absl::Status Recv(void* data, int64_t count, chips::DType dtype, int peer) override {
    return world_->Recv(data, count, dtype, peer);
  }
  absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                       int64_t offset) override {
    return world_->Permute(input, output, count, dtype, offset);
  }

 private:
  struct SubGroup;

  MeshCollectives(Transport& transport, std::vector<MeshAxis> mesh, std::string implementation,
                  std::unique_ptr<compiler::Collectives> world);
  absl::StatusOr<size_t> AxisAt(absl::string_view name) const;
  absl::StatusOr<std::vector<int>> RanksOf(absl::string_view axes) const;
  int64_t CoordinateAt(size_t axis) const;

  Transport& transport_;
  std::vector<MeshAxis> mesh_;
  std::vector<int64_t> strides_;  // of the rank, by axis
  std::string implementation_;
  std::unique_ptr<compiler::Collectives> world_;
  std::mutex mutex_;  // of groups_: a device asks for them from two threads
  std::map<std::string, std::unique_ptr<SubGroup>, std::less<>>
      groups_;  // by the axes as asked for
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_MESH_COLLECTIVES_H_
