#include "compiler/npu/movement_kernel.h"

#include <algorithm>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/sim/array_core.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/strided_copy.h"
#include "compiler/npu/vector_ops.h"

namespace strata::compiler {
namespace {

using chips::npu::RegionKind;
namespace npu = chips::npu;

constexpr int64_t kLongest = 65535;           // bytes of a DMA row; also rows
constexpr int64_t kFarthest = (1 << 24) - 1;  // bytes between DMA rows
constexpr int64_t kLongRun = 32768;           // of a gapless copy, a DMA row
constexpr int64_t kSmallChunk = 16384;        // less is not worth an instruction of its own
constexpr int64_t kChunks = 4;                // that loads and stores overlap
constexpr int64_t kMostColumns = 128;         // of a tile that is turned around
constexpr int64_t kMostZeros = 4096;          // bytes

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

// The type whose way through the accumulators keeps an element's bits (but that bf16's NaNs become quiet).
chips::DType Carrier(int64_t element) {
  return element == 4 ? chips::I32 : element == 2 ? chips::BF16 : chips::I8;
}

class Mover {
 public:
  Mover(const npu::Core& core, chips::DType dtype)
      : element_(static_cast<int64_t>(chips::SizeOf(dtype))),
        dtype_(dtype),
        alignment_(core.memories()[npu::kL1].alignment),
        acc_bytes_(core.memories()[npu::kAcc].bytes),
        zero_bytes_(std::min(kMostZeros, acc_bytes_ / 2)),
        place_((core.memories()[npu::kL1].bytes - zero_bytes_) / 2 / alignment_ * alignment_),
        b_(&core, "movement") {}

  absl::StatusOr<NpuKernel> Run(const graph::OpCall& call) {
    int number = 0;
    for (const graph::TensorType& type : call.inputs) {
      src_.push_back(
          b_.AddRegion(RegionKind::kInput, absl::StrCat("b", number++), type.size_bytes()));
    }
    dst_ =
        b_.AddRegion(RegionKind::kOutput, absl::StrCat("b", number), call.outputs[0].size_bytes());
    for (const StridedCopy& copy : StridedCopiesOf(call)) STRATA_RETURN_IF_ERROR(Move(copy));
    NpuKernel kernel;
    kernel.reason = absl::StrCat(
        call.node->op(), turned_ ? ": tiles turned in the accumulators" : ": DMA through L1");
    kernel.loop_nest = absl::StrCat("for ", chunks_, " chunks\n  DRAM -> L1[2] -> ",
                                    turned_ ? "accumulators -> L1[2] -> " : "", "DRAM\n");
    STRATA_ASSIGN_OR_RETURN(kernel.program, std::move(b_).Finish());
    return kernel;
  }

 private:
  absl::Status Move(StridedCopy copy) {
    for (const CopyDim& dim : copy.dims) {
      if (std::max(dim.src, dim.dst) > kFarthest) {
        return absl::UnimplementedError("rows that lie farther apart than a stride reaches");
      }
    }
    if (copy.input == StridedCopy::kZeros) {
      Zero(copy);
    } else if (!copy.dims.empty() && copy.bytes == element_ && copy.dims.back().dst == element_) {
      return Turn(copy);
    } else {
      CutRuns(&copy, [this](const StridedCopy& part) { Runs(part); });
    }
    return absl::OkStatus();
  }

  // Runs longer than a DMA row, and the one run of a gapless copy, become rows of their own.
  void CutRuns(StridedCopy* copy, const std::function<void(const StridedCopy&)>& use) {
    const int64_t run = std::min(kLongRun, place_);
    const int64_t rest = copy->bytes % run;
    if (copy->bytes <= std::min(kLongest, place_) && !copy->dims.empty()) return use(*copy);
    if (copy->bytes > rest) {
      StridedCopy whole = *copy;
      whole.dims.push_back({copy->bytes / run, run, run});
      whole.bytes = run;
      use(whole);
    }
    if (rest > 0) {
      StridedCopy end = *copy;
      end.src += copy->bytes - rest;
      end.dst += copy->bytes - rest;
      end.bytes = rest;
      use(end);
    }
  }

  // Calls use(src, dst) for each index of the dims but the last `inner` ones.
  static void ForEach(const StridedCopy& copy, size_t inner,
                      const std::function<void(int64_t, int64_t)>& use) {
    std::vector<int64_t> index(copy.dims.size() - inner, 0);
    while (true) {
      int64_t src = copy.src, dst = copy.dst;
      for (size_t d = 0; d < index.size(); ++d) {
        src += index[d] * copy.dims[d].src;
        dst += index[d] * copy.dims[d].dst;
      }
      use(src, dst);
      size_t d = index.size();
      while (d > 0 && ++index[d - 1] == copy.dims[d - 1].size) index[--d] = 0;
      if (d == 0) return;
    }
  }

  // Rows of runs: the last dim is the rows of a DMA instruction.
  void Runs(const StridedCopy& copy) {
    const CopyDim rows = copy.dims.empty() ? CopyDim{1, 0, 0} : copy.dims.back();
    const int64_t pitch = RoundUp(copy.bytes, alignment_);
    const int64_t enough = std::max(CeilDiv(rows.size, kChunks), CeilDiv(kSmallChunk, pitch));
    const int64_t most = std::min({enough, kLongest, place_ / pitch});
    ForEach(copy, copy.dims.empty() ? 0 : 1, [&](int64_t src, int64_t dst) {
      for (int64_t r = 0; r < rows.size; r += most) {
        const int64_t count = std::min(most, rows.size - r);
        const int64_t l1 = NextPlace();
        b_.Emit(npu::kLdL1, {l1, src_[static_cast<size_t>(copy.input)] + src + r * rows.src, count,
                             copy.bytes, pitch, rows.src});
        b_.Emit(npu::kStL1, {dst_ + dst + r * rows.dst, l1, count, copy.bytes, rows.dst, pitch});
      }
    });
  }

  // Zeros lie once in L1: a stride of 0 stores them as often as it takes.
  void Zero(const StridedCopy& copy) {
    if (!zeros_) {
      b_.Emit(npu::kVfill, {0, 1, zero_bytes_ / 4, 0, 0});
      b_.Emit(npu::kVout, {2 * place_, 0, 1, zero_bytes_ / 4, 0, 0});
    }
    zeros_ = true;
    const CopyDim rows = copy.dims.empty() ? CopyDim{1, 0, 0} : copy.dims.back();
    ForEach(copy, copy.dims.empty() ? 0 : 1, [&](int64_t, int64_t dst) {
      for (int64_t at = 0; at < copy.bytes; at += zero_bytes_) {
        for (int64_t r = 0; r < rows.size; r += kLongest) {
          b_.Emit(npu::kStL1,
                  {dst_ + dst + r * rows.dst + at, 2 * place_, std::min(kLongest, rows.size - r),
                   std::min(zero_bytes_, copy.bytes - at), rows.dst, 0});
        }
      }
    });
  }

  // Neighbours on one side are far apart on the other: tiles of the two dims are transposed.
  absl::Status Turn(const StridedCopy& copy) {
    StridedCopy outer = copy;
    const CopyDim along_dst = outer.dims.back();  // neighbours in the result
    outer.dims.pop_back();
    const auto found = std::find_if(outer.dims.begin(), outer.dims.end(),
                                    [&](const CopyDim& dim) { return dim.src == element_; });
    if (found == outer.dims.end()) {  // single elements, each a row
      Runs(copy);
      return absl::OkStatus();
    }
    if (dtype_ == chips::F16 || element_ > 4) {
      return absl::UnimplementedError(
          absl::StrCat("the vector unit has no ", DTypeName(dtype_), " to turn around"));
    }
    const CopyDim along_src = *found;
    outer.dims.erase(found);
    int64_t most_cols = std::min(along_src.size, kMostColumns);
    while (most_cols > 1 && RowsOfATurn(most_cols) < 1) most_cols /= 2;
    const int64_t most_rows = std::min(along_dst.size, RowsOfATurn(most_cols));
    if (most_rows < 1) return absl::UnimplementedError("no tile fits the scratchpads");
    turned_ = true;
    ForEach(outer, 0, [&](int64_t src, int64_t dst) {
      for (int64_t r = 0; r < along_dst.size; r += most_rows) {
        for (int64_t c = 0; c < along_src.size; c += most_cols) {
          const int64_t rows = std::min(most_rows, along_dst.size - r);
          const int64_t cols = std::min(most_cols, along_src.size - c);
          const Strides strides = {along_dst.src, along_src.dst};
          TurnTile(src_[static_cast<size_t>(copy.input)] + src + r * along_dst.src + c * element_,
                   dst_ + dst + c * along_src.dst + r * element_, rows, cols, strides);
        }
      }
    });
    return absl::OkStatus();
  }

  // Both tiles have half a place in L1, and half of the accumulators.
  int64_t RowsOfATurn(int64_t cols) const {
    const int64_t half = place_ / 2 / alignment_ * alignment_;
    return std::min({acc_bytes_ / (8 * cols), half / RoundUp(cols * 4, alignment_),
                     (half - cols * alignment_) / (4 * cols), kLongest / 4});
  }

  struct Strides {
    int64_t src, dst;
  };

  void TurnTile(int64_t src, int64_t dst, int64_t rows, int64_t cols, const Strides& strides) {
    const int64_t in = NextPlace(), out = in + place_ / 2 / alignment_ * alignment_;
    const int64_t in_pitch = RoundUp(cols * element_, alignment_);
    const int64_t out_pitch = RoundUp(rows * element_, alignment_);
    const AccTile before = {0, rows, cols, 4 * cols};
    const AccTile after = {4 * rows * cols, cols, rows, 4 * rows};
    b_.Emit(npu::kLdL1, {in, src, rows, cols * element_, in_pitch, strides.src});
    EmitToAcc(Carrier(element_), in, in_pitch, before, &b_);
    if (cols <= rows) {  // a column becomes a row
      for (int64_t c = 0; c < cols; ++c) {
        b_.Emit(npu::kVcopy, {after.address + c * after.stride, before.address + 4 * c, rows, 1, 4,
                              before.stride});
      }
    } else {  // a row becomes a column
      for (int64_t r = 0; r < rows; ++r) {
        b_.Emit(npu::kVcopy, {after.address + 4 * r, before.address + r * before.stride, cols, 1,
                              after.stride, 4});
      }
    }
    EmitFromAcc(Carrier(element_), after, out, out_pitch, &b_);
    b_.Emit(npu::kStL1, {dst, out, cols, rows * element_, strides.dst, out_pitch});
  }

  int64_t NextPlace() { return place_ * (chunks_++ % 2); }

  const int64_t element_;
  const chips::DType dtype_;
  const int64_t alignment_, acc_bytes_, zero_bytes_, place_;
  ProgramBuilder b_;
  std::vector<int64_t> src_;
  int64_t dst_ = 0, chunks_ = 0;
  bool zeros_ = false, turned_ = false;
};

}  // namespace

bool IsMovementOp(absl::string_view op) {
  return op == "reshape" || op == "transpose" || op == "slice" || op == "concat" || op == "pad";
}

absl::StatusOr<NpuKernel> EmitMovementKernel(const graph::Graph& region,
                                             const chips::npu::Machine& machine) {
  if (region.nodes_size() != 1 || !IsMovementOp(region.nodes(0).op())) {
    return absl::UnimplementedError("movement together with other work");
  }
  const graph::OpCall call = graph::CallOf(region, region.nodes(0));
  std::vector<graph::TensorType> types = call.inputs;
  types.push_back(call.outputs[0]);
  for (const graph::TensorType& type : types) {
    if (!type.concrete()) return absl::UnimplementedError("its shapes are not known");
    if (type.elements() == 0) return absl::UnimplementedError("a tensor without elements");
  }
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<npu::Core> core, npu::NewArrayCore(machine));
  return Mover(*core, call.outputs[0].dtype).Run(call);
}

}  // namespace strata::compiler
