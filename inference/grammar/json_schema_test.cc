// What the grammars of JSON schemas write is allowed by the schemas, and values that these allow can be written.
#include "inference/grammar/json_schema.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/grammar/grammar_oracle.h"
#include "inference/grammar/schema_oracle.h"
#include "inference/grammar/string_formats.h"

namespace strata::inference::grammar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Schema Parse(const std::string& text) { return Schema::parse(text); }

TEST(JsonSchemaTest, RandomTextsAreAllowedAndRandomValuesAreAccepted) {
  std::mt19937_64 random(19);
  int made = 0, written = 0, accepted = 0;
  for (int round = 0; round < 150; ++round) {
    const Schema schema = RandomSchema(random);
    STRATA_ASSERT_OK_AND_ASSIGN(const Grammar grammar, GrammarOfSchema(schema));
    const absl::StatusOr<Program> program = Program::Compile(grammar);
    ASSERT_OK(program) << schema.dump();
    ++made;
    Matcher matcher(&*program);
    for (int i = 0; i < 8; ++i) {
      const absl::StatusOr<std::string> text = RandomText(&matcher, random, "\"}]b ", 400);
      ASSERT_NE(text.status().code(), absl::StatusCode::kInternal) << schema.dump();
      if (!text.ok()) continue;
      const Schema value = Schema::parse(*text, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(value.is_discarded()) << *text;
      EXPECT_TRUE(SchemaAllows(schema, schema, value)) << *text << "\n" << schema.dump();
      ++written;
    }
    for (int i = 0; i < 8; ++i) {
      const Schema value = RandomValue(schema, schema, random);
      ASSERT_TRUE(SchemaAllows(schema, schema, value)) << value.dump() << "\n" << schema.dump();
      for (const std::string& text : {value.dump(), value.dump(2)}) {
        STRATA_ASSERT_OK_AND_ASSIGN(Matcher::State state, matcher.start());
        for (char byte : text) {
          STRATA_ASSERT_OK_AND_ASSIGN(state, matcher.Step(state, static_cast<uint8_t>(byte)));
        }
        EXPECT_TRUE(matcher.may_end(state)) << text << "\n" << schema.dump();
        ++accepted;
      }
    }
  }
  EXPECT_EQ(made, 150);
  EXPECT_GT(written, 500);
  EXPECT_GT(accepted, 2000);
}

struct Sample {
  const char* schema;
  std::vector<std::string> yes, no;
};

TEST(JsonSchemaTest, Samples) {
  const std::vector<Sample> samples = {
      {"true", {"1", "{\"a\": [null, {}]}"}, {"", "a"}},
      {R"({"type":"integer","minimum":-3,"maximum":120})",
       {"-3", "-1", "0", "7", "99", "120"},
       {"-4", "-0", "121", "00", "1.0", "1e1"}},
      {R"({"type":"integer","exclusiveMinimum":9})", {"10", "99999"}, {"9", "0", "-10"}},
      {R"({"type":"integer","maximum":-12})", {"-12", "-99", "-100"}, {"-11", "-2", "0", "12"}},
      {R"({"type":"integer","minimum":1.5,"exclusiveMaximum":4.5})", {"2", "4"}, {"1", "5"}},
      {R"({"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807})",
       {"0", "-5", "123456789012345"},
       {"9223372036854775808"}},
      {R"({"type":"integer","format":"int32"})", {"2147483647"}, {"2147483648"}},
      {R"({"type":"integer","multipleOf":1})", {"5"}, {"5.5"}},
      {R"({"type":"number","minimum":0,"maximum":1})",
       {"0", "0.0", "0.5", "1", "1.000"},
       {"-0.1", "1.001", "-0", "1e0"}},
      {R"({"type":"number","exclusiveMinimum":-0.25,"exclusiveMaximum":12.5})",
       {"-0.2", "-0.249", "0", "12.49", "12", "7.75"},
       {"-0.25", "-0.250", "-1", "12.5", "12.50", "12.51"}},
      {R"({"type":"number","minimum":1e-3})", {"0.001", "0.01", "5"}, {"0.0009", "0", "-1"}},
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {"\"ab\"", "\"é\\n\\ud83c\\udf89\""},
       {"\"a\"", "\"abcd\"", "\"\\ud83c\""}},
      {R"({"pattern":"^\\d+\"$"})", {R"("12\"")"}, {R"("12")", R"("\"")"}},
      {R"({"type":"string","pattern":"a"})", {"\"xay\"", "\"\\na\""}, {"\"x\""}},
      {R"({"type":["string","null"]})", {"\"\"", "null"}, {"1"}},
      {R"({"type":"string","nullable":true})", {"\"\"", "null"}, {"1"}},
      {R"({"enum":["a",1,[2, {}]],"type":["string","array"]})",
       {"\"a\"", "[2,{}]", "[2, { }]"},
       {"1"}},
      {R"({"items":false})", {"[]"}, {"[1]"}},
      {R"({"prefixItems":[{"type":"integer"},{"type":"null"}]})",
       {"[]", "[1]", "[1, null]"},
       {"[null]", "[1,null,2]"}},
      {R"({"items":[{"type":"integer"}],"additionalItems":{"type":"null"},"minItems":2,"maxItems":3})",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,null,null,null]"}},
      {R"({"properties":{"a":{"type":"integer"},"b":{"type":"null"}},"required":["b","c"]})",
       {R"({"b":null,"c":[1]})", R"({"a":1,"b":null,"c":0})"},
       {R"({"a":1})", R"({"c":0,"b":null})", R"({"b":null,"c":0,"d":1})"}},
      {R"({"properties":{"ab":true},"additionalProperties":true})",
       {"{}", R"({"ab":1,"a":2,"abc":3,"b":4})", R"({"":0})"},
       {R"({"a":2,"ab":1})", R"({"a\u0062":1})", R"({"\u0061b":1})"}},
      {R"({"type":"object"})", {"{}", R"({"x":{"y":1}})"}, {"[]"}},
      {R"({"type":"object","additionalProperties":false})", {"{}", "{ }"}, {R"({"x":1})"}},
      {R"({"allOf":[{"properties":{"a":{"minimum":3}}},{"properties":{"a":{"type":"integer","maximum":5}},"required":["a"]}]})",
       {R"({"a":3})", R"({"a":5})"},
       {"{}", R"({"a":6})", R"({"a":2})"}},
      {R"({"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
       {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"},
       {"{}"}},
      {R"({"oneOf":[{"type":"string"},{"type":"number"}]})", {"\"\"", "1"}, {"null"}},
      {R"({"$ref":"#/$defs/a~1b","$defs":{"a/b":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/a~1b"}}]}}})",
       {"null", "[[null],[]]"},
       {"1"}},
      {R"({"anyOf":[{"type":"object","properties":{"x":{"$ref":"#"}},"required":["x"]},{"const":0}]})",
       {"0", R"({"x":{"x":0}})"},
       {"{}"}},
      {R"({"$ref":"#/definitions/n","minimum":2,"definitions":{"n":{"type":"integer","maximum":4}}})",
       {"2", "4"},
       {"1", "5"}},
      {R"({"title":"t","description":"d","default":1,"x-y":{},"type":"null"})", {"null"}, {"1"}},
      // Properties that one of two schemas does not describe are additional to it.
      {R"({"type":"object","allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"a":{"const":1},"b":{}}}]})",
       {"{}", R"({"a":1})"},
       {R"({"b":1})", R"({"a":1,"b":1})", R"({"a":2})"}},
      {R"({"allOf":[{"type":"string","nullable":true},{"type":"string"}]})", {"\"\""}, {"null"}},
      {R"({"oneOf":[{"type":"object","properties":{"t":{"const":"a"}},"required":["t"]},{"type":"object","properties":{"t":{"const":"b"}},"required":["t"]}],"discriminator":{"propertyName":"t"}})",
       {R"({"t":"a"})", R"({"t":"b"})"},
       {R"({"t":"c"})"}},
  };
  for (const Sample& sample : samples) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Grammar grammar, GrammarOfSchema(Parse(sample.schema)));
    ASSERT_OK(Program::Compile(grammar)) << sample.schema;
    for (const std::string& text : sample.yes)
      EXPECT_TRUE(MatcherAccepts(grammar, text)) << sample.schema << " on " << text;
    for (const std::string& text : sample.no)
      EXPECT_FALSE(MatcherAccepts(grammar, text)) << sample.schema << " on " << text;
  }
}

TEST(JsonSchemaTest, Formats) {
  struct Format {
    const char* name;
    std::vector<const char*> yes, no;
  };
  const std::vector<Format> formats = {
      {"date",
       {"2024-12-31", "1999-02-28"},
       {"2024-13-01", "2024-02-30", "24-01-01", "2023-04-31"}},
      {"time", {"23:59:59Z", "00:00:00.5+01:30"}, {"24:00:00Z", "12:00:00"}},
      {"date-time", {"2024-12-31T00:00:00Z"}, {"2024-12-31 00:00:00Z", "2024-12-31"}},
      {"duration", {"P1Y2M3D", "PT5M", "P2W", "P1DT2H"}, {"P", "PT", "1D", "P1H"}},
      {"email", {"a.b+c@example.org"}, {"a@", "@b", "a b@c"}},
      {"hostname", {"example.org", "a-b"}, {"-a", "a..b", "a_b"}},
      {"ipv4", {"0.0.0.0", "255.199.20.1"}, {"256.1.1.1", "1.2.3", "01.2.3.4"}},
      {"ipv6", {"::", "::1", "1:2:3:4:5:6:7:8", "fe80::1:2"}, {"1:2", ":::", "g::"}},
      {"uri", {"https://example.org:80/a/b?c=d#e"}, {"example.org", "http:/a"}},
      {"uuid", {"123e4567-e89b-12d3-a456-426614174000"}, {"123e4567e89b12d3a456426614174000"}},
      {"json-pointer", {"", "/a/0/~1"}, {"a", "/~2"}}};
  for (const Format& format : formats) {
    const Schema schema = {{"type", "string"}, {"format", format.name}};
    STRATA_ASSERT_OK_AND_ASSIGN(const Grammar grammar, GrammarOfSchema(schema));
    for (const char* text : format.yes)
      EXPECT_TRUE(MatcherAccepts(grammar, Schema(text).dump())) << format.name << ": " << text;
    for (const char* text : format.no)
      EXPECT_FALSE(MatcherAccepts(grammar, Schema(text).dump())) << format.name << ": " << text;
  }
}

TEST(JsonSchemaTest, RefusesByNameAndPath) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {R"({"not":{}})", "#/not: this keyword is not supported"},
      {R"({"properties":{"a/b":{"if":true}}})", "#/properties/a~1b/if: this keyword"},
      {R"({"items":{"contains":{}}})", "#/items/contains: this keyword"},
      {R"({"patternProperties":{"a":{}}})", "#/patternProperties: this keyword"},
      {R"({"prefixItems":[{"minLenght":1}]})", "#/prefixItems/0/minLenght: this keyword"},
      {R"({"type":"array","uniqueItems":true})", "#/uniqueItems: is not supported"},
      {R"({"type":"integer","multipleOf":5})", "#/multipleOf: is not supported"},
      {R"({"type":"strnig"})", "#/type: \"strnig\" is no type"},
      {R"({"type":7})", "#/type: \"7\" is no type"},
      {R"({"$ref":"#/$defs/x"})", "#/$ref: \"#/$defs/x\" is not there"},
      {R"({"$ref":"http://a/b"})", "is not in this schema"},
      {R"({"$ref":"#"})", "left recursive"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
       "#/oneOf: alternatives 0 and 1 may both match"},
      {R"({"anyOf":[]})", "#/anyOf: must be a list"},
      {R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})",
       "#/allOf: two different \"pattern\" cannot be combined"},
      {R"({"type":"string","pattern":"a(b"})", "#/pattern: regular expression, line 1, column 4"},
      {R"({"type":"string","pattern":"a","maxLength":3})", "not supported together with a length"},
      {R"({"type":"string","format":"color"})", "#/format: \"color\" is not a format"},
      {R"({"type":"string","minLength":-1})", "#/minLength: must be a whole number"},
      {R"({"type":"integer","minimum":"3"})", "#/minimum: must be a number, not string"},
      {R"({"type":"integer","exclusiveMinimum":true})", "#/exclusiveMinimum: must be a number"},
      {R"({"enum":[1],"minimum":3})", "#/minimum: is not supported beside enum"},
      {R"({"enum":7})", "#/enum: must be a list"},
      {R"({"enum":[]})", "no text matches"},
      {R"({"required":"a"})", "#/required: must be a list"},
      {R"({"properties":[]})", "#/properties: must be an object"},
      {R"({"properties":{"a":7}})", "#/properties/a: a schema must be an object or a boolean"},
      {R"({"properties":{"a":{}},"minProperties":1})", "#/minProperties: is not supported above"},
      {R"({"properties":{"a":{}},"maxProperties":0})",
       "#/maxProperties: is not supported together"},
      {R"({"properties":{"x":{"$ref":"#"}},"required":["x"],"type":"object"})", "no text matches"},
      {"false", "no text matches"},
      {R"({"allOf":[{"prefixItems":[{"type":"null"}]},{"items":{"type":"string"}}]})",
       "cannot be combined"},
      {R"({"allOf":[{"additionalProperties":{"type":"null"}},{"properties":{"a":{}}}]})",
       "\"additionalProperties\" of one and \"a\" of the other cannot be combined"},
      {"[]", "#: a schema must be an object or a boolean, not array"},
      {"{", "is not valid JSON"}};
  for (const auto& [text, fault] : faults) {
    absl::StatusOr<Grammar> grammar = GrammarOfSchemaText(text);
    const absl::Status status =
        grammar.ok() ? Program::Compile(*grammar).status() : grammar.status();
    EXPECT_THAT(status, StatusIs(kInvalid, HasSubstr(fault))) << text;
  }
}

TEST(JsonSchemaTest, HostileSchemasEndInAnError) {
  // Each level asks for the next twice, in two ways.
  Schema merged = {{"$defs", Schema::object()}};
  for (int i = 0; i < 40; ++i) {
    const std::string next = "#/$defs/" + std::to_string(i + 1);
    merged["$defs"][std::to_string(i)] = {
        {"anyOf", {{{"$ref", next}, {"minimum", i}}, {{"$ref", next}, {"minimum", i + 1}}}}};
  }
  merged["$defs"]["40"] = {{"type", "integer"}};
  merged["$ref"] = "#/$defs/0";
  merged["minimum"] = 0;
  EXPECT_THAT(GrammarOfSchema(merged), StatusIs(kInvalid, HasSubstr("too large")));
  Schema round = {{"$ref", "#/$defs/a"}, {"minimum", 1}};
  round["$defs"]["a"] = {{"$ref", "#/$defs/a"}, {"maximum", 3}};
  EXPECT_THAT(GrammarOfSchema(round), StatusIs(kInvalid, HasSubstr("#")));
  Schema wide = {{"properties", Schema::object()}};
  for (int i = 0; i < 1000; ++i)
    wide["properties"]["p" + std::to_string(i)] = {{"type", "integer"}};
  STRATA_ASSERT_OK_AND_ASSIGN(const Grammar grammar, GrammarOfSchema(wide));
  EXPECT_TRUE(MatcherAccepts(grammar, R"({"p0":1,"p500":2,"p999":3})"));
}

TEST(JsonSchemaTest, HostileTextsEndInAnError) {
  const auto fault = [](const std::string& text) { return GrammarOfSchemaText(text).status(); };
  const std::string deep(50'000, '['), end(50'000, ']');
  EXPECT_THAT(fault("{\"const\":" + deep + end + "}"), StatusIs(kInvalid, HasSubstr("too deep")));
  EXPECT_THAT(fault("\"" + std::string(1 << 17, 'a') + "\""),
              StatusIs(kInvalid, HasSubstr("is longer than 131072 bytes")));
  const std::string name(100'000, 'a');
  EXPECT_THAT(fault("{\"properties\":{\"" + name + "\":{}},\"additionalProperties\":true}"),
              StatusIs(kInvalid, HasSubstr("long names")));
  EXPECT_THAT(fault("{\"pattern\":\"" + std::string(40'000, '.') + "\"}"),
              StatusIs(kInvalid, HasSubstr("the patterns have over 32768 characters")));
  // Each of 30 properties is the whole again; so nothing tells the alternatives apart.
  Schema node = {{"type", "object"}};
  for (int i = 0; i < 30; ++i) {
    const std::string key = "p" + std::to_string(i);
    node["properties"][key] = {{"$ref", "#/$defs/node"}};
    node["required"].push_back(key);
  }
  Schema schema = {{"$defs", {{"node", node}}}};
  schema["oneOf"] = {{{"$ref", "#/$defs/node"}}, {{"$ref", "#/$defs/node"}}};
  EXPECT_THAT(GrammarOfSchema(schema), StatusIs(kInvalid, HasSubstr("may both match")));
}

// Schemas with parts exchanged at random are compiled or refused, soon.
TEST(JsonSchemaTest, AnyJsonGivesAGrammarOrAFault) {
  std::mt19937_64 random(23);
  const std::vector<Schema> pieces = {
      7,    -1,  "a",  nullptr,  true,           Schema::array(), Schema::object(),
      1e30, 0.1, "#/", "string", {{"$ref", "#"}}};
  int good = 0;
  for (int round = 0; round < 1500; ++round) {
    Schema schema = RandomSchema(random);
    const Schema flat = schema.flatten();  // a member for each leaf
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      auto leaf = flat.begin();
      std::advance(leaf, static_cast<long>(random() % flat.size()));
      const Schema::json_pointer where(leaf.key());
      if (schema.contains(where)) schema[where] = pieces[random() % pieces.size()];
    }
    const absl::StatusOr<Grammar> grammar = GrammarOfSchema(schema);
    if (!grammar.ok()) {
      EXPECT_EQ(grammar.status().code(), kInvalid) << grammar.status();
      continue;
    }
    const auto program = Program::Compile(*grammar);
    EXPECT_TRUE(program.ok() || program.status().code() == kInvalid) << program.status();
    good += program.ok();
  }
  EXPECT_GT(good, 50);
}

}  // namespace
}  // namespace strata::inference::grammar
