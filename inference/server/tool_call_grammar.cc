#include "inference/server/tool_call_grammar.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/json_schema.h"
#include "inference/grammar/token_trie.h"

namespace strata::inference {
namespace {

using grammar::Expr;
using grammar::JsonRules;
using Ordered = nlohmann::ordered_json;

// A mark of the format, its special tokens as such.
Expr Mark(absl::string_view text, const Tokenizer& tokenizer) {
  std::vector<Expr> parts;
  for (int32_t id : tokenizer.Encode(text)) {
    if (!tokenizer.IsSpecial(id)) continue;
    const std::string token = tokenizer.TokenBytes(id);
    const size_t at = text.find(token);
    if (token.empty() || at == absl::string_view::npos) continue;
    if (at > 0) parts.push_back(grammar::Text(text.substr(0, at)));
    parts.push_back(grammar::Text(grammar::SpecialToken(id)));
    text.remove_prefix(at + token.size());
  }
  if (!text.empty()) parts.push_back(grammar::Text(text));
  return grammar::Sequence(std::move(parts));
}

class Writer {
 public:
  Writer(const ToolCallFormat& format, const Tokenizer& tokenizer)
      : format_(format), tokenizer_(tokenizer), json_(&grammar_) {}

  absl::StatusOr<grammar::Grammar> Write(const Ordered& tools, const std::string& name,
                                         bool parallel) {
    const int root = grammar_.Add("root");
    std::vector<Expr> calls;
    for (size_t i = 0; i < tools.size(); ++i) {
      const Ordered& function = tools[i]["function"];
      if (!name.empty() && function["name"] != name) continue;
      absl::StatusOr<Expr> call = Call(function);
      if (!call.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("tools[", i, "].function.parameters: ", call.status().message()));
      }
      calls.push_back(*std::move(call));
    }
    if (calls.empty()) return absl::NotFoundError(absl::StrCat("there is no tool \"", name, "\""));
    const Expr call = grammar::Rule(grammar_.Add("call", grammar::Choice(std::move(calls))));
    grammar_.rules[static_cast<size_t>(root)].body = Calls(call, parallel);
    return std::move(grammar_);
  }

 private:
  Expr Space() { return grammar::Rule(json_.space()); }

  // See ToolCallFormat for the order of marks. Between them there may be white space.
  Expr Calls(const Expr& call, bool parallel) {
    std::vector<Expr> opens;
    for (const char* open : format_.open) opens.push_back(Mark(open, tokenizer_));
    Expr open = grammar::Choice(std::move(opens));
    std::vector<Expr> parts = {format_.bare ? grammar::Optional(std::move(open)) : std::move(open),
                               Space()};
    if (*format_.list_open != '\0') Add(format_.list_open, &parts);
    parts.push_back(call);
    if (parallel) {
      std::vector<Expr> next = {Space()};
      // Calls without a list and a separator begin with their mark again.
      const bool opens_again = *format_.separator == '\0' && *format_.call_open == '\0';
      if (opens_again) Add(format_.open.back(), &next);
      if (*format_.separator != '\0') Add(format_.separator, &next);
      next.push_back(call);
      parts.push_back(grammar::Repeat(grammar::Sequence(std::move(next))));
    }
    for (const char* close : format_.list_close) {  // only the first must be there
      Expr closed = grammar::Sequence({Space(), Mark(close, tokenizer_)});
      const bool first = close == format_.list_close.front();
      parts.push_back(first ? std::move(closed) : grammar::Optional(std::move(closed)));
    }
    return grammar::Sequence(std::move(parts));
  }

  void Add(const char* mark, std::vector<Expr>* parts) {
    parts->push_back(Mark(mark, tokenizer_));
    parts->push_back(Space());
  }

  absl::StatusOr<Expr> Call(const Ordered& function) {
    const std::string name = function["name"];
    Ordered parameters = {{"type", "object"}, {"additionalProperties", false}};
    if (function.contains("parameters") && !function["parameters"].is_null())
      parameters = function["parameters"];
    if (parameters.is_object() && !parameters.contains("type")) parameters["type"] = "object";
    if (!parameters.is_object() || parameters["type"] != "object")
      return absl::InvalidArgumentError("must be a schema of type object");
    STRATA_ASSIGN_OR_RETURN(const Expr arguments,
                            grammar::AddSchema(parameters, &json_, &grammar_));
    std::vector<Expr> parts;
    if (*format_.call_open != '\0') Add(format_.call_open, &parts);
    if (format_.call == ToolCallFormat::Call::kName) {
      parts.push_back(grammar::Text(name));
      if (*format_.name_end != '\0') {
        parts.push_back(Space());
        Add(format_.name_end, &parts);
      }
      parts.push_back(arguments);
    } else {
      // Llama's own calls, which have no mark, say parameters.
      const char* key = format_.bare ? "parameters" : "arguments";
      parts.push_back(
          json_.Object({json_.Member(JsonRules::Literal("name"), JsonRules::Literal(name)),
                        json_.Member(JsonRules::Literal(key), arguments)}));
    }
    if (*format_.call_close != '\0') {
      parts.push_back(Space());
      parts.push_back(Mark(format_.call_close, tokenizer_));
    }
    return grammar::Sequence(std::move(parts));
  }

  const ToolCallFormat& format_;
  const Tokenizer& tokenizer_;
  grammar::Grammar grammar_;
  JsonRules json_;
};

}  // namespace

absl::StatusOr<grammar::Grammar> ToolCallGrammar(const ToolCallFormat& format,
                                                 const Tokenizer& tokenizer, const Ordered& tools,
                                                 const std::string& name, bool parallel) {
  return Writer(format, tokenizer).Write(tools, name, parallel);
}

}  // namespace strata::inference
