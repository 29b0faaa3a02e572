#include "framework/graph/verifier.h"

#include <functional>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// x, m (state), y = neg(x), s = slice(y), z = add(m, y) that updates m.
Graph Good() {
  Builder b("good");
  const ValueId x = b.Input("x", {chips::F32, {"B", 4}}, DATA);
  const ValueId m = b.Input("m", {chips::F32, {"B", 4}}, STATE);
  const ValueId y = b.Apply("neg", {x});
  const ValueId s =
      b.Apply("slice", {y}, {{"axis", Attr(1)}, {"start", Attr(1)}, {"limit", Attr(3)}});
  const ValueId z = b.Apply("add", {m, y});
  b.Output(s, "s");
  b.Update(m, z);
  return std::move(b).Build().value();
}

struct Fault {
  const char* name;
  std::function<void(Graph*)> make;
  const char* path;
  const char* message;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

TEST(Verifier, NamesTheFirstFaultWithItsPath) {
  const Fault faults[] = {
      {"version", [](Graph* g) { g->set_version(2); }, "version",
       "is 2; this build reads version 1"},
      {"cycle", [](Graph* g) { g->mutable_nodes(0)->set_inputs(0, 4); },
       "nodes[0] (neg): inputs[0]", "cycle"},
      {"order", [](Graph* g) { g->mutable_nodes()->SwapElements(0, 1); },
       "nodes[0] (slice): inputs[0]", "'neg' is not made yet"},
      {"second maker", [](Graph* g) { g->mutable_nodes(1)->set_outputs(0, 2); },
       "nodes[1] (slice): outputs[0]", "is made twice"},
      {"maker of an input", [](Graph* g) { g->mutable_nodes(0)->set_outputs(0, 0); },
       "nodes[0] (neg): outputs[0]", "is made twice"},
      {"no maker",
       [](Graph* g) { *g->add_values() = g->values(0), g->mutable_values(5)->set_name("q"); },
       "values[5] ('q')", "no node or input makes it"},
      {"bad id", [](Graph* g) { g->mutable_nodes(0)->set_inputs(0, 99); },
       "nodes[0] (neg): inputs[0]", "value id 99 is outside [0, 5)"},
      {"wrong dtype", [](Graph* g) { g->mutable_values(2)->set_dtype(chips::F64); },
       "nodes[0] (neg): outputs[0]", "declared f64[B, 4], inferred f32[B, 4]"},
      {"wrong shape", [](Graph* g) { g->mutable_values(3)->mutable_dims(1)->set_size(9); },
       "nodes[1] (slice): outputs[0]", "inferred f32[B, 2]"},
      {"unset dtype", [](Graph* g) { g->mutable_values(0)->clear_dtype(); }, "values[0].dtype",
       "not set"},
      {"unset dim", [](Graph* g) { g->mutable_values(0)->mutable_dims(0)->Clear(); },
       "values[0].dims[0]", "a size >= 0 or a symbol"},
      {"negative dim", [](Graph* g) { g->mutable_values(0)->mutable_dims(1)->set_size(-4); },
       "values[0].dims[1]", "a size >= 0"},
      {"bad symbol", [](Graph* g) { g->mutable_values(0)->mutable_dims(1)->set_symbol("2B"); },
       "values[0].dims[1]", "a symbol"},
      {"overflow",
       [](Graph* g) { g->mutable_values(0)->mutable_dims(1)->set_size(int64_t{1} << 62); },
       "values[0]", "larger than 2^63 bytes"},
      {"bad name", [](Graph* g) { g->mutable_values(0)->set_name("0x"); }, "values[0].name",
       "'0x' is not a name"},
      {"same name", [](Graph* g) { g->mutable_values(1)->set_name("x"); }, "values[1].name",
       "taken"},
      {"sharding", [](Graph* g) { g->mutable_values(0)->mutable_sharding()->add_axes("dp"); },
       "values[0].sharding.axes", "has 1; must have one a dim, 2"},
      {"input twice", [](Graph* g) { g->mutable_inputs(1)->set_value(0); }, "inputs[1].value",
       "is an input already"},
      {"input kind", [](Graph* g) { g->mutable_inputs(1)->clear_kind(); }, "inputs[1].kind",
       "not set"},
      {"unknown op", [](Graph* g) { g->mutable_nodes(0)->set_op("negg"); }, "nodes[0] (negg)",
       "did you mean 'neg'?", absl::StatusCode::kNotFound},
      {"missing attribute",
       [](Graph* g) { g->mutable_nodes(1)->mutable_attributes()->RemoveLast(); },
       "nodes[1] (slice): slice", "attribute 'start' (int) is missing"},
      {"attribute order",
       [](Graph* g) { g->mutable_nodes(1)->mutable_attributes()->SwapElements(0, 1); },
       "nodes[1] (slice): attributes[1] ('axis')", "sorted"},
      {"attribute twice",
       [](Graph* g) { *g->mutable_nodes(1)->add_attributes() = g->nodes(1).attributes(2); },
       "attributes[3] ('start')", "each once"},
      {"attribute kind", [](Graph* g) { g->mutable_nodes(1)->mutable_attributes(0)->set_f(1); },
       "nodes[1] (slice): slice", "'axis' must be a int"},
      {"attribute unset",
       [](Graph* g) { g->mutable_nodes(1)->mutable_attributes(0)->clear_value(); },
       "nodes[1] (slice): slice", "'axis' must be a int"},
      {"region", [](Graph* g) { *g->mutable_nodes(0)->add_regions() = Graph(*g); },
       "nodes[0] (neg): regions", "the op has none"},
      {"too many outputs",
       [](Graph* g) {
         *g->add_values() = g->values(2);
         g->mutable_values(5)->set_name("extra");
         g->mutable_nodes(0)->add_outputs(5);
       },
       "nodes[0] (neg): outputs", "has 2; the op makes 1"},
      {"output id", [](Graph* g) { g->mutable_outputs(0)->set_value(9); }, "outputs[0].value",
       "outside"},
      {"output combine", [](Graph* g) { g->mutable_outputs(0)->clear_combine(); },
       "outputs[0].combine", "not set"},
      {"output name", [](Graph* g) { g->mutable_outputs(1)->set_name("s"); }, "outputs[1].name",
       "taken"},
      {"update of data", [](Graph* g) { g->mutable_updates(0)->set_input(0); }, "updates[0].input",
       "not a PARAMETER or STATE input"},
      {"update with a hidden value", [](Graph* g) { g->mutable_updates(0)->set_output(2); },
       "updates[0].output", "is not an output"},
      {"update of another type", [](Graph* g) { g->mutable_updates(0)->set_output(3); },
       "updates[0]", "types differ: f32[B, 4] and f32[B, 2]"},
      {"update twice", [](Graph* g) { *g->add_updates() = g->updates(0); }, "updates[1].input",
       "updated twice"},
  };
  ASSERT_OK(Verify(Good()));
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    Graph graph = Good();
    fault.make(&graph);
    EXPECT_THAT(Verify(graph),
                StatusIs(fault.code, AllOf(HasSubstr("graph 'good': "), HasSubstr(fault.path),
                                           HasSubstr(fault.message))));
  }
}

TEST(Verifier, LooksIntoRegions) {
  Builder body("body");
  body.Output(body.Apply("neg", {body.Input("a", {chips::F32, {2}}, DATA)}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph region, std::move(body).Build());
  Builder b("outer");
  const ValueId x = b.Input("x", {chips::F32, {2}}, DATA);
  b.Output(b.ApplyMulti("fusion", {x}, {{"kind", Attr("loop")}}, {region})[0], "y");
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(b).Build());
  graph.mutable_nodes(0)->mutable_regions(0)->mutable_nodes(0)->set_op("log_");
  EXPECT_THAT(Verify(graph),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("nodes[0] (fusion): regions[0]: nodes[0] (log_): unknown op")));
  graph.mutable_nodes(0)->mutable_regions(0)->mutable_inputs(0)->set_value(77);
  EXPECT_THAT(Verify(graph), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("regions[0]: inputs[0].value")));
}

TEST(Verifier, AFusionMustFitItsRegion) {
  Builder body("body");
  body.Output(body.Apply("neg", {body.Input("a", {chips::F32, {2}}, DATA)}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph region, std::move(body).Build());
  Builder b("outer");
  b.ApplyMulti("fusion", {b.Input("x", {chips::F32, {3}}, DATA)}, {{"kind", Attr("loop")}},
               {region});
  EXPECT_THAT(b.status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("inputs[0]: is f32[3]; must be f32[2] as in its region")));
}

}  // namespace
}  // namespace strata::graph
