// Spoilt templates of many families end in a text or in an error with its place; bounded and seeded.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/jinja/json_value.h"
#include "inference/jinja/template.h"
#include "nlohmann/json.hpp"

namespace strata::inference::jinja {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFolder[] = "inference/jinja/testdata/";

struct Sample {
  std::string source;
  Json data;
};

std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  const auto lines = [](const std::string& file) {
    const std::string text = *ReadFile(kFolder + file);
    return std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()));
  };
  for (const std::string& line : lines("cases.jsonl")) {
    const Json one = Json::parse(line);
    samples.push_back({one["template"], one.value("data", Json::object())});
  }
  const Json conversations =
      Json::parse(*ReadFile(std::string(kFolder) + "chat/conversations.json"));
  for (const std::string& line : lines("chats.jsonl")) {
    const Json one = Json::parse(line);
    const std::string file = one["template"];
    samples.push_back({*ReadFile(kFolder + ("chat/" + file + ".jinja")),
                       conversations[one["conversation"].get<std::string>()]});
  }
  return samples;
}

// OK, or an error that says where.
void Check(const std::string& source, const Json& data) {
  absl::StatusOr<Template> parsed = Template::Parse(source, "fuzz");
  absl::Status status = parsed.status();
  if (parsed.ok()) {
    Heap heap({.output = 1 << 16, .memory = 4 << 20, .steps = 20'000});
    Variables variables;
    for (const auto& [name, json] : data.items())
      variables.emplace_back(name, *ValueFromJson(json, Origin::kData, &heap));
    status = parsed->Render(&heap, variables).status();
  }
  if (!status.ok()) {
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("fuzz, line ")) << source;
  }
}

TEST(Fuzz, SpoiltTemplates) {
  const std::vector<Sample> samples = Samples();
  std::mt19937_64 random(7);
  for (int round = 0; round < 4000; ++round) {
    const Sample& sample = samples[random() % samples.size()];
    Check(Spoil(sample.source, random), sample.data);
  }
}

// Tokens of the language in any order: more of them come past the parser than of random bytes.
TEST(Fuzz, TokensInAnyOrder) {
  static constexpr const char* kTokens[] = {
      "{{",  "}}",     "{%",     "%}",   "{#",      "#}",       "-",         "+",         "*",
      "**",  "//",     "%",      "~",    "==",      "<",        "in",        "not",       "is",
      "and", "or",     "if",     "else", "for",     "endif",    "endfor",    "set",       "endset",
      "(",   ")",      "[",      "]",    "{",       "}",        ":",         ",",         ".",
      "|",   "=",      "'a'",    "1",    "2.5",     "none",     "true",      "x",         "l",
      "d",   "loop",   "range",  "dict", "map",     "join",     "items",     "upper",     "sort",
      "odd", "macro",  "f",      "call", "ns",      "select",   "namespace", "length",    "defined",
      "raw", "endraw", "filter", "with", "default", "endmacro", "endcall",   "endfilter", " "};
  std::mt19937_64 random(11);
  const Json data = {{"x", "text"}, {"l", {1, 2, 3}}, {"d", {{"a", 1}}}};
  for (int round = 0; round < 6000; ++round) {
    std::string source = random() % 2 == 0 ? "{{ " : "{% ";
    for (uint64_t count = 1 + random() % 24; count > 0; --count)
      source += std::string(kTokens[random() % std::size(kTokens)]) + " ";
    source += source[1] == '{' ? "}}" : "%}";
    Check(source, data);
  }
}

// Every filter, test and method on every kind of value, with too many and too few arguments.
TEST(Fuzz, BuiltinsOnAllKindsOfValues) {
  static constexpr const char* kValues[] = {"x",
                                            "'aé b'",
                                            "''",
                                            "3",
                                            "-1",
                                            "2.5",
                                            "true",
                                            "none",
                                            "missing",
                                            "l",
                                            "[]",
                                            "d",
                                            "{}",
                                            "(1, 'a')",
                                            "range(3)",
                                            "d.items()",
                                            "l|map('string')",
                                            "namespace(a=1)",
                                            "range",
                                            "''.upper"};
  static constexpr const char* kUses[] = {"|abs",
                                          "|attr",
                                          "|batch",
                                          "|capitalize",
                                          "|center",
                                          "|default",
                                          "|dictsort",
                                          "|escape",
                                          "|first",
                                          "|float",
                                          "|format",
                                          "|groupby",
                                          "|indent",
                                          "|int",
                                          "|items",
                                          "|join",
                                          "|last",
                                          "|length",
                                          "|list",
                                          "|map",
                                          "|max",
                                          "|min",
                                          "|reject",
                                          "|rejectattr",
                                          "|replace",
                                          "|reverse",
                                          "|round",
                                          "|select",
                                          "|selectattr",
                                          "|slice",
                                          "|sort",
                                          "|string",
                                          "|sum",
                                          "|title",
                                          "|tojson",
                                          "|trim",
                                          "|truncate",
                                          "|unique",
                                          "|urlencode",
                                          "|wordcount",
                                          " is divisibleby",
                                          " is eq",
                                          " is gt",
                                          " is in",
                                          " is sameas",
                                          " is sequence",
                                          " is odd",
                                          " is upper",
                                          ".split",
                                          ".strip",
                                          ".replace",
                                          ".join",
                                          ".count",
                                          ".find",
                                          ".rsplit",
                                          ".splitlines",
                                          ".startswith",
                                          ".format",
                                          ".center",
                                          ".append",
                                          ".insert",
                                          ".pop",
                                          ".index",
                                          ".remove",
                                          ".get",
                                          ".update",
                                          ".items"};
  std::mt19937_64 random(13);
  const Json data = {{"x", "text"}, {"l", {3, "b", nullptr}}, {"d", {{"a", 1}, {"b", {2}}}}};
  const auto value = [&random] { return std::string(kValues[random() % std::size(kValues)]); };
  for (const char* use : kUses) {
    for (const char* operand : kValues) {
      std::string arguments;
      for (uint64_t count = random() % 4; count > 0; --count)
        arguments += value() + (count > 1 ? ", " : "");
      Check("{{ (" + std::string(operand) + ")" + use + "(" + arguments + ") }}", data);
    }
  }
}

}  // namespace
}  // namespace strata::inference::jinja
