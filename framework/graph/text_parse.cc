#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/text.h"
#include "framework/graph/text_lexer.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

constexpr int kMaxRegionDepth = 16;

// All of `text` as a number.
template <typename T>
bool ReadNumber(const std::string& text, T* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end;
}

bool LooksLikeFloat(const std::string& text) {
  return text.find_first_of(".eEin") != std::string::npos;
}

// Recursive descent with one token of look-ahead. One Parser a graph; a region gets its own on the
// same lexer.
class Parser {
 public:
  Parser(Lexer& lexer, Token& token, int depth) : lexer_(lexer), token_(token), depth_(depth) {}

  // graph "name" { statement... }
  absl::StatusOr<Graph> ParseGraph() {
    if (depth_ > kMaxRegionDepth)
      return Error(absl::StrCat("regions nest deeper than ", kMaxRegionDepth));
    STRATA_RETURN_IF_ERROR(ExpectWord("graph"));
    graph_.set_version(1);
    STRATA_RETURN_IF_ERROR(TakeString("the graph's name", graph_.mutable_name()));
    STRATA_RETURN_IF_ERROR(Expect("{"));
    while (!Is("}")) STRATA_RETURN_IF_ERROR(ParseStatement());
    STRATA_RETURN_IF_ERROR(Expect("}"));
    return std::move(graph_);
  }

 private:
  // ---- tokens

  bool Is(absl::string_view mark) const {
    return token_.kind == TokenKind::kMark && mark == token_.text;
  }
  bool IsWord(absl::string_view word) const {
    return token_.kind == TokenKind::kWord && word == token_.text;
  }

  std::string Shown() const {
    switch (token_.kind) {
      case TokenKind::kEnd:
        return "the end of the text";
      case TokenKind::kString:
        return "a string";
      case TokenKind::kValue:
        return absl::StrCat("'%", token_.text, "'");
      default:
        return absl::StrCat("'", token_.text, "'");
    }
  }
  absl::Status Error(absl::string_view message) const { return lexer_.ErrorAt(token_, message); }
  absl::Status Wanted(absl::string_view what) const {
    return Error(absl::StrCat("expected ", what, ", found ", Shown()));
  }

  absl::Status Next() {
    STRATA_ASSIGN_OR_RETURN(token_, lexer_.Next());
    return absl::OkStatus();
  }
  absl::Status Expect(absl::string_view mark) {
    return Is(mark) ? Next() : Wanted(absl::StrCat("'", mark, "'"));
  }
  absl::Status ExpectWord(absl::string_view word) {
    return IsWord(word) ? Next() : Wanted(absl::StrCat("'", word, "'"));
  }
  absl::Status Take(TokenKind kind, absl::string_view what, std::string* text) {
    if (token_.kind != kind) return Wanted(what);
    *text = std::move(token_.text);
    return Next();
  }
  absl::Status TakeString(absl::string_view what, std::string* text) {
    return Take(TokenKind::kString, absl::StrCat("a string, ", what), text);
  }

  // Items between `open` and `close`, with commas between.
  template <typename ParseItem>
  absl::Status ParseList(absl::string_view open, absl::string_view close, ParseItem parse_item) {
    STRATA_RETURN_IF_ERROR(Expect(open));
    if (Is(close)) return Next();
    while (true) {
      STRATA_RETURN_IF_ERROR(parse_item());
      if (Is(close)) return Next();
      if (!Is(",")) return Wanted(absl::StrCat("',' or '", close, "'"));
      STRATA_RETURN_IF_ERROR(Next());
    }
  }

  // ---- statements

  absl::Status ParseStatement() {
    if (IsWord("return")) return ParseReturn();
    if (IsWord("update")) return ParseUpdate();
    if (token_.kind != TokenKind::kValue && token_.kind != TokenKind::kWord) {
      return Wanted("a value, 'return', 'update' or '}'");
    }
    std::vector<ValueId> defined;
    const Token start = token_;
    if (token_.kind == TokenKind::kValue) {
      std::vector<Value> values;
      STRATA_RETURN_IF_ERROR(ParseDefinitions(&values));
      if (IsWord("input")) return ParseInput(start, values);
      STRATA_RETURN_IF_ERROR(ParseNode(values.size()));
      return Define(start, std::move(values));
    }
    STRATA_RETURN_IF_ERROR(ParseNode(0));
    return Define(start, {});
  }

  // return %y as "y" sharded
  absl::Status ParseReturn() {
    STRATA_RETURN_IF_ERROR(Next());
    Output* output = graph_.add_outputs();
    STRATA_ASSIGN_OR_RETURN(const ValueId id, ParseOperand());
    output->set_value(id);
    STRATA_RETURN_IF_ERROR(ExpectWord("as"));
    STRATA_RETURN_IF_ERROR(TakeString("the output's name", output->mutable_name()));
    if (IsWord("replicated")) {
      output->set_combine(REPLICATED);
    } else if (IsWord("mean")) {
      output->set_combine(MEAN);
    } else if (IsWord("sharded")) {
      output->set_combine(SHARDED);
    } else {
      return Wanted("'replicated', 'mean' or 'sharded'");
    }
    return Next();
  }

  // update %w with %w2
  absl::Status ParseUpdate() {
    STRATA_RETURN_IF_ERROR(Next());
    Update* update = graph_.add_updates();
    STRATA_ASSIGN_OR_RETURN(const ValueId input, ParseOperand());
    STRATA_RETURN_IF_ERROR(ExpectWord("with"));
    STRATA_ASSIGN_OR_RETURN(const ValueId output, ParseOperand());
    update->set_input(input);
    update->set_output(output);
    return absl::OkStatus();
  }

  // %a: f32[2], %b: f32[2] =
  absl::Status ParseDefinitions(std::vector<Value>* values) {
    while (true) {
      values->emplace_back();
      STRATA_RETURN_IF_ERROR(ParseDefinition(&values->back()));
      if (!Is(",")) return Expect("=");
      STRATA_RETURN_IF_ERROR(Next());
    }
  }

  // %x: f32[B, 4] sharding("dp", "") gradient_of("w")
  absl::Status ParseDefinition(Value* value) {
    if (ids_.count(token_.text) > 0 && token_.kind == TokenKind::kValue) {
      return Error(
          absl::StrCat("value %", token_.text, " is defined already; choose another name"));
    }
    STRATA_RETURN_IF_ERROR(Take(TokenKind::kValue, "a value such as %x", value->mutable_name()));
    STRATA_RETURN_IF_ERROR(Expect(":"));
    STRATA_ASSIGN_OR_RETURN(const DType dtype, ParseDType());
    value->set_dtype(dtype);
    STRATA_ASSIGN_OR_RETURN(const Shape shape, ParseShape());
    for (const Size& size : shape) *value->add_dims() = ToProto(size);
    if (IsWord("sharding")) {
      STRATA_RETURN_IF_ERROR(Next());
      auto* axes = value->mutable_sharding()->mutable_axes();
      STRATA_RETURN_IF_ERROR(
          ParseList("(", ")", [&] { return TakeString("a mesh axis", axes->Add()); }));
    }
    if (!IsWord("gradient_of")) return absl::OkStatus();
    STRATA_RETURN_IF_ERROR(Next());
    STRATA_RETURN_IF_ERROR(Expect("("));
    STRATA_RETURN_IF_ERROR(TakeString("a parameter's name", value->mutable_gradient_of()));
    return Expect(")");
  }

  absl::StatusOr<DType> ParseDType() {
    if (token_.kind != TokenKind::kWord) return Wanted("a dtype");
    const absl::StatusOr<DType> dtype = chips::ParseDType(token_.text);
    if (!dtype.ok()) return Error(dtype.status().message());
    STRATA_RETURN_IF_ERROR(Next());
    return *dtype;
  }

  // [B, 4]
  absl::StatusOr<Shape> ParseShape() {
    Shape shape;
    STRATA_RETURN_IF_ERROR(ParseList("[", "]", [&]() -> absl::Status {
      int64_t size = 0;
      if (token_.kind == TokenKind::kWord) {
        shape.push_back(token_.text);
      } else if (token_.kind == TokenKind::kNumber && ReadNumber(token_.text, &size) && size >= 0) {
        shape.push_back(size);
      } else {
        return Wanted("a size >= 0 or a symbol");
      }
      return Next();
    }));
    return shape;
  }

  // input data
  absl::Status ParseInput(const Token& start, std::vector<Value>& values) {
    if (values.size() != 1) return lexer_.ErrorAt(start, "an input is one value");
    STRATA_RETURN_IF_ERROR(Next());
    Input* input = graph_.add_inputs();
    input->set_value(static_cast<ValueId>(graph_.values_size()));
    if (IsWord("data")) {
      input->set_kind(DATA);
    } else if (IsWord("parameter")) {
      input->set_kind(PARAMETER);
    } else if (IsWord("state")) {
      input->set_kind(STATE);
    } else {
      return Wanted("'data', 'parameter' or 'state'");
    }
    AddValue(std::move(values[0]));
    return Next();
  }

  void AddValue(Value value) {
    ids_[value.name()] = static_cast<ValueId>(graph_.values_size());
    *graph_.add_values() = std::move(value);
  }

  // matmul(%x, %w) {transpose_a = false} @ "origin" graph "region" {...}
  absl::Status ParseNode(size_t results) {
    Node* node = graph_.add_nodes();
    const Token name = token_;
    STRATA_RETURN_IF_ERROR(Take(TokenKind::kWord, "'input' or an op", node->mutable_op()));
    const absl::StatusOr<const OpDef*> def = OpRegistry::Get().Lookup(node->op());
    if (!def.ok()) return lexer_.ErrorAt(name, def.status().message());
    STRATA_RETURN_IF_ERROR(ParseList("(", ")", [&]() -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const ValueId id, ParseOperand());
      node->add_inputs(id);
      return absl::OkStatus();
    }));
    if (Is("{")) STRATA_RETURN_IF_ERROR(ParseAttributes(node));
    if (Is("@")) {
      STRATA_RETURN_IF_ERROR(Next());
      STRATA_RETURN_IF_ERROR(TakeString("the node's origin", node->mutable_origin()));
    }
    while (IsWord("graph")) {
      STRATA_ASSIGN_OR_RETURN(*node->add_regions(),
                              Parser(lexer_, token_, depth_ + 1).ParseGraph());
    }
    const absl::StatusOr<std::vector<TensorType>> types = InferTypes(**def, CallOf(graph_, *node));
    if (!types.ok()) return lexer_.ErrorAt(name, types.status().message());
    if (types->size() != results) {
      return lexer_.ErrorAt(
          name, absl::StrCat("the op makes ", types->size(), " values; ", results, " are defined"));
    }
    inferred_ = *types;
    return absl::OkStatus();
  }

  // The results of the node that was parsed last.
  absl::Status Define(const Token& start, std::vector<Value> values) {
    Node* node = graph_.mutable_nodes(graph_.nodes_size() - 1);
    for (size_t i = 0; i < values.size(); ++i) {
      const TensorType declared = TypeOf(values[i]);
      if (!(declared == inferred_[i])) {
        return lexer_.ErrorAt(
            start, absl::StrCat("%", values[i].name(), " is declared ", declared.ToString(),
                                "; the op makes ", inferred_[i].ToString()));
      }
      if (ids_.count(values[i].name()) > 0) {
        return lexer_.ErrorAt(start,
                              absl::StrCat("value %", values[i].name(), " is defined twice"));
      }
      node->add_outputs(static_cast<ValueId>(graph_.values_size()));
      AddValue(std::move(values[i]));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ValueId> ParseOperand() {
    if (token_.kind != TokenKind::kValue) return Wanted("a value such as %x");
    const auto it = ids_.find(token_.text);
    if (it == ids_.end()) {
      return Error(absl::StrCat("value %", token_.text,
                                " is not defined above; values are defined before they are used"));
    }
    STRATA_RETURN_IF_ERROR(Next());
    return it->second;
  }

  // ---- attributes

  // {axis = 1, dims = dims[B, 4]}
  absl::Status ParseAttributes(Node* node) {
    Attributes attributes;
    STRATA_RETURN_IF_ERROR(ParseList("{", "}", [&]() -> absl::Status {
      if (attributes.count(token_.text) > 0)
        return Error(absl::StrCat("attribute '", token_.text, "' is given twice"));
      std::string name;
      STRATA_RETURN_IF_ERROR(Take(TokenKind::kWord, "an attribute's name", &name));
      STRATA_RETURN_IF_ERROR(Expect("="));
      STRATA_ASSIGN_OR_RETURN(attributes[name], ParseAttribute());
      return absl::OkStatus();
    }));
    SetAttributes(attributes, node);
    return absl::OkStatus();
  }

  absl::StatusOr<Attribute> ParseAttribute() {
    if (token_.kind == TokenKind::kString) {
      Attribute attribute = Attr(token_.text);
      STRATA_RETURN_IF_ERROR(Next());
      return attribute;
    }
    if (token_.kind == TokenKind::kNumber && !LooksLikeFloat(token_.text)) {
      STRATA_ASSIGN_OR_RETURN(const int64_t value, ParseInt());
      return Attr(value);
    }
    if (token_.kind == TokenKind::kNumber || IsWord("inf") || IsWord("nan")) {
      STRATA_ASSIGN_OR_RETURN(const double value, ParseFloat());
      return Attr(value);
    }
    if (token_.kind != TokenKind::kWord) return Wanted("an attribute's value");
    return ParseWordAttribute();
  }

  absl::StatusOr<Attribute> ParseWordAttribute() {
    if (IsWord("true") || IsWord("false")) {
      const bool value = IsWord("true");
      STRATA_RETURN_IF_ERROR(Next());
      return Attr(value);
    }
    if (IsWord("ints")) return ParseNumbers<int64_t>([this] { return ParseInt(); });
    if (IsWord("floats")) return ParseNumbers<double>([this] { return ParseFloat(); });
    if (IsWord("dims")) {
      STRATA_RETURN_IF_ERROR(Next());
      STRATA_ASSIGN_OR_RETURN(const Shape shape, ParseShape());
      return Attr(shape);
    }
    STRATA_ASSIGN_OR_RETURN(const DType dtype, ParseDType());
    return Attr(dtype);
  }

  template <typename T, typename ParseOne>
  absl::StatusOr<Attribute> ParseNumbers(ParseOne parse_one) {
    STRATA_RETURN_IF_ERROR(Next());
    std::vector<T> values;
    STRATA_RETURN_IF_ERROR(ParseList("[", "]", [&]() -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const T value, parse_one());
      values.push_back(value);
      return absl::OkStatus();
    }));
    return Attr(values);
  }

  absl::StatusOr<int64_t> ParseInt() {
    int64_t value = 0;
    if (token_.kind != TokenKind::kNumber || !ReadNumber(token_.text, &value))
      return Wanted("a 64-bit integer");
    STRATA_RETURN_IF_ERROR(Next());
    return value;
  }

  absl::StatusOr<double> ParseFloat() {
    double value = 0;
    const bool fits = token_.kind == TokenKind::kNumber || IsWord("inf") || IsWord("nan");
    if (!fits || !LooksLikeFloat(token_.text) || !ReadNumber(token_.text, &value)) {
      return Wanted("a 64-bit float, with a point or an exponent");
    }
    STRATA_RETURN_IF_ERROR(Next());
    return value;
  }

  Lexer& lexer_;
  Token& token_;
  const int depth_;
  Graph graph_;
  std::map<std::string, ValueId> ids_;
  std::vector<TensorType> inferred_;  // results of the node parsed last
};

}  // namespace

absl::StatusOr<Graph> ParseGraph(absl::string_view text, absl::string_view where) {
  RegisterAllOps();
  Lexer lexer(text, where);
  STRATA_ASSIGN_OR_RETURN(Token token, lexer.Next());
  STRATA_ASSIGN_OR_RETURN(Graph graph, Parser(lexer, token, 1).ParseGraph());
  if (token.kind != TokenKind::kEnd)
    return lexer.ErrorAt(token, "nothing may follow the graph; remove it");
  STRATA_RETURN_IF_ERROR(Annotate(Verify(graph), where));
  return graph;
}

}  // namespace strata::graph
