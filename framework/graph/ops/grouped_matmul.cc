// Products where each run of rows has its own matrix (grouped GEMM): experts without padding, whatever their loads are.
// grouped_matmul: rows times their expert's matrix. grouped_contract: its adjoint, one matrix an expert. Letters: G
// groups of rows, R rows of a group, E experts, K and F features; expert e has the rows [offsets[e], offsets[e + 1]).
#include <algorithm>

#include "framework/graph/builder.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

bool Transposed(const OpCall& call) { return call.attrs().Bool("transpose_b"); }

absl::Status CheckRows(const TensorType& x, const char* name, const TensorType& like) {
  STRATA_RETURN_IF_ERROR(CheckFloat(x, name));
  STRATA_RETURN_IF_ERROR(CheckDType(x, name, like.dtype));
  return CheckRank(x, name, "[G, R, K]", 3);
}

absl::StatusOr<std::vector<TensorType>> InferMatmul(const OpCall& call) {
  const TensorType &x = call.inputs[0], &offsets = call.inputs[1], &w = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckRows(x, "x", x));
  STRATA_RETURN_IF_ERROR(CheckDType(w, "w", x.dtype));
  const bool turned = Transposed(call);
  STRATA_RETURN_IF_ERROR(CheckRank(w, "w", turned ? "[E, F, K]" : "[E, K, F]", 3));
  const Size &K = x.shape[2], &F = w.shape[turned ? 1 : 2];
  STRATA_RETURN_IF_ERROR(
      CheckShape(w, "w", turned ? Shape{w.shape[0], F, K} : Shape{w.shape[0], K, F}));
  STRATA_RETURN_IF_ERROR(CheckDType(offsets, "offsets", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(offsets, "offsets", "[G, E + 1]", 2));
  if (w.shape[0].is_symbol()) {
    return absl::InvalidArgumentError(
        absl::StrCat("w: is ", w.ToString(), "; the number of experts must be known"));
  }
  STRATA_RETURN_IF_ERROR(CheckShape(offsets, "offsets", {x.shape[0], w.shape[0].size() + 1}));
  return std::vector<TensorType>{{x.dtype, {x.shape[0], x.shape[1], F}}};
}

absl::StatusOr<std::vector<TensorType>> InferContract(const OpCall& call) {
  const TensorType &a = call.inputs[0], &b = call.inputs[1], &offsets = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckRows(a, "a", a));
  STRATA_RETURN_IF_ERROR(CheckRows(b, "b", a));
  STRATA_RETURN_IF_ERROR(CheckShape(b, "b", {a.shape[0], a.shape[1], b.shape[2]}));
  STRATA_RETURN_IF_ERROR(CheckDType(offsets, "offsets", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(offsets, "offsets", "[G, E + 1]", 2));
  const Size& ends = offsets.shape[1];
  if (!(offsets.shape[0] == a.shape[0]) || ends.is_symbol() || ends.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("offsets: is ", offsets.ToString(),
                                                   "; must be [G, E + 1] with the G of ",
                                                   a.ToString(), " and E known, at least 1"));
  }
  return std::vector<TensorType>{{a.dtype, {ends.size() - 1, a.shape[2], b.shape[2]}}};
}

// Calls f(expert, row of all groups) for each row that an expert has.
template <typename F>
absl::Status ForEachRow(const HostTensor& offsets, int64_t R, F f) {
  const int64_t ends = offsets.dims()[1];
  for (int64_t g = 0; g < offsets.dims()[0]; ++g) {
    const int32_t* at = offsets.data<int32_t>() + g * ends;
    for (int64_t e = 0; e + 1 < ends; ++e) {
      if (at[e] < 0 || at[e + 1] < at[e] || at[e + 1] > R) {
        return absl::OutOfRangeError(absl::StrCat("offsets: expert ", e, " of group ", g,
                                                  " has the rows [", at[e], ", ", at[e + 1],
                                                  ") of ", R, "; they must go up within these"));
      }
      for (int64_t r = at[e]; r < at[e + 1]; ++r) f(e, g * R + r);
    }
  }
  return absl::OkStatus();
}

absl::Status MatmulReference(const OpCall& call, absl::Span<const HostTensor> inputs,
                             absl::Span<HostTensor> outputs) {
  const bool turned = Transposed(call);
  const int64_t R = inputs[0].dims()[1], K = inputs[0].dims()[2], F = outputs[0].dims()[2];
  const std::vector<double> x = inputs[0].ToDoubles(), w = inputs[2].ToDoubles();
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()), 0.0);
  STRATA_RETURN_IF_ERROR(ForEachRow(inputs[1], R, [&](int64_t e, int64_t row) {
    for (int64_t f = 0; f < F; ++f) {
      double sum = 0;
      for (int64_t k = 0; k < K; ++k) {
        const int64_t at = turned ? (e * F + f) * K + k : (e * K + k) * F + f;
        sum += x[static_cast<size_t>(row * K + k)] * w[static_cast<size_t>(at)];
      }
      y[static_cast<size_t>(row * F + f)] = sum;
    }
  }));
  outputs[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status ContractReference(const OpCall&, absl::Span<const HostTensor> inputs,
                               absl::Span<HostTensor> outputs) {
  const int64_t R = inputs[0].dims()[1], K = inputs[0].dims()[2], F = inputs[1].dims()[2];
  const std::vector<double> a = inputs[0].ToDoubles(), b = inputs[1].ToDoubles();
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()), 0.0);
  STRATA_RETURN_IF_ERROR(ForEachRow(inputs[2], R, [&](int64_t e, int64_t row) {
    for (int64_t k = 0; k < K; ++k) {
      for (int64_t f = 0; f < F; ++f) {
        y[static_cast<size_t>((e * K + k) * F + f)] +=
            a[static_cast<size_t>(row * K + k)] * b[static_cast<size_t>(row * F + f)];
      }
    }
  }));
  outputs[0].SetFromDoubles(y);
  return absl::OkStatus();
}

ValueId Product(Builder& b, ValueId x, ValueId offsets, ValueId w, bool transpose_b) {
  return b.Apply("grouped_matmul", {x, offsets, w}, {{"transpose_b", Attr(transpose_b)}});
}

absl::StatusOr<std::vector<ValueId>> MatmulGradient(GradientContext& c) {
  const ValueId x = c.inputs[0], offsets = c.inputs[1], w = c.inputs[2];
  const ValueId dy = c.output_gradients[0];
  const bool turned = Transposed(c.call);
  std::vector<ValueId> gradients(3, kNoValue);
  if (c.needs[0]) gradients[0] = Product(c.builder, dy, offsets, w, !turned);
  if (c.needs[2]) {
    gradients[2] = turned ? c.builder.Apply("grouped_contract", {dy, x, offsets})
                          : c.builder.Apply("grouped_contract", {x, dy, offsets});
  }
  return gradients;
}

absl::StatusOr<std::vector<ValueId>> ContractGradient(GradientContext& c) {
  const ValueId a = c.inputs[0], b = c.inputs[1], offsets = c.inputs[2];
  const ValueId dy = c.output_gradients[0];  // [E, K, F]
  return std::vector<ValueId>{c.needs[0] ? Product(c.builder, b, offsets, dy, true) : kNoValue,
                              c.needs[1] ? Product(c.builder, a, offsets, dy, false) : kNoValue,
                              kNoValue};
}

double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

// When every row has an expert. Reads the matrices of experts with rows: not more than there are rows.
Work WorkOfMatmul(const OpCall& call) {
  const TensorType &x = call.inputs[0], &w = call.inputs[2];
  const double rows =
      static_cast<double>(x.shape[0].size()) * static_cast<double>(x.shape[1].size());
  const double experts = static_cast<double>(w.shape[0].size());
  const double products =
      static_cast<double>(call.outputs[0].elements()) * static_cast<double>(x.shape[2].size());
  const double read = experts > 0 ? std::min(1.0, rows / experts) * Bytes(w) : 0;
  return {2 * products, Bytes(x) + Bytes(call.inputs[1]) + read, Bytes(call.outputs[0])};
}

}  // namespace

void RegisterGroupedMatmulOps(OpRegistry& registry) {
  OpDef matmul;
  matmul.name = "grouped_matmul";
  matmul.summary =
      "x [G, R, K], offsets [G, E + 1] i32, w [E, K, F], or transposed [E, F, K] -> [G, R, F]: "
      "rows "
      "[offsets[e], offsets[e + 1]) times w[e]; rows of no expert give 0";
  matmul.min_inputs = matmul.max_inputs = 3;
  matmul.attributes = {{"transpose_b", AttrKind::kBool, false}};
  matmul.infer = InferMatmul;
  matmul.reference = MatmulReference;
  matmul.gradient = MatmulGradient;
  matmul.work = WorkOfMatmul;
  registry.Add(std::move(matmul));

  OpDef contract;
  contract.name = "grouped_contract";
  contract.summary =
      "a [G, R, K], b [G, R, F], offsets [G, E + 1] i32 -> [E, K, F]: of each expert the sum over "
      "its rows, in all groups, of a[r] times b[r]";
  contract.min_inputs = contract.max_inputs = 3;
  contract.infer = InferContract;
  contract.reference = ContractReference;
  contract.gradient = ContractGradient;
  // When every row has an expert.
  contract.flops = [](const OpCall& call) {
    return 2.0 * static_cast<double>(call.inputs[0].elements()) *
           static_cast<double>(call.inputs[1].shape[2].size());
  };
  registry.Add(std::move(contract));
}

}  // namespace strata::graph
