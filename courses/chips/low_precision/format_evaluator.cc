#include "courses/chips/low_precision/format_evaluator.h"

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "chips/numerics/matmul_as.h"
#include "framework/graph/chip_products.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::courses {
namespace {

using chips::MatmulShape;
using graph::Graph;
using graph::HostTensor;
using graph::Node;

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

void MultiplyInDouble(const MatmulShape& s, const std::vector<float>& a,
                      const std::vector<float>& b, absl::Span<float> d) {
  std::vector<double> row(static_cast<size_t>(s.n));
  for (int64_t m = 0; m < s.m; ++m) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t k = 0; k < s.k; ++k) {
      const double x = a[static_cast<size_t>(m * s.k + k)];
      const float* line = b.data() + k * s.n;
      for (int64_t n = 0; n < s.n; ++n) row[static_cast<size_t>(n)] += x * line[n];
    }
    for (int64_t n = 0; n < s.n; ++n) {
      d[static_cast<size_t>(m * s.n + n)] = static_cast<float>(row[static_cast<size_t>(n)]);
    }
  }
}

// The products of one node.
class NodeProducts : public graph::ChipArithmetic {
 public:
  NodeProducts(const OperandRounding& a, const OperandRounding& b,
               const std::optional<chips::DotRule>& sums, uint64_t seed)
      : a_(a), b_(b), sums_(sums), seed_(seed) {}

  absl::StatusOr<absl::optional<chips::Format>> OperandFormat(chips::DType) const override {
    return absl::optional<chips::Format>(chips::Format::kF32);
  }
  absl::Status Multiply(chips::Format, const MatmulShape& s, absl::Span<const float> a,
                        absl::Span<const float> b, absl::Span<const float>,
                        absl::Span<float> d) const override {
    std::vector<float> left(a.begin(), a.end()), right = Transposed(b, s.k, s.n);
    const uint64_t seed =
        seed_ + (uint64_t{2} << 32) * matrices_++;  // each matrix of a batch has its own
    STRATA_ASSIGN_OR_RETURN(const double left_scale,
                            RoundOperand(a_, {s.m, s.k}, seed, absl::MakeSpan(left)));
    STRATA_ASSIGN_OR_RETURN(
        const double right_scale,
        RoundOperand(b_, {s.n, s.k}, seed + (uint64_t{1} << 32), absl::MakeSpan(right)));
    right = Transposed(right, s.n, s.k);
    if (sums_.has_value()) {
      STRATA_RETURN_IF_ERROR(chips::MatmulAs(*sums_, s, left, right, {}, d));
    } else {
      MultiplyInDouble(s, left, right, d);
    }
    const double scale = left_scale * right_scale;
    if (scale != 1) {
      for (float& value : d) value = static_cast<float>(value * scale);
    }
    return absl::OkStatus();
  }
  bool MultipliesKernelRows() const override { return false; }
  int lanes() const override { return 0; }

 private:
  const OperandRounding &a_, &b_;
  const std::optional<chips::DotRule>& sums_;
  const uint64_t seed_;
  mutable uint64_t matrices_ = 0;
};

// One run of a graph without symbols.
class Run {
 public:
  Run(const ProductFormat& format, const Graph& graph, uint64_t seed)
      : format_(format),
        graph_(graph),
        seed_(seed),
        values_(static_cast<size_t>(graph.values_size())),
        backward_(values_.size(), false) {}

  absl::Status Nodes(absl::Span<const HostTensor> inputs) {
    for (int i = 0; i < graph_.inputs_size(); ++i) {
      values_[graph_.inputs(i).value()] = inputs[static_cast<size_t>(i)];
    }
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      const Node& node = graph_.nodes(i);
      auto results = Evaluate(node, seed_ + static_cast<uint64_t>(i));
      if (!results.ok()) {
        return Annotate(results.status(), absl::StrCat("nodes[", i, "] (", node.origin(), ")"));
      }
      for (int k = 0; k < node.outputs_size(); ++k) {
        values_[node.outputs(k)] = std::move((*results)[static_cast<size_t>(k)]);
        backward_[node.outputs(k)] = absl::StartsWith(node.origin(), "grad ");
      }
    }
    return absl::OkStatus();
  }

  // Outputs; updated inputs take their new content.
  std::vector<HostTensor> Finish() const {
    std::vector<HostTensor> outputs;
    for (const auto& output : graph_.outputs()) outputs.push_back(values_[output.value()].Clone());
    std::vector<HostTensor> news;
    for (const auto& update : graph_.updates()) news.push_back(values_[update.output()].Clone());
    for (int i = 0; i < graph_.updates_size(); ++i) {
      const HostTensor& content = news[static_cast<size_t>(i)];
      std::memcpy(values_[graph_.updates(i).input()].raw(), content.raw(), content.size_bytes());
    }
    return outputs;
  }

 private:
  const OperandRounding& RoundingOf(uint32_t value) const {
    return backward_[value] ? format_.gradient : format_.forward;
  }

  absl::StatusOr<std::vector<HostTensor>> Evaluate(const Node& node, uint64_t seed) {
    std::vector<HostTensor> in;
    for (const uint32_t id : node.inputs()) in.push_back(values_[id]);
    const bool matmul = node.op() == "matmul";
    if (!(matmul || node.op() == "contract_leading") || in[0].dtype() != chips::F32) {
      return graph::EvaluateNode(node, in);
    }
    const NodeProducts products(RoundingOf(node.inputs(0)), RoundingOf(node.inputs(1)),
                                format_.sums, seed);
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> y,
                            (matmul ? graph::ChipMatmul : graph::ChipContractLeading)(
                                products, chips::Format::kF32, node, in));
    const std::vector<int64_t> dims =
        graph::TypeOf(graph_.values(static_cast<int>(node.outputs(0)))).dims();
    return std::vector<HostTensor>{HostTensor::FromVector<float>(dims, y)};
  }

  const ProductFormat& format_;
  const Graph& graph_;
  const uint64_t seed_;
  std::vector<HostTensor> values_;
  std::vector<bool> backward_;
};

}  // namespace

absl::StatusOr<ProductFormat> MakeProductFormat(const std::string& forward,
                                                const std::string& gradient,
                                                const std::string& chip) {
  ProductFormat format;
  STRATA_ASSIGN_OR_RETURN(format.forward, ParseOperandRounding(forward));
  STRATA_ASSIGN_OR_RETURN(format.gradient, ParseOperandRounding(gradient));
  if (chip.empty()) return format;
  if (!format.forward.element.has_value() || format.gradient.element != format.forward.element) {
    return absl::InvalidArgumentError(absl::StrCat(
        chip, ": give both operands one element format; they have ", forward, " and ", gradient));
  }
  STRATA_ASSIGN_OR_RETURN(const chips::Generation generation, chips::ParseChip(chip));
  STRATA_ASSIGN_OR_RETURN(format.sums, chips::FindDotRule(generation, *format.forward.element));
  return format;
}

absl::StatusOr<std::vector<HostTensor>> FormatEvaluator::Evaluate(
    const Graph& graph, absl::Span<const HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  STRATA_ASSIGN_OR_RETURN(const auto sizes, graph::MatchInputs(graph, inputs));
  STRATA_ASSIGN_OR_RETURN(const Graph bound, graph::BindSymbols(graph, sizes));
  Run run(format_, bound, (seed_ + 0x9e3779b97f4a7c15ull * ++calls_) & ~uint64_t{0xffffff});
  STRATA_RETURN_IF_ERROR(run.Nodes(inputs));
  return run.Finish();
}

}  // namespace strata::courses
