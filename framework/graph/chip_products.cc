#include "framework/graph/chip_products.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "framework/graph/attributes.h"
#include "framework/graph/ops/index.h"

namespace strata::graph {
namespace {

using chips::Format;
using chips::MatmulShape;

std::vector<float> Floats(const HostTensor& tensor) {
  if (tensor.dtype() == chips::F32) {
    return {tensor.data<float>(), tensor.data<float>() + tensor.elements()};
  }
  const std::vector<double> values = tensor.ToDoubles();
  return {values.begin(), values.end()};
}

// [rows, columns] to [columns, rows].
std::vector<float> Transposed(absl::Span<const float> x, int64_t rows, int64_t columns) {
  std::vector<float> y(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      y[static_cast<size_t>(c * rows + r)] = x[static_cast<size_t>(r * columns + c)];
    }
  }
  return y;
}

// A matrix of a batch, brought to [rows, columns].
std::vector<float> Matrix(const std::vector<float>& all, int64_t index, int64_t rows,
                          int64_t columns, bool transposed) {
  const absl::Span<const float> x = absl::MakeSpan(all).subspan(
      static_cast<size_t>(index * rows * columns), static_cast<size_t>(rows * columns));
  if (transposed) return Transposed(x, columns, rows);
  return {x.begin(), x.end()};
}

// The two last dims after a transposition.
std::pair<int64_t, int64_t> MatrixDims(const std::vector<int64_t>& dims, bool transposed) {
  const int64_t rows = dims[dims.size() - 2], columns = dims.back();
  return transposed ? std::make_pair(columns, rows) : std::make_pair(rows, columns);
}

// x [N, H, W, C], w [KH, KW, C / groups, O] -> [N, OH, OW, O].
struct Convolution {
  int64_t n, h, w, c;
  int64_t kernel_h, kernel_w, group_c, o;
  int64_t stride_h, stride_w, top, left, groups;
  int64_t out_h, out_w;

  Convolution(const Node& node, absl::Span<const HostTensor> in) {
    const std::vector<int64_t>&x = in[0].dims(), &k = in[1].dims();
    const AttributeReader attributes(node);
    std::vector<int64_t> strides = attributes.Ints("strides"), pads = attributes.Ints("padding");
    if (strides.empty()) strides = {1, 1};
    if (pads.empty()) pads = {0, 0, 0, 0};
    n = x[0], h = x[1], w = x[2], c = x[3];
    kernel_h = k[0], kernel_w = k[1], group_c = k[2], o = k[3];
    stride_h = strides[0], stride_w = strides[1], top = pads[0], left = pads[2];
    groups = attributes.Int("groups", 1);
    out_h = (h + pads[0] + pads[1] - kernel_h) / stride_h + 1;
    out_w = (w + pads[2] + pads[3] - kernel_w) / stride_w + 1;
  }
  int64_t pixels() const { return n * out_h * out_w; }
};

// The operand rows of the kernel's rows [first, first + count): [N * OH * OW, count * KW * C / groups].
std::vector<float> Patches(const Convolution& s, const std::vector<float>& x, int64_t group,
                           int64_t first, int64_t count) {
  std::vector<float> patches;
  patches.reserve(static_cast<size_t>(s.pixels() * count * s.kernel_w * s.group_c));
  for (Index at({s.n, s.out_h, s.out_w, count, s.kernel_w}); at.more(); at.Next()) {
    const auto& i = at.index();
    const int64_t row = i[1] * s.stride_h - s.top + first + i[3];
    const int64_t column = i[2] * s.stride_w - s.left + i[4];
    if (row < 0 || row >= s.h || column < 0 || column >= s.w) {
      patches.insert(patches.end(), static_cast<size_t>(s.group_c), 0.0f);
      continue;
    }
    const auto from = x.begin() + ((i[0] * s.h + row) * s.w + column) * s.c + group * s.group_c;
    patches.insert(patches.end(), from, from + s.group_c);
  }
  return patches;
}

// The weights of those rows for the outputs of a group: [count * KW * C / groups, O / groups].
std::vector<float> Weights(const Convolution& s, const std::vector<float>& w, int64_t group,
                           int64_t first, int64_t count) {
  const int64_t row = s.kernel_w * s.group_c, columns = s.o / s.groups;
  std::vector<float> weights;
  weights.reserve(static_cast<size_t>(count * row * columns));
  for (int64_t k = first * row; k < (first + count) * row; ++k) {
    const auto from = w.begin() + k * s.o + group * columns;
    weights.insert(weights.end(), from, from + columns);
  }
  return weights;
}

}  // namespace

ProductOr ChipMatmul(const ChipArithmetic& chip, Format operand, const Node& node,
                     absl::Span<const HostTensor> in) {
  const AttributeReader attributes(node);
  const bool transpose_a = attributes.Bool("transpose_a");
  const bool transpose_b = attributes.Bool("transpose_b");
  const auto [m, k] = MatrixDims(in[0].dims(), transpose_a);
  const MatmulShape shape{m, MatrixDims(in[1].dims(), transpose_b).second, k};
  const int64_t batch = Product(in[0].dims(), 0, in[0].dims().size() - 2);
  const std::vector<float> a = Floats(in[0]), b = Floats(in[1]);
  std::vector<float> y(static_cast<size_t>(batch * shape.m * shape.n));
  for (int64_t l = 0; l < batch; ++l) {
    STRATA_RETURN_IF_ERROR(
        chip.Multiply(operand, shape, Matrix(a, l, shape.m, shape.k, transpose_a),
                      Matrix(b, in[1].rank() == 2 ? 0 : l, shape.k, shape.n, transpose_b), {},
                      absl::MakeSpan(y).subspan(static_cast<size_t>(l * shape.m * shape.n),
                                                static_cast<size_t>(shape.m * shape.n))));
  }
  return y;
}

// a [..., M], b [..., N] -> [M, N], summed over the leading dims.
ProductOr ChipContractLeading(const ChipArithmetic& chip, Format operand, const Node&,
                              absl::Span<const HostTensor> in) {
  const int64_t k = Product(in[0].dims(), 0, in[0].dims().size() - 1);
  const MatmulShape shape{in[0].dims().back(), in[1].dims().back(), k};
  std::vector<float> y(static_cast<size_t>(shape.m * shape.n));
  STRATA_RETURN_IF_ERROR(chip.Multiply(operand, shape, Transposed(Floats(in[0]), shape.k, shape.m),
                                       Floats(in[1]), {}, absl::MakeSpan(y)));
  return y;
}

ProductOr ChipConv2d(const ChipArithmetic& chip, Format operand, const Node& node,
                     absl::Span<const HostTensor> in) {
  const Convolution s(node, in);
  const std::vector<float> x = Floats(in[0]), w = Floats(in[1]);
  const int64_t rows = chip.MultipliesKernelRows() ? 1 : std::max<int64_t>(s.kernel_h, 1);
  const int64_t columns = s.o / s.groups;
  std::vector<float> y(static_cast<size_t>(s.pixels() * s.o));
  for (int64_t group = 0; group < s.groups; ++group) {
    std::vector<float> d(static_cast<size_t>(s.pixels() * columns), 0.0f);
    for (int64_t first = 0; first < s.kernel_h; first += rows) {
      STRATA_RETURN_IF_ERROR(
          chip.Multiply(operand, {s.pixels(), columns, rows * s.kernel_w * s.group_c},
                        Patches(s, x, group, first, rows), Weights(s, w, group, first, rows), d,
                        absl::MakeSpan(d)));
    }
    for (int64_t pixel = 0; pixel < s.pixels(); ++pixel) {
      std::copy_n(d.begin() + pixel * columns, columns, y.begin() + pixel * s.o + group * columns);
    }
  }
  return y;
}

std::vector<float> ChipRowSums(const ChipArithmetic& chip, const HostTensor& x) {
  const std::vector<float> values = Floats(x);
  const int64_t rows = Product(x.dims(), 0, x.dims().size() - 1), n = x.dims().back();
  std::vector<float> sums;
  for (int64_t r = 0; r < rows; ++r) {
    sums.push_back(chips::ArrayRowSum(
        absl::MakeSpan(values).subspan(static_cast<size_t>(r * n), static_cast<size_t>(n)),
        chip.lanes()));
  }
  return sums;
}

}  // namespace strata::graph
