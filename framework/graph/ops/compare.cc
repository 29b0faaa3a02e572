// Comparisons, and the choice that depends on one.
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

struct CompareRow {
  const char* name;
  const char* summary;
  bool (*value)(double a, double b);
};

const CompareRow kRows[] = {
    {"less", "a < b", [](double a, double b) { return a < b; }},
    {"less_equal", "a <= b", [](double a, double b) { return a <= b; }},
    {"equal", "a == b; NaN equals nothing", [](double a, double b) { return a == b; }},
};

TypesOr InferCompare(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  STRATA_ASSIGN_OR_RETURN(Shape shape, BroadcastInputs(call, 0));
  return std::vector<TensorType>{{chips::BOOL, std::move(shape)}};
}

TypesOr InferSelect(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckDType(call, 0, chips::BOOL));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 2, 1));
  STRATA_ASSIGN_OR_RETURN(Shape shape, BroadcastInputs(call, 0));
  return std::vector<TensorType>{{call.inputs[1].dtype, std::move(shape)}};
}

absl::Status Select(const OpCall&, absl::Span<const HostTensor> in, absl::Span<HostTensor> out) {
  const std::vector<double> cond = in[0].ToDoubles(), a = in[1].ToDoubles(), b = in[2].ToDoubles();
  std::vector<double> y(static_cast<size_t>(out[0].elements()));
  for (Index at(out[0].dims()); at.more(); at.Next()) {
    y[at.offset()] = cond[BroadcastOffset(at.index(), in[0].dims())] != 0
                         ? a[BroadcastOffset(at.index(), in[1].dims())]
                         : b[BroadcastOffset(at.index(), in[2].dims())];
  }
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

ValuesOr SelectGradient(GradientContext& c) {
  Builder& b = c.builder;
  const ValueId cond = c.inputs[0], dy = c.output_gradients[0];
  const ValueId zero = b.Constant(0.0, b.type(dy).dtype);
  std::vector<ValueId> gradients(3, kNoValue);
  if (c.needs[1])
    gradients[1] = SumTo(b, b.Apply("select", {cond, dy, zero}), c.call.inputs[1].shape);
  if (c.needs[2])
    gradients[2] = SumTo(b, b.Apply("select", {cond, zero, dy}), c.call.inputs[2].shape);
  return gradients;
}

}  // namespace

void RegisterCompareOps(OpRegistry& registry) {
  for (const CompareRow& row : kRows) {
    OpDef def;
    def.name = row.name;
    def.summary = row.summary;
    def.op_class = OpClass::kElementwise;
    def.min_inputs = def.max_inputs = 2;
    def.infer = InferCompare;
    def.reference = [f = row.value](const OpCall&, absl::Span<const HostTensor> in,
                                    absl::Span<HostTensor> out) {
      const std::vector<double> a = in[0].ToDoubles(), b = in[1].ToDoubles();
      std::vector<double> y(static_cast<size_t>(out[0].elements()));
      for (Index at(out[0].dims()); at.more(); at.Next()) {
        y[at.offset()] = f(a[BroadcastOffset(at.index(), in[0].dims())],
                           b[BroadcastOffset(at.index(), in[1].dims())]);
      }
      out[0].SetFromDoubles(y);
      return absl::OkStatus();
    };
    registry.Add(std::move(def));
  }
  OpDef select;
  select.name = "select";
  select.summary = "a where cond is true, else b";
  select.op_class = OpClass::kElementwise;
  select.min_inputs = select.max_inputs = 3;
  select.infer = InferSelect;
  select.reference = Select;
  select.gradient = SelectGradient;
  registry.Add(std::move(select));
}

}  // namespace strata::graph
