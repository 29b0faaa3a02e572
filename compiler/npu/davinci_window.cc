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

class Pool {
 public:
  Pool(const DavinciGroup& group, int64_t input, DavinciTail* tail, ProgramBuilder* builder)
      : input_(input), tail_(*tail), builder_(*builder) {
    const graph::OpCall call = graph::CallOf(*group.region, *group.head);
    x_ = call.inputs[0].dims();
    y_ = call.outputs[0].dims();
    window_ = call.attrs().Ints("window");
    strides_ = call.attrs().Ints("strides");
    padding_ = call.attrs().Ints("padding");
    if (strides_.empty()) strides_ = {1, 1};
    if (padding_.empty()) padding_ = {0, 0, 0, 0};
    pixels_ = (y_[2] - 1) * strides_[1] + window_[1];
  }

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

 private:
  // Rows of windows at a time.
  int64_t RowsThatFit(int64_t channels) const {
    int64_t rows = y_[1];
    while (rows > 0 && rows * y_[2] > tail_.MaxRows(channels, LineBytes(channels) * Lines(rows))) {
      --rows;
    }
    return rows;
  }

  int64_t Lines(int64_t rows) const { return (rows - 1) * strides_[0] + window_[0]; }
  int64_t LineBytes(int64_t channels) const {
    return pixels_ * RoundUp(channels, dv::kUbBlockBytes);
  }

  void Rows(int64_t image, int64_t y, int64_t rows, int64_t c, int64_t channels) {
    const DavinciTile tile = {(image * y_[1] + y) * y_[2], rows * y_[2], c, channels};
    const int64_t lines = tail_.Scratch(tile), line = LineBytes(channels);
    const int64_t top = y * strides_[0] - padding_[0];
    for (int64_t l = 0; l < Lines(rows); ++l) Line(image, top + l, c, channels, lines + l * line);
    const int64_t pixel = RoundUp(channels, dv::kUbBlockBytes);
    for (int64_t kh = 0; kh < window_[0]; ++kh) {
      for (int64_t kw = kh == 0 ? 1 : 0; kw < std::max<int64_t>(window_[1], 2); ++kw) {
        const bool one = window_[1] == 1;  // then the first pair is one element with itself
        if (one && kh > 0 && kw > 0) continue;
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t at = lines + (r * strides_[0] + kh) * line + (one ? 0 : kw) * pixel;
          const int64_t out = tail_.HeadAddress(tile) + r * y_[2] * tail_.HeadPitch(channels);
          const bool first = kh == 0 && kw == 1;
          builder_.Emit(dv::kVmaxI8, {out, first ? lines + r * strides_[0] * line : out, at, y_[2],
                                      channels, tail_.HeadPitch(channels),
                                      first ? strides_[1] * pixel : tail_.HeadPitch(channels),
                                      strides_[1] * pixel});
        }
      }
    }
    tail_.Run(tile);
  }

  // A line of the padded input.
  void Line(int64_t image, int64_t y, int64_t c, int64_t channels, int64_t to) {
    const int64_t pixel = RoundUp(channels, dv::kUbBlockBytes);
    const int64_t left = padding_[2];
    const bool outside = y < 0 || y >= x_[1];
    const int64_t width = outside ? 0 : std::min(x_[2], pixels_ - left);
    const auto fill = [&](int64_t x, int64_t count) {
      if (count <= 0) return;
      builder_.Emit(dv::kVfill32, {to + x * pixel, count, pixel / 4, pixel, kLowest});
    };
    fill(0, outside ? pixels_ : left);
    if (outside) return;
    EmitRows(dv::kLdUb,
             {to + left * pixel, input_ + ((image * x_[1] + y) * x_[2]) * x_[3] + c, width,
              channels, pixel, x_[3]},
             &builder_);
    fill(left + width, pixels_ - left - width);
  }

  const int64_t input_;
  DavinciTail& tail_;
  ProgramBuilder& builder_;
  std::vector<int64_t> x_, y_, window_, strides_, padding_;
  int64_t pixels_ = 0;  // of a padded line
};

}  // namespace

absl::Status EmitDavinciPool(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                             ProgramBuilder* builder) {
  return Pool(group, input, tail, builder).Run();
}

absl::Status EmitDavinciSum(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                            ProgramBuilder* builder) {
  const std::vector<int64_t> x = graph::CallOf(*group.region, *group.head).inputs[0].dims();
  const int64_t bytes = group.values[*group.summed].bytes;
  const int64_t pixels = x[1] * x[2];
  int64_t most = std::min(kMostColumns, x[3]);  // columns at a time
  const auto pitch = [](int64_t columns, int64_t size) {
    return RoundUp(columns * size, dv::kUbBlockBytes);
  };
  const auto fits = [&](int64_t columns) {
    return tail->MaxRows(columns, pixels * (pitch(columns, 1) + pitch(columns, 4))) >= 1;
  };
  while (most > dv::kUbBlockBytes && !fits(most)) most = RoundUp(most / 2, dv::kUbBlockBytes);
  if (!fits(most) || pixels > 65535) {
    return absl::UnimplementedError("UB does not hold the pixels of an image");
  }
  for (int64_t c = 0; c < x[3]; c += most) {
    const int64_t columns = std::min(most, x[3] - c);
    tail->BeginPanel(c, columns);
    for (int64_t image = 0; image < x[0]; ++image) {
      const DavinciTile tile = {image, 1, c, columns};
      const int64_t narrow = tail->Scratch(tile);
      const int64_t wide = bytes == 4 ? narrow : narrow + pixels * pitch(columns, 1);
      EmitRows(dv::kLdUb,
               {narrow, input + (image * pixels * x[3] + c) * bytes, pixels, columns * bytes,
                pitch(columns, bytes), x[3] * bytes},
               builder);
      if (bytes == 1) {
        builder->Emit(dv::kVconvI8I32,
                      {wide, narrow, pixels, columns, pitch(columns, 4), pitch(columns, 1)});
      }
      builder->Emit(dv::kVcsumI32,
                    {tail->HeadAddress(tile), wide, pixels, columns, pitch(columns, 4)});
      tail->Run(tile);
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler
