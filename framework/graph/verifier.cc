#include "framework/graph/verifier.h"

#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::graph {
namespace {

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

// Annotate() with a path that is made only for a fault: the verifier runs after every pass, and nearly all it looks at
// is good.
template <typename Path>
absl::Status AnnotateFault(const absl::Status& status, const Path& path) {
  return status.ok() ? status : Annotate(status, path());
}

bool IsName(const std::string& name) {
  if (name.empty() || !(absl::ascii_isalpha(name[0]) || name[0] == '_')) return false;
  for (char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '.') return false;
  }
  return true;
}

// Checks one graph; `made` says which values have been made so far.
class Verifier {
 public:
  explicit Verifier(const Graph& graph)
      : graph_(graph), made_(static_cast<size_t>(graph.values_size()), false) {}

  absl::Status Run() {
    if (graph_.version() != 1) {
      return Fault(absl::StrCat("version: is ", graph_.version(), "; this build reads version 1"));
    }
    STRATA_RETURN_IF_ERROR(CheckValues());
    STRATA_RETURN_IF_ERROR(CheckInputs());
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      const Node& node = graph_.nodes(i);
      STRATA_RETURN_IF_ERROR(AnnotateFault(
          CheckNode(node), [&] { return absl::StrCat("nodes[", i, "] (", node.op(), ")"); }));
    }
    for (int i = 0; i < graph_.values_size(); ++i) {
      if (!made_[static_cast<size_t>(i)]) {
        return Fault(absl::StrCat("values[", i, "] ('", graph_.values(i).name(),
                                  "'): no node or input makes it"));
      }
    }
    STRATA_RETURN_IF_ERROR(CheckOutputs());
    return CheckUpdates();
  }

 private:
  absl::Status CheckId(uint32_t id) const {
    if (id < made_.size()) return absl::OkStatus();
    return Fault(absl::StrCat("value id ", id, " is outside [0, ", made_.size(), ")"));
  }

  static absl::Status CheckDim(const Dim& dim) {
    const bool good = dim.has_symbol() ? IsName(dim.symbol()) : dim.has_size() && dim.size() >= 0;
    return good ? absl::OkStatus() : Fault("must be a size >= 0 or a symbol");
  }

  // Byte counts must fit into 64 bits; symbols are checked again when they have sizes.
  static absl::Status CheckExtent(const TensorType& type) {
    int64_t bytes = static_cast<int64_t>(chips::SizeOf(type.dtype));
    for (const Size& size : type.shape) {
      if (size.is_symbol() || size.size() == 0) continue;
      if (__builtin_mul_overflow(bytes, size.size(), &bytes)) {
        return Fault(absl::StrCat(type.ToString(), " is larger than 2^63 bytes"));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status CheckAttributes(const Node& node) {
    for (int i = 0; i < node.attributes_size(); ++i) {
      const Attribute& attribute = node.attributes(i);
      const auto where = [&] {
        return absl::StrCat("attributes[", i, "] ('", attribute.name(), "')");
      };
      if (!IsName(attribute.name())) return Fault(absl::StrCat(where(), ".name: is not a name"));
      if (i > 0 && node.attributes(i - 1).name() >= attribute.name()) {
        return Fault(absl::StrCat(where(), ": attributes must be sorted by name, each once"));
      }
      for (int d = 0; d < attribute.dims().values_size(); ++d) {
        STRATA_RETURN_IF_ERROR(AnnotateFault(CheckDim(attribute.dims().values(d)), [&] {
          return absl::StrCat(where(), ".dims[", d, "]");
        }));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckValues() const {
    std::unordered_set<std::string> names;
    names.reserve(static_cast<size_t>(graph_.values_size()));
    for (int i = 0; i < graph_.values_size(); ++i) {
      const Value& value = graph_.values(i);
      const auto where = [&] { return absl::StrCat("values[", i, "]"); };
      if (!IsName(value.name()))
        return Fault(absl::StrCat(where(), ".name: '", value.name(), "' is not a name"));
      if (!names.insert(value.name()).second) {
        return Fault(
            absl::StrCat(where(), ".name: '", value.name(), "' is taken by another value"));
      }
      if (chips::SizeOf(value.dtype()) == 0) {
        return Fault(absl::StrCat(where(), ".dtype: is not set"));
      }
      for (int d = 0; d < value.dims_size(); ++d) {
        STRATA_RETURN_IF_ERROR(AnnotateFault(
            CheckDim(value.dims(d)), [&] { return absl::StrCat(where(), ".dims[", d, "]"); }));
      }
      STRATA_RETURN_IF_ERROR(AnnotateFault(CheckExtent(TypeOf(value)), where));
      if (value.has_sharding() && value.sharding().axes_size() != value.dims_size()) {
        return Fault(absl::StrCat(where(), ".sharding.axes: has ", value.sharding().axes_size(),
                                  "; must have one a dim, ", value.dims_size()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckInputs() {
    for (int i = 0; i < graph_.inputs_size(); ++i) {
      const auto& input = graph_.inputs(i);
      const auto where = [&] { return absl::StrCat("inputs[", i, "]"); };
      STRATA_RETURN_IF_ERROR(
          AnnotateFault(CheckId(input.value()), [&] { return absl::StrCat(where(), ".value"); }));
      if (input.kind() == INPUT_KIND_UNSPECIFIED || !InputKind_IsValid(input.kind()))
        return Fault(absl::StrCat(where(), ".kind: is not set"));
      if (made_[input.value()]) return Fault(absl::StrCat(where(), ".value: is an input already"));
      made_[input.value()] = true;
    }
    return absl::OkStatus();
  }

  absl::Status CheckNode(const Node& node) {
    for (int i = 0; i < node.inputs_size(); ++i) {
      const auto where = [&] { return absl::StrCat("inputs[", i, "]"); };
      STRATA_RETURN_IF_ERROR(AnnotateFault(CheckId(node.inputs(i)), where));
      if (!made_[node.inputs(i)]) {
        return Fault(absl::StrCat(
            where(), ": value '", graph_.values(static_cast<int>(node.inputs(i))).name(),
            "' is not made yet: the graph has a cycle or is out of dependency order"));
      }
    }
    STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
    STRATA_RETURN_IF_ERROR(CheckAttributes(node));
    if (node.regions_size() > 0 && def->op_class != OpClass::kRegion) {
      return Fault("regions: the op has none");
    }
    for (int i = 0; i < node.regions_size(); ++i) {
      STRATA_RETURN_IF_ERROR(AnnotateFault(Verifier(node.regions(i)).Run(),
                                           [&] { return absl::StrCat("regions[", i, "]"); }));
    }
    for (int i = 0; i < node.outputs_size(); ++i) {
      const auto where = [&] { return absl::StrCat("outputs[", i, "]"); };
      STRATA_RETURN_IF_ERROR(AnnotateFault(CheckId(node.outputs(i)), where));
      if (made_[node.outputs(i)]) {
        return Fault(absl::StrCat(where(), ": value '",
                                  graph_.values(static_cast<int>(node.outputs(i))).name(),
                                  "' is made twice (SSA allows one maker)"));
      }
      made_[node.outputs(i)] = true;
    }
    return CheckTypes(*def, node);
  }

  absl::Status CheckTypes(const OpDef& def, const Node& node) const {
    OpCall call = CallOf(graph_, node);
    const std::vector<TensorType> declared = std::move(call.outputs);
    call.outputs.clear();
    STRATA_ASSIGN_OR_RETURN(std::vector<TensorType> inferred, InferTypes(def, call));
    if (inferred.size() != declared.size()) {
      return Fault(
          absl::StrCat("outputs: has ", declared.size(), "; the op makes ", inferred.size()));
    }
    for (size_t i = 0; i < inferred.size(); ++i) {
      if (inferred[i] == declared[i]) continue;
      return Fault(absl::StrCat(
          "outputs[", i, "] ('",
          graph_.values(static_cast<int>(node.outputs(static_cast<int>(i)))).name(),
          "'): declared ", declared[i].ToString(), ", inferred ", inferred[i].ToString()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOutputs() const {
    std::set<std::string> names;
    for (int i = 0; i < graph_.outputs_size(); ++i) {
      const auto& output = graph_.outputs(i);
      const auto where = [&] { return absl::StrCat("outputs[", i, "]"); };
      STRATA_RETURN_IF_ERROR(
          AnnotateFault(CheckId(output.value()), [&] { return absl::StrCat(where(), ".value"); }));
      if (output.combine() == COMBINE_UNSPECIFIED || !Combine_IsValid(output.combine()))
        return Fault(absl::StrCat(where(), ".combine: is not set"));
      if (!names.insert(output.name()).second) {
        return Fault(
            absl::StrCat(where(), ".name: '", output.name(), "' is taken by another output"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckUpdates() const {
    std::set<uint32_t> updated, outputs;
    for (const auto& output : graph_.outputs()) outputs.insert(output.value());
    std::set<uint32_t> kept;
    for (const auto& input : graph_.inputs()) {
      if (input.kind() != DATA) kept.insert(input.value());
    }
    for (int i = 0; i < graph_.updates_size(); ++i) {
      const auto& update = graph_.updates(i);
      const auto where = [&] { return absl::StrCat("updates[", i, "]"); };
      STRATA_RETURN_IF_ERROR(
          AnnotateFault(CheckId(update.input()), [&] { return absl::StrCat(where(), ".input"); }));
      STRATA_RETURN_IF_ERROR(AnnotateFault(CheckId(update.output()),
                                           [&] { return absl::StrCat(where(), ".output"); }));
      if (kept.count(update.input()) == 0)
        return Fault(absl::StrCat(where(), ".input: is not a PARAMETER or STATE input"));
      if (!updated.insert(update.input()).second)
        return Fault(absl::StrCat(where(), ".input: is updated twice"));
      if (outputs.count(update.output()) == 0)
        return Fault(absl::StrCat(where(), ".output: is not an output"));
      const TensorType from = TypeOf(graph_.values(static_cast<int>(update.input())));
      const TensorType to = TypeOf(graph_.values(static_cast<int>(update.output())));
      if (!(from == to)) {
        return Fault(
            absl::StrCat(where(), ": types differ: ", from.ToString(), " and ", to.ToString()));
      }
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  std::vector<bool> made_;
};

}  // namespace

absl::Status Verify(const Graph& graph) {
  RegisterAllOps();
  return AnnotateFault(Verifier(graph).Run(),
                       [&] { return absl::StrCat("graph '", graph.name(), "'"); });
}

}  // namespace strata::graph
