// The road from a tuning log to the plan. Times are made up: nothing is measured.
#include "compiler/driver/tuned_products.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/plan_cache.h"
#include "compiler/tune/gemm_tuning.h"
#include "framework/graph/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

const GemmProblem kProblem{.M = 64, .N = 96, .K = 32};
constexpr const char* kConfig = "ROWS=8 VECTORS=2 DEPTH=32 PANELS=2 PACK_B=0";

graph::Graph Product() {
  graph::Builder b("product");
  const graph::ValueId x = b.Input("x", {chips::F32, {64, 32}}, graph::DATA);
  const graph::ValueId w = b.Input("w", {chips::F32, {32, 96}}, graph::PARAMETER);
  b.Output(b.Apply("matmul", {x, w}), "y");
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

// A log with one record of the product: its config's time and the library's.
CompileOptions WithLog(double seconds, double library_seconds) {
  static int count = 0;
  CompileOptions options;
  options.threads = 2;
  options.tuning_log =
      JoinPath(::testing::TempDir(), absl::StrCat("products.", getpid(), ".", count++));
  auto log = tune::TuningLog::Open(options.tuning_log);
  EXPECT_OK(log.status());
  const tune::TuningKey key = tune::GemmTuningKey(kProblem, HostIsa(), options.threads);
  tune::TuningRecord record;
  record.set_task(key.task);
  record.set_cpu(key.cpu);
  record.set_libraries(key.libraries);
  record.set_config(kConfig);
  record.set_cost(seconds);
  record.set_rival_cost(library_seconds);
  record.set_retimed(true);
  EXPECT_OK(log->Append(record));
  return options;
}

std::string ReasonOfProduct(const CompileOptions& options, bool* emitted) {
  auto compiler = CreateCompiler("strata");
  auto plan = (*compiler)->Compile(Product(), chips::Chip(), options);
  EXPECT_OK(plan.status());
  const plan::Step& step = plan->steps(plan->steps_size() - 1);
  *emitted = step.has_launch();
  return step.reason();
}

TEST(TunedProductsTest, TheFasterOneIsChosenAndThePlanSaysSo) {
  bool emitted = false;
  EXPECT_THAT(ReasonOfProduct(WithLog(1e-5, 2e-5), &emitted), HasSubstr("100.0 % faster"));
  EXPECT_TRUE(emitted);
  EXPECT_THAT(ReasonOfProduct(WithLog(2e-5, 1e-5), &emitted), HasSubstr("the library is 100.0 %"));
  EXPECT_FALSE(emitted);
  ReasonOfProduct(CompileOptions(), &emitted);
  EXPECT_FALSE(emitted);
  CompileOptions other = WithLog(1e-5, 2e-5);
  other.threads = 1;  // it was measured with two
  ReasonOfProduct(other, &emitted);
  EXPECT_FALSE(emitted);
}

TEST(TunedProductsTest, WithoutALogThereAreNoRecords) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmRecords none, TunedProducts("", HostIsa(), 0));
  EXPECT_EQ(none, nullptr);
  const std::string missing = JoinPath(::testing::TempDir(), "not there");
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmRecords empty, TunedProducts(missing, HostIsa(), 0));
  EXPECT_FALSE(empty(kProblem).has_value());
}

TEST(TunedProductsTest, WhatIsNoLogIsAnError) {
  CompileOptions options;
  options.tuning_log = JoinPath(::testing::TempDir(), "recipe");
  ASSERT_OK(WriteFileAtomic(options.tuning_log, "flour and water\n"));
  auto compiler = CreateCompiler("strata");
  ASSERT_OK(compiler.status());
  EXPECT_THAT((*compiler)->Compile(Product(), chips::Chip(), options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no tuning log")));
}

TEST(TunedProductsTest, ThePlanCacheSeesWhatTheLogSays) {
  const graph::Graph graph = Product();
  const auto key = [&](const CompileOptions& options) {
    return PlanKey(graph, chips::Chip(), options, "strata");
  };
  const CompileOptions fast = WithLog(1e-5, 2e-5), slow = WithLog(2e-5, 1e-5);
  EXPECT_EQ(key(fast), key(fast));
  EXPECT_NE(key(fast), key(slow));
  EXPECT_NE(key(fast), key(CompileOptions()));
  CompileOptions one = fast;
  one.threads = 1;
  EXPECT_NE(key(fast), key(one));
}

}  // namespace
}  // namespace strata::compiler
