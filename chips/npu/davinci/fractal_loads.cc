#include "chips/npu/davinci/fractal_loads.h"

#include <algorithm>
#include <cstring>

#include "chips/npu/davinci/davinci_isa.h"

namespace strata::chips::npu::davinci {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

void Clear(uint8_t* dst, int64_t row_blocks, int64_t col_blocks) {
  std::memset(dst, 0, static_cast<size_t>(row_blocks * col_blocks * kFractalBytes));
}

// One element; both sizes are constants to the copy.
void CopyElement(uint8_t* to, const uint8_t* from, int64_t bytes) {
  if (bytes == 1) {
    *to = *from;
  } else {
    std::memcpy(to, from, 2);
  }
}

// `count` bytes of a row of A from byte `at` on; `row` is that row of its first fractal.
void PutRun(uint8_t* row, int64_t at, const uint8_t* from, int64_t count) {
  while (count > 0) {
    const int64_t inside = at % kFractalRowBytes;
    const int64_t part = std::min(count, kFractalRowBytes - inside);
    std::memcpy(row + at / kFractalRowBytes * kFractalBytes + inside, from,
                static_cast<size_t>(part));
    at += part;
    from += part;
    count -= part;
  }
}

uint8_t* RowOf(uint8_t* dst, int64_t index, int64_t col_blocks) {
  return dst + index / kSide * col_blocks * kFractalBytes + index % kSide * kFractalRowBytes;
}

}  // namespace

void LoadA(const FractalLoad& l) {
  if (l.rows == 0 || l.cols == 0) return;
  const int64_t col_blocks = CeilDiv(l.cols * l.bytes, kFractalRowBytes);
  Clear(l.dst, CeilDiv(l.rows, kSide), col_blocks);
  const int64_t k0 = kFractalRowBytes / l.bytes;
  for (int64_t i = 0; i < l.rows; ++i) {
    uint8_t* row = RowOf(l.dst, i, col_blocks);
    const uint8_t* src = l.src + i * l.row_stride;
    if (l.col_stride == l.bytes) {
      PutRun(row, 0, src, l.cols * l.bytes);
      continue;
    }
    for (int64_t j = 0; j < l.cols; ++j) {
      CopyElement(row + j / k0 * kFractalBytes + j % k0 * l.bytes, src + j * l.col_stride, l.bytes);
    }
  }
}

void LoadB(const FractalLoad& l) {
  if (l.rows == 0 || l.cols == 0) return;
  const int64_t k0 = kFractalRowBytes / l.bytes;
  const int64_t col_blocks = CeilDiv(l.cols, kSide);
  Clear(l.dst, CeilDiv(l.rows, k0), col_blocks);
  for (int64_t i = 0; i < l.rows; ++i) {
    uint8_t* row = l.dst + i / k0 * col_blocks * kFractalBytes + i % k0 * l.bytes;
    const uint8_t* src = l.src + i * l.row_stride;
    for (int64_t j = 0; j < l.cols; ++j) {
      CopyElement(row + j / kSide * kFractalBytes + j % kSide * kFractalRowBytes,
                  src + j * l.col_stride, l.bytes);
    }
  }
}

void LoadWindows(const WindowLoad& l) {
  const int64_t m = l.rows * l.cols, k = l.runs * l.run;
  if (m == 0 || k == 0) return;
  const int64_t col_blocks = CeilDiv(k * l.bytes, kFractalRowBytes);
  Clear(l.dst, CeilDiv(m, kSide), col_blocks);
  for (int64_t i = 0; i < m; ++i) {
    uint8_t* row = RowOf(l.dst, i, col_blocks);
    const uint8_t* src = l.src + i / l.cols * l.row_stride + i % l.cols * l.col_stride;
    for (int64_t s = 0; s < l.runs; ++s) {
      PutRun(row, s * l.run * l.bytes, src + s * l.run_stride, l.run * l.bytes);
    }
  }
}

}  // namespace strata::chips::npu::davinci
