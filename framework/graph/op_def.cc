#include "framework/graph/op_def.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace strata::graph {
namespace {

AttrKind KindOf(const Attribute& attribute) {
  switch (attribute.value_case()) {
    case Attribute::kI:
      return AttrKind::kInt;
    case Attribute::kF:
      return AttrKind::kFloat;
    case Attribute::kB:
      return AttrKind::kBool;
    case Attribute::kS:
      return AttrKind::kString;
    case Attribute::kDtype:
      return AttrKind::kDType;
    case Attribute::kInts:
      return AttrKind::kInts;
    case Attribute::kFloats:
      return AttrKind::kFloats;
    default:
      return AttrKind::kDims;
  }
}

const char* KindName(AttrKind kind) {
  constexpr const char* kNames[] = {"int",   "float", "bool",   "string",
                                    "dtype", "ints",  "floats", "dims"};
  return kNames[static_cast<int>(kind)];
}

absl::Status CheckAttributes(const OpDef& def, const Node& node) {
  for (const Attribute& attribute : node.attributes()) {
    auto spec = std::find_if(def.attributes.begin(), def.attributes.end(),
                             [&](const AttrSpec& s) { return s.name == attribute.name(); });
    if (spec == def.attributes.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "no attribute '", attribute.name(), "'; there is: ",
          absl::StrJoin(def.attributes, ", ",
                        [](std::string* out, const AttrSpec& s) { out->append(s.name); })));
    }
    if (attribute.value_case() == Attribute::VALUE_NOT_SET || KindOf(attribute) != spec->kind) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute '", attribute.name(), "' must be a ", KindName(spec->kind)));
    }
  }
  const AttributeReader reader(node);
  for (const AttrSpec& spec : def.attributes) {
    if (spec.required && !reader.Has(spec.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute '", spec.name, "' (", KindName(spec.kind), ") is missing"));
    }
  }
  return absl::OkStatus();
}

// Levenshtein distance, for "did you mean".
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

OpRegistry& OpRegistry::Get() {
  static OpRegistry* registry = new OpRegistry();
  return *registry;
}

void OpRegistry::Add(OpDef def) {
  std::string name = def.name;
  defs_[std::move(name)] = std::move(def);
}

const OpDef* OpRegistry::Find(absl::string_view name) const {
  auto it = defs_.find(name);
  return it == defs_.end() ? nullptr : &it->second;
}

absl::StatusOr<const OpDef*> OpRegistry::Lookup(absl::string_view name) const {
  if (const OpDef* def = Find(name)) return def;
  std::string best;
  size_t best_distance = name.size() > 64 ? 0 : 4;  // nobody mistypes that much
  for (const auto& [candidate, def] : defs_) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return absl::NotFoundError(absl::StrCat(
      "unknown op '", name, "'",
      best.empty() ? "; `strata ops` lists them" : absl::StrCat("; did you mean '", best, "'?")));
}

std::vector<std::string> OpRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, def] : defs_) names.push_back(name);
  return names;
}

absl::StatusOr<std::vector<TensorType>> InferTypes(const OpDef& def, const OpCall& call) {
  const int count = static_cast<int>(call.inputs.size());
  if (count < def.min_inputs || (def.max_inputs >= 0 && count > def.max_inputs)) {
    return absl::InvalidArgumentError(
        absl::StrCat(def.name, ": has ", count, " inputs; takes ", def.min_inputs,
                     def.max_inputs == def.min_inputs ? ""
                     : def.max_inputs < 0             ? " or more"
                                                      : absl::StrCat(" to ", def.max_inputs)));
  }
  STRATA_RETURN_IF_ERROR(Annotate(CheckAttributes(def, *call.node), def.name));
  absl::StatusOr<std::vector<TensorType>> types = def.infer(call);
  if (!types.ok()) return Annotate(types.status(), def.name);
  return types;
}

Work WorkOf(const OpDef& def, const OpCall& call) {
  if (def.work) return def.work(call);
  Work work;
  double input_elements = 0, output_elements = 0;
  for (const TensorType& type : call.inputs) {
    work.bytes_read += static_cast<double>(type.size_bytes());
    input_elements += static_cast<double>(type.elements());
  }
  for (const TensorType& type : call.outputs) {
    work.bytes_written += static_cast<double>(type.size_bytes());
    output_elements += static_cast<double>(type.elements());
  }
  if (def.flops) {
    work.flops = def.flops(call);
  } else if (def.op_class == OpClass::kElementwise) {
    work.flops = output_elements;
  } else if (def.op_class == OpClass::kReduction) {
    work.flops = input_elements;
  } else if (def.op_class == OpClass::kView) {
    work.bytes_read = work.bytes_written = 0;
  }
  return work;
}

OpCall CallOf(const Graph& graph, const Node& node) {
  OpCall call{&node, {}, {}};
  for (uint32_t id : node.inputs())
    call.inputs.push_back(TypeOf(graph.values(static_cast<int>(id))));
  for (uint32_t id : node.outputs())
    call.outputs.push_back(TypeOf(graph.values(static_cast<int>(id))));
  return call;
}

}  // namespace strata::graph
