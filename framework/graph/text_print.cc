#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/graph/text.h"
#include "framework/graph/text_lexer.h"
#include "framework/graph/types.h"

namespace strata::graph {
namespace {

// The shortest digits that read back as the same number, never to be taken for an integer.
std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  std::string text(buffer, end);
  const bool marked = text.find_first_of(".enf") != std::string::npos;  // 1e+20 and inf as they are
  return marked ? text : text + ".0";
}

std::string ShapeText(const google::protobuf::RepeatedPtrField<Dim>& dims) {
  Shape shape;
  for (const Dim& dim : dims) shape.push_back(FromProto(dim));
  return ToString(shape);
}

std::string AttributeText(const Attribute& attribute) {
  switch (attribute.value_case()) {
    case Attribute::kI:
      return absl::StrCat(attribute.i());
    case Attribute::kF:
      return FloatText(attribute.f());
    case Attribute::kB:
      return attribute.b() ? "true" : "false";
    case Attribute::kS:
      return Quote(attribute.s());
    case Attribute::kDtype:
      return std::string(chips::DTypeName(attribute.dtype()));
    case Attribute::kInts:
      return absl::StrCat("ints[", absl::StrJoin(attribute.ints().values(), ", "), "]");
    case Attribute::kFloats:
      return absl::StrCat(
          "floats[",
          absl::StrJoin(attribute.floats().values(), ", ",
                        [](std::string* out, double value) { out->append(FloatText(value)); }),
          "]");
    case Attribute::kDims:
      return absl::StrCat("dims", ShapeText(attribute.dims().values()));
    case Attribute::VALUE_NOT_SET:
      break;
  }
  return "unset";
}

const char* KindText(InputKind kind) {
  return kind == PARAMETER ? "parameter" : kind == STATE ? "state" : "data";
}

const char* CombineText(Combine combine) {
  return combine == MEAN ? "mean" : combine == SHARDED ? "sharded" : "replicated";
}

class Printer {
 public:
  Printer(const Graph& graph, std::string indent, std::string* out)
      : graph_(graph), indent_(std::move(indent)), out_(*out) {}

  void Run() {
    absl::StrAppend(&out_, "graph ", Quote(graph_.name()), " {\n");
    for (int i = 0; i < graph_.inputs_size(); ++i) position_[graph_.inputs(i).value()] = i;
    for (const Node& node : graph_.nodes()) {
      PrintInputsBefore(node);
      PrintNode(node);
    }
    while (next_input_ < graph_.inputs_size()) PrintInput(graph_.inputs(next_input_++));
    for (const auto& output : graph_.outputs()) {
      Line(absl::StrCat("return ", Name(output.value()), " as ", Quote(output.name()), " ",
                        CombineText(output.combine())));
    }
    for (const auto& update : graph_.updates()) {
      Line(absl::StrCat("update ", Name(update.input()), " with ", Name(update.output())));
    }
    absl::StrAppend(&out_, indent_, "}\n");
  }

 private:
  void Line(absl::string_view text) { absl::StrAppend(&out_, indent_, "  ", text, "\n"); }

  const Value& At(uint32_t id) const { return graph_.values(static_cast<int>(id)); }
  std::string Name(uint32_t id) const { return absl::StrCat("%", At(id).name()); }

  // In their order: those the node reads, and those numbered before its results, so that parsing
  // numbers them alike.
  void PrintInputsBefore(const Node& node) {
    int needed = 0;
    for (uint32_t id : node.inputs()) {
      const auto it = position_.find(id);
      if (it != position_.end()) needed = std::max(needed, it->second + 1);
    }
    const uint32_t first_result = node.outputs_size() > 0 ? node.outputs(0) : 0;
    while (next_input_ < graph_.inputs_size() &&
           (next_input_ < needed || graph_.inputs(next_input_).value() < first_result)) {
      PrintInput(graph_.inputs(next_input_++));
    }
  }

  void PrintInput(const Input& input) {
    Line(absl::StrCat(Definition(input.value()), " = input ", KindText(input.kind())));
  }

  // "%x: f32[B, 4] sharding("dp", "")".
  std::string Definition(uint32_t id) const {
    const Value& value = At(id);
    std::string text =
        absl::StrCat(Name(id), ": ", chips::DTypeName(value.dtype()), ShapeText(value.dims()));
    if (value.has_sharding()) {
      const auto quote = [](std::string* out, const std::string& axis) {
        out->append(Quote(axis));
      };
      absl::StrAppend(&text, " sharding(", absl::StrJoin(value.sharding().axes(), ", ", quote),
                      ")");
    }
    if (!value.gradient_of().empty())
      absl::StrAppend(&text, " gradient_of(", Quote(value.gradient_of()), ")");
    return text;
  }

  void PrintNode(const Node& node) {
    std::string text = absl::StrJoin(node.outputs(), ", ", [this](std::string* out, uint32_t id) {
      out->append(Definition(id));
    });
    if (node.outputs_size() > 0) text += " = ";
    absl::StrAppend(&text, node.op(), "(",
                    absl::StrJoin(node.inputs(), ", ",
                                  [this](std::string* out, uint32_t id) { out->append(Name(id)); }),
                    ")");
    if (node.attributes_size() > 0) {
      const auto print = [](std::string* out, const Attribute& attribute) {
        absl::StrAppend(out, attribute.name(), " = ", AttributeText(attribute));
      };
      absl::StrAppend(&text, " {", absl::StrJoin(node.attributes(), ", ", print), "}");
    }
    if (!node.origin().empty()) absl::StrAppend(&text, " @ ", Quote(node.origin()));
    absl::StrAppend(&out_, indent_, "  ", text);
    for (const Graph& region : node.regions()) {
      out_ += " ";
      Printer(region, indent_ + "  ", &out_).Run();
      out_.pop_back();  // the region's newline: more may follow
    }
    out_ += "\n";
  }

  const Graph& graph_;
  const std::string indent_;
  std::string& out_;
  std::map<uint32_t, int> position_;  // value id -> index in graph.inputs
  int next_input_ = 0;
};

}  // namespace

std::string PrintGraph(const Graph& graph) {
  std::string text;
  Printer(graph, "", &text).Run();
  return text;
}

}  // namespace strata::graph
