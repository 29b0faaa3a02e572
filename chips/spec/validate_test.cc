#include "chips/spec/validate.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

constexpr char kChip[] = R"(
  version: 1 name: "toy" title: "Toy 1" cores: 4
  launch_overhead_seconds { value: 1e-6 source: "made up" }
  rates { dtype: F32 flops_per_second { value: 1e12 source: "made up" } }
  rates { dtype: BF16 flops_per_second { value: 2e12 source: "made up" } }
  rates { dtype: BF16 flops_per_second { value: 8e12 source: "made up" } matrix_unit: true }
  memories { name: "L1" kind: SCRATCHPAD instances: 4
    capacity_bytes { value: 65536 source: "made up" }
    bandwidth_bytes_per_second { value: 4e12 source: "made up" } }
  memories { name: "L2" kind: CACHE instances: 1
    capacity_bytes { value: 1048576 source: "made up" } }
  memories { name: "HBM" kind: MAIN_MEMORY instances: 1
    capacity_bytes { value: 1e9 source: "made up" }
    bandwidth_bytes_per_second { value: 1e12 source: "made up" } })";

constexpr char kCluster[] = R"(
  version: 1 name: "pod" chip: "h100"
  levels { name: "nvlink" size: 8
    latency_seconds { value: 1e-6 source: "made up" }
    bandwidth_bytes_per_second { value: 4.5e11 source: "made up" } }
  levels { name: "infiniband" size: 3
    latency_seconds { value: 2e-6 source: "made up" }
    bandwidth_bytes_per_second { value: 5e10 source: "made up" } })";

Chip ToyChip() {
  Chip chip;
  EXPECT_OK(ParseTextProto(kChip, "toy", &chip));
  return chip;
}

Cluster ToyCluster() {
  Cluster cluster;
  EXPECT_OK(ParseTextProto(kCluster, "pod", &cluster));
  return cluster;
}

template <typename Message>
struct Fault {
  std::function<void(Message*)> spoil;
  const char* message;  // a beginning of the error
};

TEST(ValidateChip, AcceptsTheToy) { EXPECT_OK(ValidateChip(ToyChip())); }

TEST(ValidateChip, AcceptsTheLeastThereIs) {
  Chip chip = ToyChip();
  chip.clear_launch_overhead_seconds();
  chip.mutable_rates()->DeleteSubrange(1, 2);
  chip.mutable_memories()->DeleteSubrange(0, 2);
  EXPECT_OK(ValidateChip(chip));
}

TEST(ValidateChip, RefusesByFieldPath) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Fault<Chip>> faults = {
      {[](Chip* c) { c->set_version(7); }, "chip 'toy': version: is 7; this build reads version 1"},
      {[](Chip* c) { c->clear_name(); }, "chip: name: is empty"},
      {[](Chip* c) { c->set_name("H100"); }, "chip 'H100': name: 'H100' is no key"},
      {[](Chip* c) { c->set_title(" "); }, "chip 'toy': title: is empty"},
      {[](Chip* c) { c->set_cores(0); }, "chip 'toy': cores: is 0"},
      {[](Chip* c) { c->set_npu_machine("Edge 16"); },
       "chip 'toy': npu_machine: 'Edge 16' names no machine"},
      {[](Chip* c) { c->clear_rates(); }, "chip 'toy': rates: is empty"},
      {[](Chip* c) { c->mutable_rates(0)->clear_dtype(); }, "chip 'toy': rates[0].dtype: is unset"},
      {[](Chip* c) { c->mutable_rates(0)->set_dtype(static_cast<DType>(99)); },
       "chip 'toy': rates[0].dtype: is unknown"},
      {[](Chip* c) { c->mutable_rates(1)->clear_flops_per_second(); },
       "chip 'toy': rates[1].flops_per_second: is unset; give a value in FLOP/s"},
      {[](Chip* c) { c->mutable_rates(1)->mutable_flops_per_second()->set_value(-2); },
       "chip 'toy': rates[1].flops_per_second.value: is -2; give a positive finite"},
      {[](Chip* c) { c->mutable_rates(1)->mutable_flops_per_second()->set_value(0); },
       "chip 'toy': rates[1].flops_per_second.value: is 0"},
      {[](Chip* c) { c->mutable_rates(1)->mutable_flops_per_second()->set_value(std::nan("")); },
       "chip 'toy': rates[1].flops_per_second.value: is nan"},
      {[](Chip* c) { c->mutable_rates(2)->mutable_flops_per_second()->clear_source(); },
       "chip 'toy': rates[2].flops_per_second.source: is empty; name the data sheet"},
      {[](Chip* c) { *c->add_rates() = c->rates(2); },
       "chip 'toy': rates[3]: contradicts rates[2]: both are for bf16 on matrix units"},
      {[](Chip* c) { c->clear_memories(); }, "chip 'toy': memories: is empty"},
      {[](Chip* c) { c->mutable_memories(1)->clear_name(); },
       "chip 'toy': memories[1].name: is empty"},
      {[](Chip* c) { c->mutable_memories(1)->set_name("L1"); },
       "chip 'toy': memories[1].name: 'L1' is used twice"},
      {[](Chip* c) { c->mutable_memories(1)->clear_kind(); },
       "chip 'toy': memories[1].kind: is unset"},
      {[](Chip* c) { c->mutable_memories(1)->set_instances(0); },
       "chip 'toy': memories[1].instances: is 0"},
      {[](Chip* c) { c->mutable_memories(1)->clear_capacity_bytes(); },
       "chip 'toy': memories[1].capacity_bytes: is unset; give a value in bytes"},
      {[](Chip* c) { c->mutable_memories(1)->mutable_capacity_bytes()->set_value(1.5); },
       "chip 'toy': memories[1].capacity_bytes.value: is 1.5; give whole bytes"},
      {[](Chip* c) { c->mutable_memories(1)->mutable_capacity_bytes()->set_value(2e9); },
       "chip 'toy': memories[1].capacity_bytes.value: is more than the main memory 'HBM'"},
      {[](Chip* c) { c->mutable_memories(2)->clear_bandwidth_bytes_per_second(); },
       "chip 'toy': memories[2].bandwidth_bytes_per_second: is unset"},
      {[=](Chip* c) {
         c->mutable_memories(2)->mutable_bandwidth_bytes_per_second()->set_value(kInfinity);
       },
       "chip 'toy': memories[2].bandwidth_bytes_per_second.value: is inf"},
      {[](Chip* c) {
         c->mutable_memories(0)->mutable_bandwidth_bytes_per_second()->set_value(1e11);
       },
       "chip 'toy': memories[0].bandwidth_bytes_per_second.value: is 1e+11, less than the 1e+12"},
      {[](Chip* c) { c->mutable_memories()->RemoveLast(); },
       "chip 'toy': memories[1].kind: is not MAIN_MEMORY"},
      {[](Chip* c) { c->mutable_memories()->SwapElements(1, 2); },
       "chip 'toy': memories[2].kind: is not MAIN_MEMORY"},
      {[](Chip* c) {
         *c->add_memories() = c->memories(2);
         c->mutable_memories(3)->set_name("HBM 2");
       },
       "chip 'toy': memories[2].kind: is a second MAIN_MEMORY"},
      {[](Chip* c) { c->mutable_launch_overhead_seconds()->clear_source(); },
       "chip 'toy': launch_overhead_seconds.source: is empty"},
  };
  for (const Fault<Chip>& fault : faults) {
    Chip chip = ToyChip();
    fault.spoil(&chip);
    EXPECT_THAT(ValidateChip(chip),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::StartsWith(fault.message)));
  }
}

TEST(ValidateCluster, AcceptsAndCounts) {
  Cluster cluster = ToyCluster();
  EXPECT_OK(ValidateCluster(cluster));
  EXPECT_EQ(ChipCount(cluster), 24);
  cluster.clear_levels();
  EXPECT_OK(ValidateCluster(cluster));
  EXPECT_EQ(ChipCount(cluster), 1);
}

TEST(ValidateCluster, RefusesByFieldPath) {
  const std::vector<Fault<Cluster>> faults = {
      {[](Cluster* c) { c->set_version(0); }, "cluster 'pod': version: is 0"},
      {[](Cluster* c) { c->clear_name(); }, "cluster: name: is empty"},
      {[](Cluster* c) { c->clear_chip(); }, "cluster 'pod': chip: is empty"},
      {[](Cluster* c) { c->mutable_levels(0)->clear_name(); },
       "cluster 'pod': levels[0].name: is empty"},
      {[](Cluster* c) { c->mutable_levels(1)->set_name("nvlink"); },
       "cluster 'pod': levels[1].name: 'nvlink' is used twice"},
      {[](Cluster* c) { c->mutable_levels(1)->set_size(0); },
       "cluster 'pod': levels[1].size: is 0"},
      {[](Cluster* c) { c->mutable_levels(1)->set_size(4294967295u); },
       "cluster 'pod': levels[1].size: makes 34359738360 chips"},
      {[](Cluster* c) { c->mutable_levels(1)->clear_latency_seconds(); },
       "cluster 'pod': levels[1].latency_seconds: is unset; give a value in seconds"},
      {[](Cluster* c) {
         c->mutable_levels(0)->mutable_bandwidth_bytes_per_second()->clear_source();
       },
       "cluster 'pod': levels[0].bandwidth_bytes_per_second.source: is empty"},
  };
  for (const Fault<Cluster>& fault : faults) {
    Cluster cluster = ToyCluster();
    fault.spoil(&cluster);
    EXPECT_THAT(ValidateCluster(cluster),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::StartsWith(fault.message)));
  }
}

}  // namespace
}  // namespace strata::chips
