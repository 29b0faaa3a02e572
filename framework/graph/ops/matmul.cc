// Matrix products. Letters: M rows and N columns of the result, K the summed dim, L all leading
// dims as one. Sums are made in double by the reference and in f32 or wider by every device; with
// `output_dtype` the result keeps more of them than the operands have: bf16 x bf16 -> f32 is what
// matrix units do (mixed precision: Micikevicius et al. 2018, arXiv:1710.03740).
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

struct Flags {
  bool a, b;  // transpose_a, transpose_b
};

Flags FlagsOf(const OpCall& call) {
  return {call.attrs().Bool("transpose_a"), call.attrs().Bool("transpose_b")};
}

Attributes FlagAttributes(Flags flags) {
  return {{"transpose_a", Attr(flags.a)}, {"transpose_b", Attr(flags.b)}};
}

// The operands' dtype unless `output_dtype` says otherwise; of 8-bit operands what holds their sums.
absl::StatusOr<DType> OutputDType(const OpCall& call) {
  const DType operands = call.inputs[0].dtype;
  const bool bytes = operands == chips::I8;
  if (!call.attrs().Has("output_dtype"))
    return bytes ? chips::I32 : chips::IsFloat8(operands) ? chips::F32 : operands;
  const DType dtype = call.attrs().Type("output_dtype");
  if (bytes ? dtype != chips::I32 : !chips::IsFloat(dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("output_dtype: is ", chips::DTypeName(dtype), "; must be ",
                     bytes ? "i32 for i8 operands" : "a float dtype"));
  }
  return dtype;
}

// What the gradient of the result is multiplied with has the operands' dtype, and so has the product.
ValueId GradientOperand(const GradientContext& c) {
  const DType dtype = c.call.inputs[0].dtype;
  if (c.call.outputs[0].dtype == dtype) return c.output_gradients[0];
  return c.builder.Apply("cast", {c.output_gradients[0]}, {{"dtype", Attr(dtype)}});
}

// The two last dims after the flag: {rows, columns}.
template <typename T>
std::pair<T, T> Matrix(const std::vector<T>& dims, bool transposed) {
  const T& rows = dims[dims.size() - 2];
  const T& columns = dims[dims.size() - 1];
  return transposed ? std::pair<T, T>{columns, rows} : std::pair<T, T>{rows, columns};
}

TypesOr InferMatmul(const OpCall& call) {
  const TensorType &a = call.inputs[0], &b = call.inputs[1];
  if (!chips::IsFloat(a.dtype) && !chips::IsFloat8(a.dtype) && a.dtype != chips::I8)
    return InputFault(call, 0, "of a float dtype, an 8-bit float or i8");
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  if (a.rank() < 2) return InputFault(call, 0, "of rank 2 or more");
  const bool same_batch =
      a.rank() == b.rank() && std::equal(a.shape.begin(), a.shape.end() - 2, b.shape.begin());
  if (b.rank() != 2 && !same_batch) {
    return InputFault(call, 1, absl::StrCat("of rank 2, or of the leading dims of ", a.ToString()));
  }
  const auto [m, k] = Matrix(a.shape, FlagsOf(call).a);
  const auto [k2, n] = Matrix(b.shape, FlagsOf(call).b);
  if (!(k == k2)) {
    return absl::InvalidArgumentError(absl::StrCat("sums over ", k.ToString(), " of ", a.ToString(),
                                                   " and over ", k2.ToString(), " of ",
                                                   b.ToString(), "; they must be the same"));
  }
  if (a.dtype == chips::I8 && !k.is_symbol())
    STRATA_RETURN_IF_ERROR(CheckInt8Terms(static_cast<double>(k.size())));
  STRATA_ASSIGN_OR_RETURN(const DType dtype, OutputDType(call));
  TensorType y{dtype, Shape(a.shape.begin(), a.shape.end() - 2)};
  y.shape.push_back(m);
  y.shape.push_back(n);
  return std::vector<TensorType>{std::move(y)};
}

absl::Status MatmulReference(const OpCall& call, absl::Span<const HostTensor> in,
                             absl::Span<HostTensor> out) {
  const Flags flags = FlagsOf(call);
  const auto [M, K] = Matrix(in[0].dims(), flags.a);
  const int64_t N = Matrix(in[1].dims(), flags.b).second;
  const int64_t L = Product(in[0].dims(), 0, in[0].dims().size() - 2);
  const bool shared = in[1].rank() == 2;  // one b for all of the batch
  const std::vector<double> a = in[0].ToDoubles(), b = in[1].ToDoubles();
  std::vector<double> y(static_cast<size_t>(out[0].elements()));
  for (int64_t l = 0; l < L; ++l) {
    const double* al = a.data() + l * M * K;
    const double* bl = b.data() + (shared ? 0 : l * K * N);
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < K; ++k) {
          sum +=
              (flags.a ? al[k * M + m] : al[m * K + k]) * (flags.b ? bl[n * K + k] : bl[k * N + n]);
        }
        y[static_cast<size_t>((l * M + m) * N + n)] = sum;
      }
    }
  }
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

ValueId Matmul(Builder& b, ValueId x, ValueId y, bool transpose_x, bool transpose_y) {
  return b.Apply("matmul", {x, y}, FlagAttributes({transpose_x, transpose_y}));
}

ValueId SwapLastTwo(Builder& b, ValueId x) {
  std::vector<int64_t> permutation;
  for (int64_t d = 0; d < b.type(x).rank(); ++d) permutation.push_back(d);
  std::swap(permutation[permutation.size() - 2], permutation[permutation.size() - 1]);
  return b.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
}

// With Y = op(A) op(B): d op(A) = dY op(B)^T. A transposed A gets the transpose of that.
ValueId MatmulGradientA(const GradientContext& c, Flags flags) {
  Builder& g = c.builder;
  const ValueId b = c.inputs[1], dy = GradientOperand(c);
  if (!flags.a) return Matmul(g, dy, b, false, !flags.b);
  if (c.call.inputs[1].rank() == c.call.inputs[0].rank()) return Matmul(g, b, dy, flags.b, true);
  return SwapLastTwo(g,
                     Matmul(g, dy, b, false, !flags.b));  // a shared b cannot be the left operand
}

// d op(B) = op(A)^T dY, summed over the batch when B is shared.
ValueId MatmulGradientB(const GradientContext& c, Flags flags) {
  Builder& g = c.builder;
  ValueId a = c.inputs[0];
  const ValueId dy = GradientOperand(c);
  if (c.call.inputs[1].rank() == 2 && (!flags.a || c.call.inputs[0].rank() > 2)) {
    if (flags.a) a = SwapLastTwo(g, a);
    return flags.b ? g.Apply("contract_leading", {dy, a}) : g.Apply("contract_leading", {a, dy});
  }
  return flags.b ? Matmul(g, dy, a, true, flags.a) : Matmul(g, a, dy, !flags.a, false);
}

ValuesOr MatmulGradient(GradientContext& c) {
  const DType dtype = c.call.inputs[0].dtype;
  if (!chips::IsFloat(dtype)) {
    return absl::UnimplementedError(
        absl::StrCat("matmul of ", chips::DTypeName(dtype),
                     " has no gradient: cast the operands to a float dtype"));
  }
  const Flags flags = FlagsOf(c.call);
  return std::vector<ValueId>{c.needs[0] ? MatmulGradientA(c, flags) : kNoValue,
                              c.needs[1] ? MatmulGradientB(c, flags) : kNoValue};
}

double MatmulFlops(const OpCall& call) {
  const double k = static_cast<double>(Matrix(call.inputs[0].dims(), FlagsOf(call).a).second);
  return 2.0 * k * OutputElements(call);
}

// ---- contract_leading

TypesOr InferContract(const OpCall& call) {
  const TensorType &a = call.inputs[0], &b = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  if (a.rank() < 2) return InputFault(call, 0, "of rank 2 or more");
  if (a.rank() != b.rank() || !std::equal(a.shape.begin(), a.shape.end() - 1, b.shape.begin())) {
    return InputFault(call, 1, absl::StrCat("of the leading dims of ", a.ToString()));
  }
  STRATA_ASSIGN_OR_RETURN(const DType dtype, OutputDType(call));
  return std::vector<TensorType>{{dtype, {a.shape.back(), b.shape.back()}}};
}

absl::Status ContractReference(const OpCall&, absl::Span<const HostTensor> in,
                               absl::Span<HostTensor> out) {
  const int64_t L = Product(in[0].dims(), 0, in[0].dims().size() - 1);
  const int64_t M = in[0].dims().back(), N = in[1].dims().back();
  const std::vector<double> a = in[0].ToDoubles(), b = in[1].ToDoubles();
  std::vector<double> y(static_cast<size_t>(M * N), 0.0);
  for (int64_t l = 0; l < L; ++l) {
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        y[static_cast<size_t>(m * N + n)] +=
            a[static_cast<size_t>(l * M + m)] * b[static_cast<size_t>(l * N + n)];
      }
    }
  }
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

ValuesOr ContractGradient(GradientContext& c) {
  const ValueId a = c.inputs[0], b = c.inputs[1], dy = GradientOperand(c);
  return std::vector<ValueId>{c.needs[0] ? Matmul(c.builder, b, dy, false, true) : kNoValue,
                              c.needs[1] ? Matmul(c.builder, a, dy, false, false) : kNoValue};
}

}  // namespace

void RegisterMatmulOps(OpRegistry& registry) {
  OpDef matmul;
  matmul.name = "matmul";
  matmul.summary =
      "a [..., M, K] times b [..., K, N] or [K, N], each transposed by its flag -> [..., M, N]; "
      "of i8 exact in i32";
  matmul.min_inputs = matmul.max_inputs = 2;
  matmul.attributes = {{"transpose_a", AttrKind::kBool, false},
                       {"transpose_b", AttrKind::kBool, false},
                       {"output_dtype", AttrKind::kDType, false}};
  matmul.infer = InferMatmul;
  matmul.reference = MatmulReference;
  matmul.gradient = MatmulGradient;
  matmul.flops = MatmulFlops;
  registry.Add(std::move(matmul));

  OpDef contract;
  contract.name = "contract_leading";
  contract.summary = "a [..., M] and b [..., N] -> [M, N], summed over all leading dims";
  contract.min_inputs = contract.max_inputs = 2;
  contract.attributes = {{"output_dtype", AttrKind::kDType, false}};
  contract.infer = InferContract;
  contract.reference = ContractReference;
  contract.gradient = ContractGradient;
  contract.flops = [](const OpCall& call) {
    return 2.0 * InputElements(call, 0) * static_cast<double>(call.inputs[1].shape.back().size());
  };
  registry.Add(std::move(contract));
}

}  // namespace strata::graph
