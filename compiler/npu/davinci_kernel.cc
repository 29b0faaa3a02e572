#include "compiler/npu/davinci_kernel.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/npu/davinci/davinci_core.h"
#include "compiler/npu/davinci_group.h"
#include "compiler/npu/davinci_product.h"
#include "compiler/npu/davinci_tail.h"
#include "compiler/npu/davinci_window.h"
#include "compiler/npu/product_problem.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {
namespace {

using chips::npu::RegionKind;
using graph::Graph;

// Addresses of b0, b1, ...: reads, then writes.
struct Buffers {
  std::vector<int64_t> reads, writes;
};

int64_t BytesOf(const Graph& region, graph::ValueId id) {
  return graph::TypeOf(region.values(static_cast<int>(id))).size_bytes();
}

Buffers AddBuffers(const Graph& region, ProgramBuilder* builder) {
  Buffers buffers;
  int number = 0;
  for (const graph::Input& input : region.inputs()) {
    buffers.reads.push_back(builder->AddRegion(RegionKind::kInput, absl::StrCat("b", number++),
                                               BytesOf(region, input.value())));
  }
  for (const graph::Output& output : region.outputs()) {
    buffers.writes.push_back(builder->AddRegion(RegionKind::kOutput, absl::StrCat("b", number++),
                                                BytesOf(region, output.value())));
  }
  return buffers;
}

// Elementwise work only: C by tiles.
absl::Status EmitElementwise(const DavinciGroup& group, DavinciTail* tail) {
  const int64_t columns = std::min(group.columns, DavinciTail::kMaxPanel);
  const int64_t rows = std::min<int64_t>(tail->MaxRows(columns), 65535);
  if (rows < 1) return absl::UnimplementedError("UB does not hold a row of all its operands");
  for (int64_t c = 0; c < group.columns; c += columns) {
    tail->BeginPanel(c, std::min(columns, group.columns - c));
    for (int64_t r = 0; r < group.rows; r += rows) {
      tail->Run({r, std::min(rows, group.rows - r), c, std::min(columns, group.columns - c)});
    }
  }
  return absl::OkStatus();
}

std::string StepsOf(const DavinciGroup& group) {
  std::vector<std::string> ops;
  for (const graph::Node* node : group.steps) ops.push_back(node->op());
  return absl::StrJoin(ops, ", ");
}

class Kernel {
 public:
  Kernel(const DavinciGroup& group, const chips::npu::Machine& machine,
         const chips::npu::Core* core)
      : group_(group), machine_(machine), builder_(core, "kernel") {}

  absl::StatusOr<NpuKernel> Run() {
    const Buffers buffers = AddBuffers(*group_.region, &builder_);
    DavinciTail tail(group_, machine_, buffers.reads, buffers.writes, &builder_);
    STRATA_RETURN_IF_ERROR(Head(buffers, &tail));
    STRATA_ASSIGN_OR_RETURN(kernel_.program, std::move(builder_).Finish());
    if (!group_.steps.empty()) absl::StrAppend(&kernel_.reason, "; vector unit: ", StepsOf(group_));
    return std::move(kernel_);
  }

 private:
  int64_t AddressOf(const Buffers& buffers, graph::ValueId id) const {
    return buffers.reads[static_cast<size_t>(group_.values[id].input)];
  }

  absl::Status Head(const Buffers& buffers, DavinciTail* tail) {
    if (group_.head == nullptr) {
      kernel_.reason = "elementwise";
      kernel_.loop_nest = "for each tile of UB: GM to UB, vector steps, UB to GM\n";
      return EmitElementwise(group_, tail);
    }
    if (group_.head->op() == "max_pool2d") {
      kernel_.reason = "largest of windows on the vector unit";
      kernel_.loop_nest = "for each output lines: GM to UB, vmax, vector steps, UB to GM\n";
      return EmitDavinciPool(group_, AddressOf(buffers, group_.head->inputs(0)), tail, &builder_);
    }
    if (group_.head->op() == "reduce_sum") {
      kernel_.reason = "column sums on the vector unit";
      kernel_.loop_nest = "for each image: GM to UB, vcsum, vector steps, UB to GM\n";
      return EmitDavinciSum(group_, AddressOf(buffers, *group_.summed), tail, &builder_);
    }
    return Product(buffers, tail);
  }

  absl::Status Product(const Buffers& buffers, DavinciTail* tail) {
    const graph::OpCall call = graph::CallOf(*group_.region, *group_.head);
    STRATA_ASSIGN_OR_RETURN(const ProductProblem problem, ProductProblemOf(call));
    if (problem.work == WindowWork::kDepthwise) {
      kernel_.reason = "depthwise on the vector unit";
      kernel_.loop_nest =
          "for each output lines: GM to UB, vmul and vadd, vector steps, UB to GM\n";
      return EmitDavinciDepthwise(group_, AddressOf(buffers, group_.head->inputs(0)),
                                  AddressOf(buffers, group_.head->inputs(1)), tail, &builder_);
    }
    if (!problem.one_weight) return absl::UnimplementedError("a batch of products of two inputs");
    STRATA_ASSIGN_OR_RETURN(const DavinciTiling tiling,
                            ChooseDavinciTiling(machine_, problem, *tail));
    kernel_.loop_nest = tiling.ToString();
    kernel_.reason = absl::StrCat("cube: tiles of ", tiling.rows, " x ", tiling.columns,
                                  ", depth by ", tiling.step, ", panels of ", tiling.panel);
    const ProductAddresses addresses = {AddressOf(buffers, group_.head->inputs(0)),
                                        AddressOf(buffers, group_.head->inputs(1))};
    EmitDavinciProduct(problem, tiling, addresses, tail, &builder_);
    return absl::OkStatus();
  }

  const DavinciGroup& group_;
  const chips::npu::Machine& machine_;
  ProgramBuilder builder_;
  NpuKernel kernel_;
};

}  // namespace

absl::StatusOr<NpuKernel> EmitDavinciKernel(const Graph& region,
                                            const chips::npu::Machine& machine) {
  STRATA_ASSIGN_OR_RETURN(const DavinciGroup group, ReadDavinciGroup(region));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<chips::npu::Core> core,
                          chips::npu::davinci::NewDavinciCore(machine));
  absl::StatusOr<NpuKernel> kernel = Kernel(group, machine, core.get()).Run();
  // Sizes that an instruction cannot say.
  if (absl::IsInvalidArgument(kernel.status())) {
    return absl::UnimplementedError(kernel.status().message());
  }
  return kernel;
}

}  // namespace strata::compiler
