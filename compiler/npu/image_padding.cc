#include "compiler/npu/image_padding.h"

#include <algorithm>

#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

constexpr int64_t kAccBytes = 4;
constexpr int64_t kMostCols = 4096;
constexpr int64_t kUnit = 64;  // a multiple of every alignment

// The instruction that writes accumulators as elements of a type; of zeros, zeros.
uint8_t StoreOpcode(const ProgramBuilder& builder, chips::DType type) {
  const char* name = type == chips::I8        ? "vquant.i8"
                     : type == chips::BF16    ? "vcast.bf16"
                     : type == chips::F8_E4M3 ? "vcast.e4m3"
                                              : "vcast.e5m2";
  const chips::npu::InstructionRow* row = builder.core().isa().Find(name);
  return row == nullptr ? 0 : row->opcode;
}

class Zeros {
 public:
  // Uses the accumulators, which nobody needs yet.
  Zeros(const ProductProblem& problem, ProgramBuilder* builder)
      : bytes_(problem.bytes), store_(StoreOpcode(*builder, problem.type)), builder_(*builder) {
    const int64_t all = builder->core().memories()[chips::npu::kAcc].bytes / kAccBytes;
    cols_ = all < kUnit ? all : std::min(all, kMostCols) / kUnit * kUnit;
    builder_.Emit(chips::npu::kVfill, {0, 1, cols_, 0, 0});
  }

  // Rows of zeros in L1.
  void Write(int64_t to, int64_t rows, int64_t row_bytes, int64_t stride) {
    const int64_t elements = row_bytes / bytes_;
    for (int64_t c = 0; c < elements; c += cols_) {
      builder_.Emit(store_, {to + c * bytes_, 0, rows, std::min(cols_, elements - c), stride, 0});
    }
  }

 private:
  const int64_t bytes_;
  const uint8_t store_;
  int64_t cols_;
  ProgramBuilder& builder_;
};

}  // namespace

void FillBorders(const std::vector<Border>& borders, const ProductProblem& problem,
                 const ProductLayout& layout, ProgramBuilder* builder) {
  const ConvWindow& window = *problem.window;
  const int64_t row = window.padded_w() * window.channels * problem.bytes;
  const bool rows_outside = window.top > 0 || window.padded_h() - window.top > window.height;
  if (borders.empty() && !rows_outside) return;
  Zeros zeros(problem, builder);
  for (const Border& border : borders) {
    zeros.Write(layout.a.begin + border.offset, layout.a.count, border.bytes, layout.a.pitch);
  }
  if (rows_outside) zeros.Write(layout.zero.begin, 1, row, row);
}

absl::StatusOr<int64_t> EmitPaddedImage(const ProductProblem& problem, int64_t image,
                                        ProgramBuilder* builder) {
  const ConvWindow& window = *problem.window;
  const int64_t alignment = builder->core().memories()[chips::npu::kL1].alignment;
  const int64_t pixel = window.channels * problem.bytes;
  const int64_t inside_w = std::min(window.width, window.padded_w() - window.left);
  const int64_t inside_h = std::min(window.height, window.padded_h() - window.top);
  const int64_t row = inside_w * pixel, pitch = RoundUp(row, alignment);
  const int64_t image_bytes = window.padded_h() * window.padded_w() * pixel;
  const int64_t total = problem.batch * image_bytes;
  const int64_t half =
      builder->core().memories()[chips::npu::kL1].bytes / 2 / alignment * alignment;
  const int64_t rows = std::min(half / pitch, inside_h);
  if (rows < 1) return absl::UnimplementedError("L1 is too small to pad the image's rows");
  const int64_t padded = builder->AddRegion(chips::npu::RegionKind::kScratch, "padded", total);

  const int64_t line = std::min({half, int64_t{32768}, total});
  Zeros(problem, builder).Write(0, 1, line, line);
  const auto store_zeros = [&](int64_t to, int64_t count, int64_t bytes) {
    builder->Emit(chips::npu::kStL1, {to, 0, count, bytes, bytes, 0});
  };
  if (total >= line) store_zeros(padded, total / line, line);
  if (total % line > 0) store_zeros(padded + total / line * line, 1, total % line);

  int64_t turn = 0;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t h = 0; h < inside_h; h += rows, ++turn) {
      const int64_t count = std::min(rows, inside_h - h);
      const int64_t stage = turn % 2 * half;
      const int64_t from = image + ((b * window.height + h) * window.width) * pixel;
      const int64_t to =
          padded + b * image_bytes + ((window.top + h) * window.padded_w() + window.left) * pixel;
      EmitRows(chips::npu::kLdL1, {stage, from, count, row, pitch, window.width * pixel}, builder);
      EmitRows(chips::npu::kStL1, {to, stage, count, row, window.padded_w() * pixel, pitch},
               builder);
    }
  }
  return padded;
}

}  // namespace strata::compiler
