#include "framework/graph/chip_interpreter.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/matmul_as.h"
#include "framework/graph/attributes.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

using chips::DotRule;
using chips::Format;
using chips::MatmulShape;

std::vector<float> Floats(const HostTensor& tensor) {
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

absl::StatusOr<std::vector<double>> Matmul(const Node& node, const DotRule& rule,
                                           absl::Span<const HostTensor> in) {
  const AttributeReader attributes(node);
  const bool transpose_a = attributes.Bool("transpose_a");
  const bool transpose_b = attributes.Bool("transpose_b");
  const auto [m, k] = MatrixDims(in[0].dims(), transpose_a);
  const MatmulShape shape{m, MatrixDims(in[1].dims(), transpose_b).second, k};
  const int64_t batch = Product(in[0].dims(), 0, in[0].dims().size() - 2);
  const std::vector<float> a = Floats(in[0]), b = Floats(in[1]);
  std::vector<double> y;
  std::vector<float> d(static_cast<size_t>(shape.m * shape.n));
  for (int64_t l = 0; l < batch; ++l) {
    STRATA_RETURN_IF_ERROR(
        MatmulAs(rule, shape, Matrix(a, l, shape.m, shape.k, transpose_a),
                 Matrix(b, in[1].rank() == 2 ? 0 : l, shape.k, shape.n, transpose_b), {},
                 absl::MakeSpan(d)));
    y.insert(y.end(), d.begin(), d.end());
  }
  return y;
}

// a [..., M], b [..., N] -> [M, N], summed over the leading dims.
absl::StatusOr<std::vector<double>> ContractLeading(const DotRule& rule,
                                                    absl::Span<const HostTensor> in) {
  const int64_t k = Product(in[0].dims(), 0, in[0].dims().size() - 1);
  const MatmulShape shape{in[0].dims().back(), in[1].dims().back(), k};
  std::vector<float> d(static_cast<size_t>(shape.m * shape.n));
  STRATA_RETURN_IF_ERROR(MatmulAs(rule, shape, Transposed(Floats(in[0]), shape.k, shape.m),
                                  Floats(in[1]), {}, absl::MakeSpan(d)));
  return std::vector<double>(d.begin(), d.end());
}

// The results' types; the node has been verified.
absl::StatusOr<TensorType> ResultType(const Node& node, absl::Span<const HostTensor> in) {
  STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
  OpCall call{&node, {}, {}};
  for (const HostTensor& input : in) {
    call.inputs.push_back({input.dtype(), Shape(input.dims().begin(), input.dims().end())});
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<TensorType> types, InferTypes(*def, call));
  return types[0];
}

// Outputs of their own storage, then the updates: an updated input's storage takes its result, and the
// output that names it shares it.
std::vector<HostTensor> Finish(const Graph& graph, std::vector<HostTensor> values) {
  std::vector<HostTensor> outputs;
  for (const auto& output : graph.outputs()) outputs.push_back(values[output.value()].Clone());
  std::vector<HostTensor> news;  // all are read before any is overwritten
  for (const auto& update : graph.updates()) news.push_back(values[update.output()].Clone());
  for (int i = 0; i < graph.updates_size(); ++i) {
    HostTensor& target = values[graph.updates(i).input()];
    const HostTensor& content = news[static_cast<size_t>(i)];
    if (content.size_bytes() > 0) std::memcpy(target.raw(), content.raw(), content.size_bytes());
    for (int k = 0; k < graph.outputs_size(); ++k) {
      if (graph.outputs(k).value() == graph.updates(i).output()) {
        outputs[static_cast<size_t>(k)] = target;
      }
    }
  }
  return outputs;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChipInterpreter>> ChipInterpreter::Create(
    absl::string_view chip, absl::string_view f32_operands) {
  STRATA_ASSIGN_OR_RETURN(const chips::Generation generation, chips::ParseChip(chip));
  STRATA_ASSIGN_OR_RETURN(const Format format, chips::ParseFormat(f32_operands));
  if (format != Format::kF32) {
    STRATA_RETURN_IF_ERROR(chips::FindDotRule(generation, format).status());
  }
  return std::unique_ptr<ChipInterpreter>(new ChipInterpreter(generation, format));
}

absl::StatusOr<std::vector<HostTensor>> ChipInterpreter::Run(
    const Node& node, absl::Span<const HostTensor> inputs) const {
  const bool matmul = node.op() == "matmul", contract = node.op() == "contract_leading";
  Format format = Format::kF32;
  if (matmul || contract) {
    const DType dtype = inputs[0].dtype();
    format = dtype == chips::BF16  ? Format::kBf16
             : dtype == chips::F16 ? Format::kF16
             : dtype == chips::F32 ? f32_operands_
                                   : Format::kF32;
  }
  if (format == Format::kF32) return EvaluateNode(node, inputs);
  STRATA_ASSIGN_OR_RETURN(const DotRule rule, chips::FindDotRule(generation_, format));
  STRATA_ASSIGN_OR_RETURN(const TensorType type, ResultType(node, inputs));
  STRATA_ASSIGN_OR_RETURN(const std::vector<double> y,
                          matmul ? Matmul(node, rule, inputs) : ContractLeading(rule, inputs));
  return std::vector<HostTensor>{HostTensor::FromDoubles(type.dtype, type.dims(), y)};
}

absl::StatusOr<std::vector<HostTensor>> ChipInterpreter::Evaluate(
    const Graph& graph, absl::Span<const HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(Verify(graph));
  STRATA_ASSIGN_OR_RETURN(const auto sizes, MatchInputs(graph, inputs));
  STRATA_ASSIGN_OR_RETURN(const Graph bound, BindSymbols(graph, sizes));
  std::vector<HostTensor> values(static_cast<size_t>(bound.values_size()));
  for (int i = 0; i < bound.inputs_size(); ++i) {
    values[bound.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  }
  for (int i = 0; i < bound.nodes_size(); ++i) {
    const Node& node = bound.nodes(i);
    std::vector<HostTensor> operands;
    for (const uint32_t id : node.inputs()) operands.push_back(values[id]);
    absl::StatusOr<std::vector<HostTensor>> results = Run(node, operands);
    if (!results.ok()) {
      return Annotate(results.status(), absl::StrCat("nodes[", i, "] (", node.origin(), ")"));
    }
    for (int k = 0; k < node.outputs_size(); ++k) {
      values[node.outputs(k)] = std::move((*results)[static_cast<size_t>(k)]);
    }
  }
  return Finish(bound, std::move(values));
}

void RegisterChipInterpreters() {
  for (const char* chip : {"v100", "a100", "l40s", "h100", "b200", "mi300x"}) {
    EvaluatorRegistry().Register(
        absl::StrCat("as_", chip), [chip]() -> absl::StatusOr<std::unique_ptr<Evaluator>> {
          STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Evaluator> made, ChipInterpreter::Create(chip));
          return made;
        });
  }
}

}  // namespace strata::graph
