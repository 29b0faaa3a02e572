#include "compiler/npu/image_padding.h"

#include <algorithm>
#include <limits>

#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

constexpr int64_t kAccBytes = 4;
constexpr int64_t kMostCols = 4096;
constexpr int64_t kUnit = 64;  // a multiple of every alignment

struct Filling {
  const char* store;  // writes accumulators as elements of the type
  int64_t lowest;     // the least number, as the accumulators hold it: int32 or f32's bits
};

constexpr int64_t kMinusInfinity = static_cast<int32_t>(0xff800000);

Filling FillingOf(chips::DType type) {
  switch (type) {
    case chips::I8:
      return {"vcast.i8", -128};
    case chips::I32:
      return {"vout.32", std::numeric_limits<int32_t>::min()};
    case chips::F32:
      return {"vout.32", kMinusInfinity};
    case chips::BF16:
      return {"vcast.bf16", kMinusInfinity};
    case chips::F8_E4M3:
      return {"vcast.e4m3", 0};
    default:
      return {"vcast.e5m2", 0};
  }
}

// Writes one number to L1, again and again.
class Filler {
 public:
  // Uses the accumulators, which nobody needs yet.
  Filler(const ProductProblem& problem, BorderFill fill, ProgramBuilder* builder)
      : bytes_(problem.bytes), builder_(*builder) {
    const Filling filling = FillingOf(problem.type);
    const chips::npu::InstructionRow* row = builder->core().isa().Find(filling.store);
    store_ = row == nullptr ? 0 : row->opcode;
    const int64_t all = builder->core().memories()[chips::npu::kAcc].bytes / kAccBytes;
    cols_ = all < kUnit ? all : std::min(all, kMostCols) / kUnit * kUnit;
    builder_.Emit(chips::npu::kVfill,
                  {0, 1, cols_, 0, fill == BorderFill::kZero ? 0 : filling.lowest});
  }

  // Rows in L1.
  void Write(int64_t to, int64_t rows, int64_t row_bytes, int64_t stride) {
    const int64_t elements = row_bytes / bytes_;
    for (int64_t c = 0; c < elements; c += cols_) {
      builder_.Emit(store_, {to + c * bytes_, 0, rows, std::min(cols_, elements - c), stride, 0});
    }
  }

 private:
  const int64_t bytes_;
  uint8_t store_ = 0;
  int64_t cols_ = 0;
  ProgramBuilder& builder_;
};

}  // namespace

void FillBorders(const std::vector<Border>& borders, const ProductProblem& problem,
                 const ProductLayout& layout, int64_t pixel_pitch, BorderFill fill,
                 ProgramBuilder* builder) {
  const ConvWindow& window = *problem.window;
  const int64_t row = window.padded_w() * pixel_pitch;
  const bool rows_outside = window.top > 0 || window.padded_h() - window.top > window.height;
  if (borders.empty() && !rows_outside) return;
  Filler filler(problem, fill, builder);
  for (const Border& border : borders) {
    filler.Write(layout.a.begin + border.offset, layout.a.count, border.bytes, layout.a.pitch);
  }
  if (rows_outside) filler.Write(layout.zero.begin, 1, row, row);
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
  Filler(problem, BorderFill::kZero, builder).Write(0, 1, line, line);
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
