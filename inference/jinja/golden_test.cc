// Templates and the texts that Jinja 3.1.6 makes of them: testdata/check.py asks it again.
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/jinja/json_value.h"
#include "inference/jinja/template.h"
#include "nlohmann/json.hpp"

namespace strata::inference::jinja {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFolder[] = "inference/jinja/testdata/";

std::string Read(const std::string& file) {
  auto text = ReadFile(kFolder + file);
  EXPECT_THAT(text, IsOk());
  return text.ok() ? *text : "";
}

// The objects of a file with one a line.
std::vector<Json> ReadLines(const std::string& file) {
  std::vector<Json> lines;
  for (absl::string_view line : absl::StrSplit(Read(file), '\n', absl::SkipEmpty()))
    lines.push_back(Json::parse(std::string(line)));
  return lines;
}

absl::StatusOr<std::string> Render(const std::string& source, const Json& data) {
  STRATA_ASSIGN_OR_RETURN(const Template parsed, Template::Parse(source, "template"));
  Heap heap;
  Variables variables;
  for (const auto& [name, json] : data.items()) {
    STRATA_ASSIGN_OR_RETURN(Value value, ValueFromJson(json, Origin::kData, &heap));
    variables.emplace_back(name, std::move(value));
  }
  STRATA_ASSIGN_OR_RETURN(const Text text, parsed.Render(&heap, variables));
  return text.bytes();
}

TEST(Golden, CasesGiveWhatJinjaGives) {
  const std::vector<Json> cases = ReadLines("cases.jsonl");
  EXPECT_GE(cases.size(), 150u);
  for (const Json& one : cases) {
    const std::string source = one["template"];
    const Json data = one.value("data", Json::object());
    const absl::StatusOr<std::string> text = Render(source, data);
    ASSERT_THAT(text, IsOk()) << source;
    EXPECT_EQ(*text, one["expect"].get<std::string>()) << source;
  }
}

TEST(Golden, ChatTemplatesOfManyFamiliesGiveWhatJinjaGives) {
  const std::vector<Json> chats = ReadLines("chats.jsonl");
  const Json conversations = Json::parse(Read("chat/conversations.json"));
  EXPECT_GE(chats.size(), 40u);
  for (const Json& chat : chats) {
    const std::string file = chat["template"];
    Json data = conversations[chat["conversation"].get<std::string>()];
    data["bos_token"] = "<s>";
    data["eos_token"] = "</s>";
    const absl::StatusOr<std::string> text = Render(Read("chat/" + file + ".jinja"), data);
    ASSERT_THAT(text, IsOk()) << file << " " << chat["conversation"];
    EXPECT_EQ(*text, chat["expect"].get<std::string>()) << file << " " << chat["conversation"];
  }
}

}  // namespace
}  // namespace strata::inference::jinja
