#include "compiler/npu/product_kernel.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/npu/sim/array_core.h"
#include "compiler/npu/product_epilogue.h"
#include "compiler/npu/product_group.h"
#include "compiler/npu/product_program.h"
#include "compiler/npu/product_tiling.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/window_program.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::Machine;
using chips::npu::RegionKind;
using graph::Graph;

int64_t BytesOf(const Graph& region, graph::ValueId value) {
  return graph::TypeOf(region.values(static_cast<int>(value))).size_bytes();
}

std::vector<int64_t> AddInputs(const Graph& region, ProgramBuilder* builder) {
  std::vector<int64_t> addresses;
  for (int i = 0; i < region.inputs_size(); ++i) {
    addresses.push_back(builder->AddRegion(RegionKind::kInput, absl::StrCat("b", i),
                                           BytesOf(region, region.inputs(i).value())));
  }
  return addresses;
}

std::vector<int64_t> AddOutputs(const Graph& region, ProgramBuilder* builder) {
  std::vector<int64_t> addresses;
  for (int i = 0; i < region.outputs_size(); ++i) {
    addresses.push_back(builder->AddRegion(RegionKind::kOutput,
                                           absl::StrCat("b", region.inputs_size() + i),
                                           BytesOf(region, region.outputs(i).value())));
  }
  return addresses;
}

std::string UnitOf(const ProductGroup& group, const Machine& machine) {
  if (group.problem.work != WindowWork::kProduct) return "vector unit, channel by channel";
  const bool stationary = machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY;
  return stationary ? "weight-stationary array" : "output-stationary array";
}

std::string ReasonOf(const ProductGroup& group, const Machine& machine,
                     const ProductTiling& tiling) {
  std::vector<std::string> steps;
  for (const graph::Node* step : group.steps) steps.push_back(step->op());
  const std::string then = steps.empty() ? ""
                                         : absl::StrCat(", ", absl::StrJoin(steps, ", "),
                                                        " on its tiles by the vector unit");
  const std::string tiles =
      group.problem.work == WindowWork::kProduct
          ? tiling.ToString()
          : absl::StrCat("tiles of ", tiling.rows, " pixels x ", tiling.columns, " channels");
  return absl::StrCat(group.product->op(), " on the ", UnitOf(group, machine), then, "; ", tiles);
}

// The program's loops, outermost first.
std::string NestOf(const ProductGroup& group, const ProductTiling& tiling) {
  const ProductProblem& p = group.problem;
  const ProductCuts cuts = CutsOf(p, tiling);
  const std::string rows =
      absl::StrCat("for rows of C: ", cuts.rows.size(), " tiles of ", tiling.rows, "\n");
  const std::string columns =
      absl::StrCat("for columns of C: ", cuts.columns.size(), " tiles of ", tiling.columns, "\n");
  const int64_t chunks = static_cast<int64_t>(cuts.depth.front().chunks.size());
  return absl::StrCat(
      tiling.rows_outer ? rows : columns, "  ", tiling.rows_outer ? columns : rows,
      "    for depth: ", cuts.depth.size(), " tiles of ", tiling.depth, "  # load A, W\n",
      "      for chunks of W: ", chunks, " of ", tiling.chunk, " rows\n",
      "        C += A W  # the array's width at a time\n",
      group.steps.empty() ? "" : absl::StrCat("    ", group.steps.size(), " steps on the tile\n"),
      "    store ", group.problem.batch * p.rows, " x ", p.columns, " tile by tile\n");
}

}  // namespace

absl::Status CheckProductKernel(const Graph& region, const Machine& machine) {
  STRATA_ASSIGN_OR_RETURN(const ProductGroup group, ProductGroup::Of(region));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, chips::npu::NewArrayCore(machine));
  return CheckProduct(*core, machine, group.problem);
}

absl::StatusOr<NpuKernel> EmitProductKernel(const Graph& region, const Machine& machine) {
  STRATA_ASSIGN_OR_RETURN(const ProductGroup group, ProductGroup::Of(region));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, chips::npu::NewArrayCore(machine));
  STRATA_RETURN_IF_ERROR(CheckProduct(*core, machine, group.problem));
  ProductEpilogue epilogue(region, group);
  const bool windows = group.problem.work != WindowWork::kProduct;
  STRATA_ASSIGN_OR_RETURN(const ProductTiling tiling,
                          windows ? ChooseWindowTiling(*core, group.problem, epilogue.shape())
                                  : ChooseTiling(*core, machine, group.problem, epilogue.shape()));
  ProgramBuilder builder(core.get(), region.name());
  const std::vector<int64_t> inputs = AddInputs(region, &builder);
  epilogue.SetRegions(inputs, AddOutputs(region, &builder));
  const ProductOperands operands = {inputs[static_cast<size_t>(group.a)],
                                    inputs[static_cast<size_t>(group.w)]};
  STRATA_RETURN_IF_ERROR(
      windows ? EmitWindows(group.problem, tiling, operands, &epilogue, &builder)
              : EmitProduct(machine, group.problem, tiling, operands, &epilogue, &builder));
  NpuKernel kernel;
  STRATA_ASSIGN_OR_RETURN(kernel.program, std::move(builder).Finish());
  kernel.reason = ReasonOf(group, machine, tiling);
  kernel.loop_nest = NestOf(group, tiling);
  return kernel;
}

}  // namespace strata::compiler
