#include "chips/numerics/array_arithmetic.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

// Compiled without contraction of a * b + c: each product is rounded by itself.
namespace strata::chips {
namespace {

typedef float Lanes __attribute__((vector_size(64)));
typedef float Unaligned __attribute__((vector_size(64), aligned(4), may_alias));

constexpr int64_t kLanes = 16;
constexpr int64_t kVectors = 2;                  // of a row of a block
constexpr int64_t kColumns = kVectors * kLanes;  // of a block of D
constexpr int64_t kRows = 8;

// One block of D: `rows` rows from `a` on, one panel of B.
struct Block {
  const float* a;  // [rows, k], rows a_pitch apart
  const float* b;  // [k, kColumns]
  float* sums;     // [rows, kColumns]
  int64_t k, a_pitch;
  int64_t rows;
};

template <int64_t kCount>
__attribute__((always_inline)) inline void AddRows(const Block& in, int64_t row) {
  Lanes s[kCount][kVectors];
  Unaligned* const sums = reinterpret_cast<Unaligned*>(in.sums + row * kColumns);
#pragma GCC unroll 16
  for (int64_t i = 0; i < kCount * kVectors; ++i) s[i / kVectors][i % kVectors] = sums[i];
  const float* a = in.a + row * in.a_pitch;
  const Unaligned* b = reinterpret_cast<const Unaligned*>(in.b);
  for (int64_t k = 0; k < in.k; ++k, b += kVectors) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < kCount; ++i) {
      const Lanes left = a[i * in.a_pitch + k] - Lanes{};  // x - 0: x in all lanes
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) s[i][v] += left * b[v];
    }
  }
#pragma GCC unroll 16
  for (int64_t i = 0; i < kCount * kVectors; ++i) sums[i] = s[i / kVectors][i % kVectors];
}

// sums[i][j] += a[i][k] * b[k][j] in order of k.
__attribute__((always_inline)) inline void AddBlock(const Block& in) {
  int64_t row = 0;
  for (; row + kRows <= in.rows; row += kRows) AddRows<kRows>(in, row);
  for (; row < in.rows; ++row) AddRows<1>(in, row);
}

void AddBlockAnywhere(const Block& in) { AddBlock(in); }

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void AddBlockAvx512(const Block& in) { AddBlock(in); }

bool HasAvx512() {
  static const bool has = __builtin_cpu_supports("avx512f");
  return has;
}
#else
void AddBlockAvx512(const Block& in) { AddBlock(in); }
bool HasAvx512() { return false; }
#endif

// B's columns in panels of kColumns, [panels, K, kColumns], filled up with zeros.
std::vector<float> Panels(const MatmulShape& s, const float* b) {
  const int64_t panels = (s.n + kColumns - 1) / kColumns;
  std::vector<float> packed(static_cast<size_t>(panels * s.k * kColumns), 0.0f);
  for (int64_t k = 0; k < s.k; ++k) {
    for (int64_t n = 0; n < s.n; ++n) {
      packed[static_cast<size_t>((n / kColumns * s.k + k) * kColumns + n % kColumns)] =
          b[k * s.n + n];
    }
  }
  return packed;
}

// Up to kRows rows of D and the columns of one panel.
void Tile(const ArrayArithmetic& array, const MatmulShape& s, const float* a, const float* panel,
          const float* c, float* d, int64_t row, int64_t column) {
  const int64_t rows = std::min(kRows, s.m - row), columns = std::min(kColumns, s.n - column);
  float total[kRows][kColumns] = {};  // C, then D
  for (int64_t i = 0; i < rows && c != nullptr; ++i) {
    std::copy_n(c + (row + i) * s.n + column, columns, total[i]);
  }
  const bool chained = array.dataflow == ArrayDataflow::kOutputStationary;
  const int64_t step = chained ? std::max<int64_t>(s.k, 1) : array.rows;
  for (int64_t k = 0; k < s.k; k += step) {
    float chunk[kRows][kColumns] = {};
    const Block block{.a = a + row * s.k + k,
                      .b = panel + k * kColumns,
                      .sums = chained ? total[0] : chunk[0],
                      .k = std::min(step, s.k - k),
                      .a_pitch = s.k,
                      .rows = rows};
    HasAvx512() ? AddBlockAvx512(block) : AddBlockAnywhere(block);
    for (int64_t i = 0; i < rows && !chained; ++i) {
      for (int64_t j = 0; j < kColumns; ++j) total[i][j] += chunk[i][j];
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(total[i], columns, d + (row + i) * s.n + column);
  }
}

absl::Status CheckSize(const char* name, size_t size, int64_t rows, int64_t columns) {
  if (static_cast<int64_t>(size) == rows * columns) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": has ", size, " elements; must have ", rows, " x ", columns));
}

}  // namespace

absl::Status ArrayMatmul(const ArrayArithmetic& array, const MatmulShape& shape,
                         absl::Span<const float> a, absl::Span<const float> b,
                         absl::Span<const float> c, absl::Span<float> d) {
  if (shape.m < 0 || shape.n < 0 || shape.k < 0) {
    return absl::InvalidArgumentError(absl::StrCat("shape: ", shape.m, " x ", shape.n, " x ",
                                                   shape.k, "; give no negative size"));
  }
  if (array.rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat("rows: is ", array.rows, "; must be 1 or more"));
  }
  STRATA_RETURN_IF_ERROR(CheckSize("a", a.size(), shape.m, shape.k));
  STRATA_RETURN_IF_ERROR(CheckSize("b", b.size(), shape.k, shape.n));
  if (!c.empty()) STRATA_RETURN_IF_ERROR(CheckSize("c", c.size(), shape.m, shape.n));
  STRATA_RETURN_IF_ERROR(CheckSize("d", d.size(), shape.m, shape.n));
  const std::vector<float> panels = Panels(shape, b.data());
  const float* start = c.empty() ? nullptr : c.data();
  const bool large =
      static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k) >
      1e6;  // worth waking threads for
#pragma omp parallel for schedule(static) if (large)
  for (int64_t row = 0; row < shape.m; row += kRows) {
    for (int64_t column = 0; column < shape.n; column += kColumns) {
      Tile(array, shape, a.data(), panels.data() + column * shape.k, start, d.data(), row, column);
    }
  }
  return absl::OkStatus();
}

float ArrayRowSum(absl::Span<const float> row, int lanes) {
  if (row.empty()) return 0;
  size_t width = std::min(static_cast<size_t>(std::max(lanes, 1)), std::bit_ceil(row.size()));
  std::vector<float> sums(width, 0.0f);
  for (size_t i = 0; i < row.size(); ++i) sums[i % width] += row[i];
  for (; width > 1; width = (width + 1) / 2) {
    const size_t half = (width + 1) / 2;
    for (size_t l = 0; l + half < width; ++l) sums[l] += sums[l + half];
  }
  return sums[0];
}

}  // namespace strata::chips
