#include "compiler/driver/plan_cache.h"

#include <set>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/graph/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

graph::Graph Scaled(double factor, int64_t size) {
  graph::Builder b("scaled");
  const graph::ValueId x = b.Input("x", {chips::F32, {size}}, graph::DATA);
  b.Output(b.Apply("mul", {x, b.Constant(factor, chips::F32)}), "y", graph::SHARDED);
  return std::move(b).Build().value();
}

std::string TestDir(const std::string& name) { return JoinPath(::testing::TempDir(), name); }

TEST(PlanCacheTest, FindsWhatWasPut) {
  const PlanCache cache(TestDir("found"));
  EXPECT_FALSE(cache.Find("0123").has_value()) << "an empty cache";
  plan::Plan plan;
  plan.set_name("p");
  plan.set_arena_bytes(77);
  ASSERT_OK(cache.Put("0123", plan));
  const auto found = cache.Find("0123");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->SerializeAsString(), plan.SerializeAsString());
  EXPECT_FALSE(cache.Find("0124").has_value());
}

TEST(PlanCacheTest, ADamagedEntryIsNotThere) {
  const PlanCache cache(TestDir("damaged"));
  plan::Plan plan;
  plan.set_name("a plan of some length");
  ASSERT_OK(cache.Put("k", plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(cache.PathOf("k")));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    ASSERT_OK(WriteFileAtomic(cache.PathOf("k"), damaged));
    EXPECT_FALSE(cache.Find("k").has_value()) << "byte " << at;
    ASSERT_OK(WriteFileAtomic(cache.PathOf("k"), whole.substr(0, at)));
    EXPECT_FALSE(cache.Find("k").has_value()) << "cut at " << at;
  }
  ASSERT_OK(cache.Put("k", plan));
  EXPECT_TRUE(cache.Find("k").has_value()) << "written again";
}

TEST(PlanCacheTest, TheKeyCoversAllThatThePlanDependsOn) {
  const graph::Graph graph = Scaled(2, 8);
  const chips::Chip chip;
  const CompileOptions plain;
  std::set<std::string> keys = {PlanKey(graph, chip, plain, "strata")};
  EXPECT_EQ(*keys.begin(), PlanKey(graph, chip, plain, "strata"))
      << "not the same from call to call";
  keys.insert(PlanKey(graph, chip, plain, "reference"));
  keys.insert(PlanKey(Scaled(3, 8), chip, plain, "strata"));
  keys.insert(PlanKey(Scaled(2, 9), chip, plain, "strata"));
  chips::Chip other;
  other.set_name("other");
  keys.insert(PlanKey(graph, other, plain, "strata"));
  CompileOptions options = plain;
  options.isa = "generic";
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.device = "npu";
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.skip_passes = {"fusion"};
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.compute_dtype = chips::BF16;
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.gemm = "emitted";
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.memory_budget_bytes = 1 << 20;
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.threads = 3;
  keys.insert(PlanKey(graph, chip, options, "strata"));
  options = plain;
  options.tuning_log = TestDir("tuning.log");
  keys.insert(PlanKey(graph, chip, options, "strata"));  // not there: an empty log, as none
  EXPECT_EQ(keys.size(), 12u);
  for (const std::string text : {"one record", "another"}) {
    ASSERT_OK(WriteFileAtomic(options.tuning_log, text));
    keys.insert(PlanKey(graph, chip, options, "strata"));
  }
  EXPECT_EQ(keys.size(), 14u);
  // A machine by path: its file is part of the chip.
  other.set_npu_machine(TestDir("machine.textproto"));
  for (const std::string text : {"a machine", "another"}) {
    ASSERT_OK(WriteFileAtomic(other.npu_machine(), text));
    keys.insert(PlanKey(graph, other, plain, "strata"));
  }
  EXPECT_EQ(keys.size(), 16u);
}

TEST(PlanCacheTest, AnEntryUnderAnotherNameIsNotThere) {
  const PlanCache cache(TestDir("renamed"));
  plan::Plan plan;
  plan.set_name("p");
  ASSERT_OK(cache.Put("aaaa", plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string entry, ReadFile(cache.PathOf("aaaa")));
  ASSERT_OK(WriteFileAtomic(cache.PathOf("bbbb"), entry));
  EXPECT_FALSE(cache.Find("bbbb").has_value());
}

// What lies in the cache is what is served: here, under the key of one graph, the plan of another.
TEST(PlanCacheTest, ThePlanInTheCacheIsTheOneThatRuns) {
  const std::string dir = TestDir("served");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto compiler, CreateCompiler("strata"));
  const CompileOptions options;
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan marked, compiler->Compile(Scaled(2, 3), {}, options));
  marked.set_name("marked");
  ASSERT_OK(PlanCache(dir).Put(PlanKey(Scaled(2, 3), {}, options, "strata"), marked));
  const auto compile = [&](const CompileOptions& with) {
    return CompileCached(*compiler, "strata", Scaled(2, 3), {}, with, dir);
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan served, compile(options));
  EXPECT_EQ(served.name(), "marked");
  CompileOptions observed;
  observed.observer = [](absl::string_view, bool, const graph::Graph&) {};
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan fresh, compile(observed));
  EXPECT_EQ(fresh.name(), "scaled") << "an observer sees the passes run";
  double recomputed = -1;
  CompileOptions curious;
  curious.recomputed_flops = &recomputed;
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan counted, compile(curious));
  EXPECT_EQ(counted.name(), "scaled");
  EXPECT_EQ(recomputed, 0) << "nobody counted";
}

// A second evaluator takes the plan of the first, and a damaged one is compiled again: the results are the same.
TEST(PlanCacheTest, EvaluatorsShareIt) {
  CompiledEvaluator::Options options;
  options.device_options.cache_dir = TestDir("shared");
  const graph::Graph graph = Scaled(2, 3);
  const PlanCache cache(options.device_options.cache_dir);
  const std::string key = PlanKey(graph, options.chip, options.compile_options, options.compiler);
  for (int run = 0; run < 3; ++run) {
    SCOPED_TRACE(run);
    if (run == 2) {
      ASSERT_OK(WriteFileAtomic(cache.PathOf(key), "damaged"));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator, CompiledEvaluator::Create(options));
    STRATA_ASSERT_OK_AND_ASSIGN(
        const auto outputs,
        evaluator->Evaluate(graph, {graph::HostTensor::FromVector<float>({3}, {1, 2, 3})}));
    EXPECT_EQ(outputs[0].ToDoubles(), (std::vector<double>{2, 4, 6}));
    EXPECT_TRUE(cache.Find(key).has_value());
  }
}

}  // namespace
}  // namespace strata::compiler
