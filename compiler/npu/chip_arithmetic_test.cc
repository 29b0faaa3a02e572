// The interpreter's table of array cores (framework/graph/chip_arithmetic.h) against the machines themselves: the
// framework does not depend on chips/npu, so the table says their figures again.
#include "framework/graph/chip_arithmetic.h"

#include <set>
#include <string>

#include "base/status_matchers.h"
#include "chips/npu/machine/machine.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::npu::FindMachine;
using chips::npu::HasType;
using chips::npu::Machine;

TEST(ChipArithmetic, EveryArrayCoreOfTheCatalogueHasItsRow) {
  std::set<std::string> rows;
  for (const graph::ArrayMachine& row : graph::ArrayMachines()) rows.insert(row.name);
  std::set<std::string> arrays;
  for (const std::string& name : chips::npu::MachineNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(name));
    if (machine.has_array()) arrays.insert(name);
  }
  EXPECT_EQ(rows, arrays);
}

TEST(ChipArithmetic, FiguresAreTheMachines) {
  for (const graph::ArrayMachine& row : graph::ArrayMachines()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(row.name));
    EXPECT_EQ(row.array.rows, machine.array().rows().value()) << row.name;
    EXPECT_EQ(row.array.lanes, machine.vector_lanes().value()) << row.name;
    EXPECT_EQ(row.array.dataflow == chips::ArrayDataflow::kWeightStationary,
              machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY)
        << row.name;
    EXPECT_EQ(row.bf16, HasType(machine, chips::BF16)) << row.name;
    EXPECT_EQ(row.fp8, HasType(machine, chips::F8_E4M3)) << row.name;
    EXPECT_EQ(row.fp8, HasType(machine, chips::F8_E5M2)) << row.name;
  }
}

}  // namespace
}  // namespace strata::compiler
