#include "chips/spec/describe.h"

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

constexpr char kChip[] = R"(
  version: 1 name: "toy" title: "Toy 1" cores: 4 npu_machine: "edge_16"
  launch_overhead_seconds { value: 1e-6 source: "a guess" }
  rates { dtype: F32 flops_per_second { value: 999.6e9 source: "sheet" } }
  rates { dtype: I8 flops_per_second { value: 1978.9e12 source: "sheet" } matrix_unit: true }
  memories { name: "L2" kind: CACHE instances: 2
    capacity_bytes { value: 1536 source: "sheet" } }
  memories { name: "HBM" kind: MAIN_MEMORY instances: 1
    capacity_bytes { value: 85100068864 source: "driver" }
    bandwidth_bytes_per_second { value: 2e12 source: "sheet" } })";

constexpr char kTable[] = R"(toy: Toy 1

cores            4
launch overhead  1 us                            [1]
simulated as     edge_16

rate             peak        unit    ridge       source
f32              1 TFLOP/s   vector  0.5 FLOP/B  [2]
i8               1.98 POP/s  matrix  989 OP/B    [2]

memory           capacity            bandwidth   source
L2               1.5 KiB     x 2     -           [2]
HBM              79.26 GiB   x 1     2 TB/s      [3] [2]

[1]  a guess
[2]  sheet
[3]  driver
)";

TEST(DescribeChip, PrintsAlignedTablesWithSources) {
  Chip chip;
  ASSERT_OK(ParseTextProto(kChip, "toy", &chip));
  EXPECT_EQ(DescribeChip(chip), kTable);
}

}  // namespace
}  // namespace strata::chips
