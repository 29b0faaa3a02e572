#include "framework/graph/builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

// The part of a source path from the repository's root on: "llm/model/decoder.cc".
std::string ShortPath(const char* file) {
  const std::string path = file;
  for (const char* layer :
       {"/framework/", "/compiler/", "/distributed/", "/inference/", "/llm/", "/courses/"}) {
    const size_t at = path.rfind(layer);
    if (at != std::string::npos) return path.substr(at + 1);
  }
  return path;
}

}  // namespace

Builder::Builder(std::string name) {
  RegisterAllOps();
  graph_.set_version(1);
  graph_.set_name(std::move(name));
}

Builder::Builder(Graph graph) : graph_(std::move(graph)) {
  RegisterAllOps();
  for (const Value& value : graph_.values()) names_.insert(value.name());
}

std::string Builder::UniqueName(const std::string& wish) {
  if (names_.insert(wish).second) return wish;
  while (true) {
    const std::string name = absl::StrCat(wish, "_", ++suffix_[wish]);
    if (names_.insert(name).second) return name;
  }
}

void Builder::Fail(const absl::Status& status) {
  if (status_.ok()) status_ = Annotate(status, origin_.empty() ? graph_.name() : origin_);
}

ValueId Builder::Input(const std::string& name, const TensorType& type, InputKind kind) {
  if (!names_.insert(name).second) {
    Fail(absl::InvalidArgumentError(absl::StrCat("two values are named '", name, "'")));
    return kNoValue;
  }
  const ValueId id = static_cast<ValueId>(graph_.values_size());
  Value* value = graph_.add_values();
  value->set_name(name);
  SetType(type, value);
  auto* input = graph_.add_inputs();
  input->set_value(id);
  input->set_kind(kind);
  return id;
}

ValueId Builder::Apply(const std::string& op, const std::vector<ValueId>& inputs,
                       const Attributes& attributes) {
  const std::vector<ValueId> outputs = ApplyMulti(op, inputs, attributes);
  if (outputs.empty()) return kNoValue;
  return outputs[0];
}

std::vector<ValueId> Builder::ApplyMulti(const std::string& op, const std::vector<ValueId>& inputs,
                                         const Attributes& attributes,
                                         const std::vector<Graph>& regions) {
  if (!status_.ok()) return {};
  absl::StatusOr<const OpDef*> def = OpRegistry::Get().Lookup(op);
  if (!def.ok()) {
    Fail(def.status());
    return {};
  }
  Node node;
  node.set_op(op);
  node.set_origin(origin_);
  SetAttributes(attributes, &node);
  for (const Graph& region : regions) *node.add_regions() = region;
  OpCall call{&node, {}, {}};
  for (ValueId id : inputs) {
    if (id >= static_cast<ValueId>(graph_.values_size())) {
      Fail(absl::InvalidArgumentError(absl::StrCat(op, ": an input is not a value of this graph")));
      return {};
    }
    node.add_inputs(id);
    call.inputs.push_back(type(id));
  }
  absl::StatusOr<std::vector<TensorType>> types = InferTypes(**def, call);
  if (!types.ok()) {
    Fail(types.status());
    return {};
  }
  std::vector<ValueId> outputs;
  for (const TensorType& output : *types) {
    const ValueId id = static_cast<ValueId>(graph_.values_size());
    Value* value = graph_.add_values();
    value->set_name(UniqueName(path_.empty() ? op : absl::StrCat(path_, ".", op)));
    SetType(output, value);
    node.add_outputs(id);
    outputs.push_back(id);
  }
  *graph_.add_nodes() = std::move(node);
  return outputs;
}

ValueId Builder::Constant(double value, DType dtype, const Shape& dims) {
  return Apply("constant", {},
               {{"value", Attr(value)}, {"dtype", Attr(dtype)}, {"dims", Attr(dims)}});
}

void Builder::Output(ValueId value, const std::string& name, Combine combine) {
  if (value >= static_cast<ValueId>(graph_.values_size())) {
    Fail(absl::InvalidArgumentError(
        absl::StrCat("output '", name, "' is not a value of this graph")));
    return;
  }
  auto* output = graph_.add_outputs();
  output->set_value(value);
  output->set_name(name);
  output->set_combine(combine);
}

void Builder::Update(ValueId input, ValueId output) {
  if (!status_.ok()) return;
  if (input >= static_cast<ValueId>(graph_.values_size())) {
    Fail(absl::InvalidArgumentError("an update's input is not a value of this graph"));
    return;
  }
  bool listed = false;
  for (const auto& existing : graph_.outputs()) listed = listed || existing.value() == output;
  if (!listed) Output(output, absl::StrCat(name(input), ".new"), REPLICATED);
  auto* update = graph_.add_updates();
  update->set_input(input);
  update->set_output(output);
}

void Builder::Rename(ValueId value, const std::string& name) {
  if (value >= static_cast<ValueId>(graph_.values_size())) return;
  Value* proto = graph_.mutable_values(static_cast<int>(value));
  names_.erase(proto->name());
  proto->set_name(UniqueName(name));
}

void Builder::MarkGradient(ValueId value, const std::string& parameter) {
  if (value >= static_cast<ValueId>(graph_.values_size())) return;
  graph_.mutable_values(static_cast<int>(value))->set_gradient_of(parameter);
}

TensorType Builder::type(ValueId value) const {
  if (value >= static_cast<ValueId>(graph_.values_size())) return {};
  return TypeOf(graph_.values(static_cast<int>(value)));
}

const std::string& Builder::name(ValueId value) const {
  static const std::string* const kNone = new std::string();
  if (value >= static_cast<ValueId>(graph_.values_size())) return *kNone;
  return graph_.values(static_cast<int>(value)).name();
}

absl::StatusOr<Graph> Builder::Build() && {
  STRATA_RETURN_IF_ERROR(status_);
  STRATA_RETURN_IF_ERROR(Verify(graph_));
  return std::move(graph_);
}

Builder::Scope::Scope(Builder& builder, const std::string& name, std::source_location location)
    : builder_(builder), saved_path_(builder.path_), saved_origin_(builder.origin_) {
  builder.path_ = saved_path_.empty() ? name : absl::StrCat(saved_path_, ".", name);
  builder.origin_ =
      absl::StrCat(builder.path_, " (", ShortPath(location.file_name()), ":", location.line(), ")");
}

Builder::Scope::Scope(Builder& builder, const std::string& origin, int)
    : builder_(builder), saved_path_(builder.path_), saved_origin_(builder.origin_) {
  builder.origin_ = origin;
}

Builder::Scope::~Scope() {
  builder_.path_ = saved_path_;
  builder_.origin_ = saved_origin_;
}

}  // namespace strata::graph
