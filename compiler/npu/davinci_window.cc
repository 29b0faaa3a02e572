#include "compiler/npu/davinci_window.h"

#include <algorithm>

#include "chips/npu/davinci/davinci_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

namespace dv = chips::npu::davinci;

constexpr int64_t kMostColumns = 128;     // channels at a time
constexpr int32_t kLowest = -2139062144;  // four bytes of -128

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }
int64_t Blocks(int64_t columns, int64_t bytes) {
  return RoundUp(columns * bytes, dv::kUbBlockBytes);
}

// Windows over int8 images, by tiles of output rows and channels.
class Windows {
 public:
  Windows(const DavinciGroup& group, int64_t input, DavinciTail* tail, ProgramBuilder* builder)
      : input_(input), tail_(*tail), builder_(*builder) {
    const graph::OpCall call = graph::CallOf(*group.region, *group.head);
    x_ = call.inputs[0].dims();
    y_ = call.outputs[0].dims();
    strides_ = call.attrs().Ints("strides");
    padding_ = call.attrs().Ints("padding");
    if (strides_.empty()) strides_ = {1, 1};
    if (padding_.empty()) padding_ = {0, 0, 0, 0};
    const bool pool = call.node->op() == "max_pool2d";
    window_ = pool ? call.attrs().Ints("window") : call.inputs[1].dims();
    pixels_ = (y_[2] - 1) * strides_[1] + window_[1];
  }
  virtual ~Windows() = default;

  absl::Status Run() {
    int64_t channels = std::min(kMostColumns, x_[3]);
    while (channels > dv::kUbBlockBytes && RowsThatFit(channels) == 0) {
      channels = RoundUp(channels / 2, dv::kUbBlockBytes);
    }
    const int64_t rows = RowsThatFit(channels);
    if (rows == 0)
      return absl::UnimplementedError("UB does not hold the lines of a row of windows");
    for (int64_t c = 0; c < x_[3]; c += channels) {
      tail_.BeginPanel(c, std::min(channels, x_[3] - c));
      for (int64_t image = 0; image < x_[0]; ++image) {
        for (int64_t y = 0; y < y_[1]; y += rows) {
          Rows(image, y, std::min(rows, y_[1] - y), c, std::min(channels, x_[3] - c));
        }
      }
    }
    return absl::OkStatus();
  }

 protected:
  virtual int64_t ScratchBytes(int64_t rows, int64_t channels) const = 0;
  // A tile of C from padded lines; `scratch` holds them first, then the head's own.
  virtual void Work(const DavinciTile& tile, int64_t rows, int64_t scratch) = 0;
  virtual int32_t Border() const = 0;

  int64_t Lines(int64_t rows) const { return (rows - 1) * strides_[0] + window_[0]; }
  int64_t LineBytes(int64_t channels) const { return pixels_ * Blocks(channels, 1); }

  const int64_t input_;
  DavinciTail& tail_;
  ProgramBuilder& builder_;
  std::vector<int64_t> x_, y_, window_, strides_, padding_;
  int64_t pixels_ = 0;  // of a padded line

 private:
  // Rows of windows at a time.
  int64_t RowsThatFit(int64_t channels) const {
    int64_t rows = y_[1];
    while (rows > 0 && rows * y_[2] > tail_.MaxRows(channels, ScratchBytes(rows, channels))) --rows;
    return rows;
  }

  void Rows(int64_t image, int64_t y, int64_t rows, int64_t c, int64_t channels) {
    const DavinciTile tile = {(image * y_[1] + y) * y_[2], rows * y_[2], c, channels};
    const int64_t scratch = tail_.Scratch(tile);
    const int64_t top = y * strides_[0] - padding_[0];
    for (int64_t l = 0; l < Lines(rows); ++l) {
      Line(image, top + l, c, channels, scratch + l * LineBytes(channels));
    }
    Work(tile, rows, scratch);
    tail_.Run(tile);
  }

  // A line of the padded input.
  void Line(int64_t image, int64_t y, int64_t c, int64_t channels, int64_t to) {
    const int64_t pixel = Blocks(channels, 1), left = padding_[2];
    const bool outside = y < 0 || y >= x_[1];
    const int64_t width = outside ? 0 : std::min(x_[2], pixels_ - left);
    const auto fill = [&](int64_t x, int64_t count) {
      if (count <= 0) return;
      builder_.Emit(dv::kVfill32, {to + x * pixel, count, pixel / 4, pixel, Border()});
    };
    fill(0, outside ? pixels_ : left);
    if (outside) return;
    EmitRows(dv::kLdUb,
             {to + left * pixel, input_ + ((image * x_[1] + y) * x_[2]) * x_[3] + c, width,
              channels, pixel, x_[3]},
             &builder_);
    fill(left + width, pixels_ - left - width);
  }
};

class Pool : public Windows {
 public:
  using Windows::Windows;

 private:
  int32_t Border() const override { return kLowest; }
  int64_t ScratchBytes(int64_t rows, int64_t channels) const override {
    return Lines(rows) * LineBytes(channels);
  }

  void Work(const DavinciTile& tile, int64_t rows, int64_t lines) override {
    const int64_t elements = window_[0] * window_[1];
    // The first two elements of a window start it: one that is alone, with itself.
    for (int64_t e = std::min<int64_t>(1, elements - 1); e < elements; ++e) {
      for (int64_t r = 0; r < rows; ++r) Largest(tile, r, e, lines);
    }
  }

  void Largest(const DavinciTile& tile, int64_t r, int64_t element, int64_t lines) {
    const int64_t line = LineBytes(tile.columns), pixel = Blocks(tile.columns, 1);
    const int64_t pitch = tail_.HeadPitch(tile.columns), step = strides_[1] * pixel;
    const int64_t out = tail_.HeadAddress(tile) + r * y_[2] * pitch;
    const int64_t top = lines + r * strides_[0] * line;
    const int64_t at = top + element / window_[1] * line + element % window_[1] * pixel;
    const bool first = element <= 1;
    builder_.Emit(dv::kVmaxI8, {out, first ? top : out, at, y_[2], tile.columns, pitch,
                                first ? step : pitch, step});
  }
};

class Depthwise : public Windows {
 public:
  Depthwise(const DavinciGroup& group, int64_t input, int64_t weights, DavinciTail* tail,
            ProgramBuilder* builder)
      : Windows(group, input, tail, builder), weights_(weights) {}

 private:
  int32_t Border() const override { return 0; }
  int64_t Elements() const { return window_[0] * window_[1]; }
  int64_t WideLine(int64_t channels) const { return pixels_ * Blocks(channels, 4); }
  int64_t ScratchBytes(int64_t rows, int64_t channels) const override {
    return Lines(rows) * (LineBytes(channels) + WideLine(channels)) +
           Elements() * (Blocks(channels, 1) + Blocks(channels, 4)) +
           rows * y_[2] * Blocks(channels, 4);
  }

  void Widen(int64_t dst, int64_t src, int64_t rows, int64_t channels) {
    builder_.Emit(dv::kVconvI8I32,
                  {dst, src, rows, channels, Blocks(channels, 4), Blocks(channels, 1)});
  }

  void Work(const DavinciTile& tile, int64_t rows, int64_t lines) override {
    const int64_t channels = tile.columns;
    const int64_t wide = lines + Lines(rows) * LineBytes(channels);
    const int64_t narrow_weights = wide + Lines(rows) * WideLine(channels);
    const int64_t weights = narrow_weights + Elements() * Blocks(channels, 1);
    const int64_t products = weights + Elements() * Blocks(channels, 4);
    EmitRows(
        dv::kLdUb,
        {narrow_weights, weights_ + tile.column, Elements(), channels, Blocks(channels, 1), x_[3]},
        &builder_);
    Widen(weights, narrow_weights, Elements(), channels);
    Widen(wide, lines, Lines(rows) * pixels_, channels);
    for (int64_t e = 0; e < Elements(); ++e) {
      const int64_t out = tail_.HeadAddress(tile), to = e == 0 ? out : products;
      for (int64_t r = 0; r < rows; ++r) {
        Multiply(tile, r, e, to, wide, weights + e * Blocks(channels, 4));
      }
      if (e == 0) continue;
      const int64_t pitch = Blocks(channels, 4);
      builder_.Emit(dv::kVaddI32, {out, out, products, tile.rows, channels, pitch, pitch, pitch});
    }
  }

  // Row r of output pixels, element e of their windows.
  void Multiply(const DavinciTile& tile, int64_t r, int64_t e, int64_t to, int64_t wide,
                int64_t weights) {
    const int64_t pitch = Blocks(tile.columns, 4);
    const int64_t line = r * strides_[0] + e / window_[1];
    builder_.Emit(dv::kVmulI32, {to + r * y_[2] * pitch,
                                 wide + line * WideLine(tile.columns) + e % window_[1] * pitch,
                                 weights, y_[2], tile.columns, pitch, strides_[1] * pitch, 0});
  }

  const int64_t weights_;
};

}  // namespace

absl::Status EmitDavinciPool(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                             ProgramBuilder* builder) {
  return Pool(group, input, tail, builder).Run();
}

absl::Status EmitDavinciDepthwise(const DavinciGroup& group, int64_t input, int64_t weights,
                                  DavinciTail* tail, ProgramBuilder* builder) {
  return Depthwise(group, input, weights, tail, builder).Run();
}

namespace {

// Sums of images' pixels, by parts of an image that UB holds.
class Sum {
 public:
  Sum(const DavinciGroup& group, int64_t input, DavinciTail* tail, ProgramBuilder* builder)
      : input_(input),
        bytes_(group.values[*group.summed].bytes),
        tail_(*tail),
        builder_(*builder),
        x_(graph::CallOf(*group.region, *group.head).inputs[0].dims()) {}

  absl::Status Run() {
    const int64_t columns = std::min(kMostColumns, x_[3]);
    const int64_t pixels = PixelsThatFit(columns);
    if (pixels == 0) return absl::UnimplementedError("UB does not hold a pixel and its operands");
    for (int64_t c = 0; c < x_[3]; c += columns) {
      tail_.BeginPanel(c, std::min(columns, x_[3] - c));
      for (int64_t image = 0; image < x_[0]; ++image) {
        const DavinciTile tile = {image, 1, c, std::min(columns, x_[3] - c)};
        for (int64_t p = 0; p < Pixels(); p += pixels) {
          Part(tile, p, std::min(pixels, Pixels() - p));
        }
        tail_.Run(tile);
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t Pixels() const { return x_[1] * x_[2]; }

  // Of a part: as they are, widened, and one more row for its sum.
  static int64_t ScratchBytes(int64_t pixels, int64_t columns) {
    return pixels * (Blocks(columns, 1) + Blocks(columns, 4)) + Blocks(columns, 4);
  }

  int64_t PixelsThatFit(int64_t columns) const {
    int64_t pixels = std::min<int64_t>(Pixels(), 65535);
    while (pixels > 0 && tail_.MaxRows(columns, ScratchBytes(pixels, columns)) < 1) pixels /= 2;
    return pixels;
  }

  void Part(const DavinciTile& tile, int64_t pixel, int64_t pixels) {
    const int64_t columns = tile.columns, pitch = Blocks(columns, 4),
                  head = tail_.HeadAddress(tile);
    const int64_t sum = tail_.Scratch(tile), narrow = sum + pitch;
    const int64_t wide = bytes_ == 4 ? narrow : narrow + pixels * Blocks(columns, 1);
    EmitRows(dv::kLdUb,
             {narrow, input_ + ((tile.row * Pixels() + pixel) * x_[3] + tile.column) * bytes_,
              pixels, columns * bytes_, Blocks(columns, bytes_), x_[3] * bytes_},
             &builder_);
    if (bytes_ == 1) {
      builder_.Emit(dv::kVconvI8I32, {wide, narrow, pixels, columns, pitch, Blocks(columns, 1)});
    }
    builder_.Emit(dv::kVcsumI32, {pixel == 0 ? head : sum, wide, pixels, columns, pitch});
    if (pixel == 0) return;
    builder_.Emit(dv::kVaddI32, {head, head, sum, 1, columns, pitch, pitch, pitch});
  }

  const int64_t input_, bytes_;
  DavinciTail& tail_;
  ProgramBuilder& builder_;
  const std::vector<int64_t> x_;
};

}  // namespace

absl::Status EmitDavinciSum(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                            ProgramBuilder* builder) {
  return Sum(group, input, tail, builder).Run();
}

}  // namespace strata::compiler
