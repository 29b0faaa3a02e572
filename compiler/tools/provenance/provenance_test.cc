// Links from model lines to time, and the page that shows them.
#include "compiler/tools/provenance/provenance.h"

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/tools/provenance/page.h"
#include "framework/graph/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

struct Compiled {
  graph::Graph lowered;
  plan::Plan plan;
  Provenance provenance;
};

Compiled Trace(const graph::Graph& graph) {
  Compiled result;
  result.lowered = graph;
  CompileOptions options;
  options.observer = [&](absl::string_view, bool, const graph::Graph& after) {
    result.lowered = after;
  };
  const auto compiler = CreateCompiler("strata");
  const auto chip = chips::FindChip("a100");
  EXPECT_OK(chip.status());
  const auto plan = (*compiler)->Compile(graph, *chip, options);
  EXPECT_OK(plan.status());
  result.plan = *plan;
  const auto provenance = TraceProvenance(result.lowered, result.plan, *chip);
  EXPECT_OK(provenance.status());
  result.provenance = *provenance;
  return result;
}

graph::Graph Small(const std::string& origin) {
  graph::Builder b("small");
  const auto x = b.Input("x", {chips::F32, {4, 32}}, graph::DATA);
  const auto w = b.Input("w", {chips::F32, {32, 8}}, graph::PARAMETER);
  graph::ValueId y, z;
  {
    const auto scope = graph::Builder::Scope::Exactly(b, origin);
    y = b.Apply("matmul", {x, w});
  }
  {
    const auto scope = graph::Builder::Scope::Exactly(b, "act (model.cc:2)");
    z = b.Apply("tanh", {b.Apply("square", {y})});
  }
  b.Output(z, "z", graph::SHARDED);
  return *std::move(b).Build();
}

TEST(ProvenanceTest, LinksLinesNodesStepsAndKernels) {
  const Compiled c = Trace(Small("fc (model.cc:1)"));
  const Provenance& p = c.provenance;
  ASSERT_EQ(p.steps.size(), 2u);
  EXPECT_THAT(p.origins, testing::ElementsAre("fc (model.cc:1)", "act (model.cc:2)"));
  EXPECT_THAT(p.steps[0].origins, testing::ElementsAre(0));
  EXPECT_THAT(p.steps[1].origins, testing::ElementsAre(1));
  EXPECT_EQ(p.steps[1].kind, "launch");
  ASSERT_EQ(p.kernels.size(), 1u);
  EXPECT_EQ(p.steps[1].kernel, 0);
  EXPECT_THAT(p.kernels[0].source, HasSubstr("v_tanh"));
  EXPECT_THAT(p.kernels[0].loop_nest, HasSubstr("tanh"));
  EXPECT_GT(p.steps[0].roofline_ns, 0);
  EXPECT_LT(p.steps[0].measured_ns, 0);
  EXPECT_EQ(p.target.substr(0, 4), "cpu/");
  for (const Provenance::Line& line : p.lines) {
    EXPECT_FALSE(absl::StrContains(line.text, " @ ")) << line.text;
    int step = -1;  // of inputs and braces
    if (absl::StrContains(line.text, "matmul(")) step = 0;
    if (absl::StrContains(line.text, "fusion(")) step = 1;
    if (absl::StrContains(line.text, "    ")) step = 1;  // the region and its end
    if (absl::StartsWith(line.text, "    ") || absl::StrContains(line.text, "(") ||
        absl::StrContains(line.text, "input")) {
      EXPECT_EQ(line.step, step) << line.text;
    }
  }
}

TEST(ProvenanceTest, EveryStepOfATrainingStepIsLinked) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  const Compiled c = Trace(graph);
  const Provenance& p = c.provenance;
  ASSERT_EQ(p.steps.size(), static_cast<size_t>(c.plan.steps_size()));
  std::set<int> with_lines;
  for (const Provenance::Line& line : p.lines) with_lines.insert(line.step);
  for (size_t s = 0; s < p.steps.size(); ++s) {
    // The model does not mark all of its lines, and a fused step knows its parts' origins.
    if (!c.plan.steps(static_cast<int>(s)).origin().empty()) {
      EXPECT_FALSE(p.steps[s].origins.empty()) << p.steps[s].name;
    }
    EXPECT_EQ(with_lines.count(static_cast<int>(s)), 1u) << p.steps[s].name;
    EXPECT_GE(p.steps[s].roofline_ns, 0);
    EXPECT_FALSE(p.steps[s].bound.empty());
  }
}

TEST(ProvenanceTest, MeasuredTimesAreMedians) {
  Compiled c = Trace(Small("fc"));
  std::vector<chips::Timeline> runs(3);
  for (int r = 0; r < 3; ++r) {
    for (int s = 0; s < 2; ++s) {
      chips::TimelineEvent* event = runs[static_cast<size_t>(r)].add_events();
      event->set_step(s);
      event->set_duration_ns(100 * (s + 1) + (r == 1 ? 5000 : r));
    }
  }
  ASSERT_OK(SetMeasured(runs, &c.provenance));
  EXPECT_EQ(c.provenance.runs, 3);
  EXPECT_EQ(c.provenance.steps[0].measured_ns, 102);
  EXPECT_EQ(c.provenance.steps[1].measured_ns, 202);
  runs[0].mutable_events(0)->set_step(9);
  EXPECT_THAT(
      SetMeasured(runs, &c.provenance),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is of step 9; the plan has 2")));
}

TEST(ProvenancePageTest, StandsAloneAndIsSafe) {
  const Compiled c = Trace(Small("evil \"</script><b>\\ \n (a.cc:1)"));
  const std::string page = ProvenancePage(c.provenance);
  EXPECT_EQ(page, ProvenancePage(c.provenance));
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_FALSE(absl::StrContains(page, "http://"));
  EXPECT_FALSE(absl::StrContains(page, "https://"));
  EXPECT_FALSE(absl::StrContains(page, "</script><b>"));
  EXPECT_THAT(page, HasSubstr("evil \\\"\\u003c/script\\u003e\\u003cb\\u003e\\\\ \\n (a.cc:1)"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
}

}  // namespace
}  // namespace strata::compiler
