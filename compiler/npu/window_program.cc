#include "compiler/npu/window_program.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/image_padding.h"
#include "compiler/npu/panel_loader.h"
#include "compiler/npu/vector_ops.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
namespace npu = chips::npu;

constexpr int64_t kTiles = 4;  // as many as it takes for loads, work and stores to overlap

// A pool or a sum brings each tap into a place of its own.
EpilogueShape WithTemporary(const ProductProblem& problem, EpilogueShape shape) {
  if (problem.work != WindowWork::kDepthwise) ++shape.acc_tiles;
  return shape;
}

// Where a tile's channels lie in L1: from pixel to pixel, and in a row of the image.
struct WindowPitch {
  WindowPitch(const ProductProblem& problem, int64_t columns, int64_t alignment)
      : pixel(RoundUp(columns * problem.bytes, alignment)),
        row(pixel * problem.window->padded_w()),
        weights(pixel * problem.depth) {}

  int64_t pixel, row, weights;
};

// Rows of the image that a tile of `rows` output pixels reads.
int64_t RowsNeeded(const ConvWindow& window, int64_t rows) {
  const int64_t lines = CeilDiv(rows, window.out_w);
  return (lines - 1) * window.stride_h + window.kernel_h;
}

class WindowEmitter {
 public:
  WindowEmitter(const ProductProblem& problem, const ProductTiling& tiling,
                const ProductOperands& operands, TileEpilogue* epilogue, ProgramBuilder* builder)
      : problem_(problem),
        window_(*problem.window),
        operands_(operands),
        cuts_(CutsOf(problem, tiling)),
        pitch_(problem, tiling.columns, builder->core().memories()[npu::kL1].alignment),
        shape_(WithTemporary(problem, epilogue->shape())),
        layout_(LayoutOf(builder->core(), tiling, cuts_, pitch_.row, pitch_.weights, shape_)),
        epilogue_(*epilogue),
        builder_(*builder),
        rows_(layout_.a, layout_.a_l2, builder),
        weights_(layout_.w, layout_.w_l2, builder) {}

  absl::Status Run() {
    if (!layout_.fits) return absl::InternalError("windows: the tiling does not fit the machine");
    FillBorders(Borders(), problem_, layout_, pitch_.pixel,
                depthwise() ? BorderFill::kZero : BorderFill::kLowest, &builder_);
    for (const ColumnTile& columns : cuts_.columns) {
      for (const RowTile& rows : cuts_.rows) Tile(rows, columns);
    }
    return absl::OkStatus();
  }

 private:
  bool depthwise() const { return problem_.work == WindowWork::kDepthwise; }
  int64_t inside() const { return std::min(window_.width, window_.padded_w() - window_.left); }

  std::vector<Border> Borders() const {
    const int64_t right = (window_.left + inside()) * pitch_.pixel;
    std::vector<Border> borders;
    if (window_.left > 0) borders.push_back({0, window_.left * pitch_.pixel});
    if (right < pitch_.row) borders.push_back({right, pitch_.row - right});
    return borders;
  }

  void Tile(const RowTile& rows, const ColumnTile& columns) {
    const TileOfC tile = {rows.batch * problem_.rows + rows.begin, rows.rows, columns.begin,
                          columns.columns, tiles_ % 2};
    epilogue_.Load(layout_, tile, &builder_);
    const int64_t w = depthwise() ? Weights(columns) : 0;
    const int64_t acc = layout_.acc.address(tile.place);
    if (depthwise()) {
      builder_.Emit(npu::kVfill, {acc, rows.rows, columns.columns, layout_.acc_pitch, 0});
    }
    for (int64_t r = 0; r < rows.rows;) {
      const int64_t pixel = rows.begin + r;
      const int64_t oh = pixel / window_.out_w, ow = pixel % window_.out_w;
      const int64_t run = std::min(window_.out_w - ow, rows.rows - r);
      for (int64_t kh = 0; kh < window_.kernel_h; ++kh) {
        const int64_t row = RowOf(rows.batch, oh * window_.stride_h + kh, columns);
        const AccTile to = {acc + r * layout_.acc_pitch, run, columns.columns, layout_.acc_pitch};
        for (int64_t kw = 0; kw < window_.kernel_w; ++kw) {
          const int64_t from = row + (ow * window_.stride_w + kw) * pitch_.pixel;
          Tap(kh * window_.kernel_w + kw, from, w, to);
        }
      }
      r += run;
    }
    epilogue_.Run(layout_, tile, &builder_);
    ++tiles_;
  }

  void Tap(int64_t tap, int64_t from, int64_t w, const AccTile& to) {
    const int64_t step = window_.stride_w * pitch_.pixel;
    if (depthwise()) {
      return builder_.Emit(npu::kVmacI8, {to.address, from, w + tap * pitch_.pixel, to.rows,
                                          to.cols, to.stride, step});
    }
    if (tap == 0) return EmitToAcc(problem_.type, from, step, to, &builder_);
    AccTile next = to;
    next.address += layout_.acc_tile * (shape_.acc_tiles - 1);
    EmitToAcc(problem_.type, from, step, next, &builder_);
    const bool integer = problem_.type == chips::I8 || problem_.type == chips::I32;
    const auto larger = integer ? npu::kVmaxI32 : npu::kVmaxF32;
    builder_.Emit(problem_.work == WindowWork::kSum ? npu::kVaddI32 : larger,
                  {to.address, next.address, to.address, to.rows, to.cols, to.stride, next.stride,
                   to.stride, npu::kTiles});
  }

  // The address of a row of the padded image, channels of the tile.
  int64_t RowOf(int64_t batch, int64_t padded_row, const ColumnTile& columns) {
    const int64_t row = padded_row - window_.top;
    if (row < 0 || row >= window_.height) return layout_.zero.begin;
    const int64_t image_row = batch * window_.height + row;
    const int64_t key = image_row * static_cast<int64_t>(cuts_.columns.size()) + columns.index;
    return rows_.Touch(key, [&](int64_t) {
      const int64_t first = image_row * window_.width * window_.channels + columns.begin;
      return std::vector<Block>{
          {window_.left * pitch_.pixel, inside(), columns.columns * problem_.bytes, pitch_.pixel,
           operands_.a + first * problem_.bytes, window_.channels * problem_.bytes}};
    });
  }

  int64_t Weights(const ColumnTile& columns) {
    return weights_.Touch(columns.index, [&](int64_t) {
      return std::vector<Block>{{0, problem_.depth, columns.columns, pitch_.pixel,
                                 operands_.w + columns.begin, window_.channels}};
    });
  }

  const ProductProblem problem_;
  const ConvWindow window_;
  const ProductOperands operands_;
  const ProductCuts cuts_;
  const WindowPitch pitch_;
  const EpilogueShape shape_;
  const ProductLayout layout_;
  TileEpilogue& epilogue_;
  ProgramBuilder& builder_;
  PanelLoader rows_, weights_;
  int64_t tiles_ = 0;
};

// Whole channels, or parts that begin at an aligned address.
std::vector<int64_t> ColumnChoices(const ProductProblem& problem, int64_t alignment) {
  const int64_t unit = std::max<int64_t>(alignment / problem.bytes, 1);
  std::vector<int64_t> choices = {problem.columns};
  for (int64_t columns = problem.columns / 2; columns >= unit; columns /= 2) {
    choices.push_back(columns / unit * unit);
  }
  return choices;
}

bool Fits(const Core& core, const ProductProblem& problem, const EpilogueShape& shape,
          ProductTiling* tiling) {
  const WindowPitch pitch(problem, tiling->columns, core.memories()[npu::kL1].alignment);
  const ProductCuts cuts = CutsOf(problem, *tiling);
  for (const int64_t times : {2, 1}) {
    tiling->a_places = times * RowsNeeded(*problem.window, tiling->rows);
    if (LayoutOf(core, *tiling, cuts, pitch.row, pitch.weights, shape).fits) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ProductTiling> ChooseWindowTiling(const Core& core, const ProductProblem& problem,
                                                 const EpilogueShape& base) {
  const EpilogueShape shape = WithTemporary(problem, base);
  const ConvWindow& window = *problem.window;
  const int64_t lines =
      std::max<int64_t>(std::min(window.out_h, CeilDiv(problem.batch * window.out_h, kTiles)), 1);
  ProductTiling tiling;
  tiling.panels = PanelKind::kDirect;
  tiling.depth = tiling.chunk = problem.depth;
  tiling.w_places = problem.work == WindowWork::kDepthwise ? 2 : 0;
  tiling.rows_outer = false;
  for (const bool own_banks : {true, false}) {
    tiling.own_banks = own_banks;
    for (const int64_t columns : ColumnChoices(problem, core.memories()[npu::kL1].alignment)) {
      tiling.columns = columns;
      for (tiling.rows = lines * window.out_w; tiling.rows > window.out_w / 8; tiling.rows /= 2) {
        if (tiling.rows > window.out_w) tiling.rows -= tiling.rows % window.out_w;
        if (Fits(core, problem, shape, &tiling)) return tiling;
      }
    }
  }
  return absl::UnimplementedError(absl::StrCat(
      "no window's row fits into the ", core.memories()[npu::kL1].bytes, " bytes of L1 and the ",
      core.memories()[npu::kAcc].bytes, " of the accumulators"));
}

absl::Status EmitWindows(const ProductProblem& problem, const ProductTiling& tiling,
                         const ProductOperands& operands, TileEpilogue* epilogue,
                         ProgramBuilder* builder) {
  return WindowEmitter(problem, tiling, operands, epilogue, builder).Run();
}

}  // namespace strata::compiler
