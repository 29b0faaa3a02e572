#include "framework/graph/text.h"

#include <cstdint>
#include <limits>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/verifier.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGolden[] = R"graph(graph "mlp" {
  %x: f32[B, 4] sharding("dp", "") = input data
  %w: f32[4, 8] = input parameter
  %y: f32[B, 8] = matmul(%x, %w) {transpose_a = false, transpose_b = false} @ "fc (llm/x.cc:3)"
  %bias: f32[8] = constant() {dims = dims[8], dtype = f32, value = 0.1}
  %f: f32[B, 8] = fusion(%y, %bias) {kind = "loop"} @ "a \"b\"\\\n" graph "body" {
    %a: f32[B, 8] = input data
    %b: f32[8] = input data
    %c: f32[B, 8] = add(%a, %b)
    return %c as "c" replicated
  }
  %m: f32[4, 8] gradient_of("w") = input state
  %s: f32[8] = reduce_sum(%m) {axes = ints[0], keep_dims = false}
  %z: f32[4, 8] = add(%m, %s)
  %e: f32[] = input data
  return %f as "f" sharded
  return %z as "z" mean
  update %m with %z
}
)graph";

TEST(Text, GoldenReadsAndPrintsBack) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, ParseGraph(kGolden, "golden"));
  EXPECT_EQ(PrintGraph(graph), kGolden);
  EXPECT_EQ(graph.nodes(2).origin(), "a \"b\"\\\n");
  EXPECT_EQ(graph.values(0).sharding().axes(0), "dp");
  EXPECT_EQ(graph.outputs(1).combine(), MEAN);
}

TEST(Text, LayoutAndCommentsAreFree) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, ParseGraph(R"(
      // A comment.
      graph "g"{%x:f32[2]=input data %y:f32[2]=neg(%x){}// the end
      return %y as"y"replicated})",
                                                            "t"));
  EXPECT_EQ(graph.nodes_size(), 1);
}

TEST(Text, FloatsAreExact) {
  const double values[] = {0.0,
                           -0.0,
                           1.0,
                           -3.0,
                           0.1,
                           1e20,
                           1e-300,
                           5e-324,
                           std::numeric_limits<double>::max(),
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN(),
                           123456789012345680.0};
  Builder b("floats");
  for (double value : values)
    b.Output(b.Constant(value, chips::F64), absl::StrCat("y", b.graph().outputs_size()));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph parsed, ParseGraph(PrintGraph(graph), "floats"));
  EXPECT_EQ(parsed.SerializeAsString(), graph.SerializeAsString()) << PrintGraph(graph);
}

// Inputs added after nodes keep their numbers; inputs listed in another order than numbered keep
// their order.
TEST(Text, InputsStandWhereTheyWereMade) {
  Builder b("late");
  const ValueId x = b.Input("x", {chips::F32, {2}}, DATA);
  const ValueId y = b.Apply("neg", {x});
  const ValueId m = b.Input("m", {chips::F32, {2}}, STATE);
  b.Update(m, b.Apply("add", {m, y}));
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph parsed, ParseGraph(PrintGraph(graph), "late"));
  EXPECT_EQ(parsed.SerializeAsString(), graph.SerializeAsString());
  graph.mutable_inputs()->SwapElements(0, 1);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph swapped, ParseGraph(PrintGraph(graph), "late"));
  EXPECT_EQ(swapped.values(static_cast<int>(swapped.inputs(0).value())).name(), "m");
  EXPECT_EQ(PrintGraph(swapped), PrintGraph(graph));
}

struct Bad {
  const char* body;
  const char* place;  // line:column
  const char* message;
};

TEST(Text, ErrorsNamePlaceAndRemedy) {
  const Bad cases[] = {
      {"%y: f32[2] = relux(%x)", "3:14", "did you mean 'relu'?"},
      {"%y: f32[2] = neg(%q)", "3:18", "%q is not defined above"},
      {"%y: f32[3] = neg(%x)", "3:1", "declared f32[3]; the op makes f32[2]"},
      {"%x: f32[2] = neg(%x)", "3:1", "defined already"},
      {"%y: f31[2] = neg(%x)", "3:5", "no dtype 'f31'"},
      {"%y: f32[-2] = neg(%x)", "3:9", "a size >= 0 or a symbol"},
      {"%y: f32[2] = add(%x)", "3:14", "takes 2"},
      {"%y: f32[2] = slice(%x) {axis = 0}", "3:14", "'start' (int) is missing"},
      {"%y: f32[2] = slice(%x) {axis = 0, axis = 1}", "3:35", "given twice"},
      {"%y: f32[2] = slice(%x) {axis = 0.5}", "3:14", "'axis' must be a int"},
      {"%y: f32[2] = slice(%x) {axis = 99999999999999999999}", "3:32", "64-bit integer"},
      {"%y: f32[] = constant() {value = 1e999}", "3:33", "64-bit float"},
      {"%y: f32[2] = neg(%x) @ \"open", "3:24", "has no end"},
      {"%y: f32[2] = neg(%x) @ \"\\q\"", "3:24", "unknown escape"},
      {"%y: f32[2] = neg(%x) @ \"\xff\"", "3:24", "not UTF-8"},
      {"%y: f32[2], %z: f32[2] = neg(%x)", "3:26", "the op makes 1 values; 2 are defined"},
      {"%y: f32[2] = input maybe", "3:20", "'data', 'parameter' or 'state'"},
      {"return %x as \"x\" often", "3:18", "'replicated', 'mean' or 'sharded'"},
      {"&", "3:1", "has no place"},
      {"% y", "3:1", "a value's name follows %"},
      {"update %x with %x", "", "updates[0].input: is not a PARAMETER or STATE input"},
      {"%y: f32[2] sharding(\"dp\", \"tp\") = neg(%x)", "", "sharding.axes: has 2"},
  };
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.body);
    const std::string text =
        absl::StrCat("graph \"g\" {\n%x: f32[2] = input data\n", bad.body, "\n}");
    EXPECT_THAT(
        ParseGraph(text, "f.graph"),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(StartsWith(absl::StrCat("f.graph:", bad.place)), HasSubstr(bad.message))));
  }
  EXPECT_THAT(ParseGraph("", "f"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f:1:1: expected 'graph'")));
  EXPECT_THAT(
      ParseGraph("graph \"g\" {} x", "f"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f:1:14: nothing may follow")));
}

TEST(Text, DepthOfRegionsIsBounded) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "graph \"g\" { fusion() ";
  EXPECT_THAT(ParseGraph(text, "deep"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nest deeper than 16")));
}

TEST(Text, HugeExtentsAreRefused) {
  EXPECT_THAT(ParseGraph("graph \"g\" { %x: f32[9223372036854775807, 2] = input data }", "f"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("larger than 2^63 bytes")));
}

// Mutated text is read or refused, never worse; what is read round-trips.
TEST(Text, SurvivesMutations) {
  uint64_t state = 42;
  const auto next = [&state](uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  const std::string golden = kGolden;
  const char* const pieces[] = {"%x",     "f32", "[",     "]",       "{",
                                "}",      "(",   ")",     "=",       ",",
                                "\"",     "\\",  "graph", "-1",      "9223372036854775807",
                                "1e308",  "nan", "dims[", "ints[0]", "input",
                                "return", "0"};
  int read = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = golden;
    for (uint64_t edit = 0; edit <= next(3); ++edit) {
      const size_t at = next(text.size());
      switch (next(5)) {
        case 0:
          text[at] = static_cast<char>(next(256));
          break;
        case 1:
          text.erase(at, 1 + next(12));
          break;
        case 2:
          text.insert(at, pieces[next(std::size(pieces))]);
          break;
        case 3:
          text.insert(at, text.substr(next(text.size()), next(40)));
          break;
        default:
          text[at] = golden[next(golden.size())];
          break;
      }
    }
    const absl::StatusOr<Graph> graph = ParseGraph(text, "fuzz");
    if (!graph.ok()) {
      EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++read;
    const std::string printed = PrintGraph(*graph);
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph again, ParseGraph(printed, "again"));
    ASSERT_EQ(PrintGraph(again), printed);
  }
  EXPECT_GT(read, 100);  // the mutations are small enough to be worth reading
}

}  // namespace
}  // namespace strata::graph
