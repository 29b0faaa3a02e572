// A config's schedule computes what the product's program does, and its kernels are replayed from their text.
#include "compiler/gemm/loops.h"

#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"
#include "compiler/gemm/emit.h"
#include "compiler/schedule/emit_c.h"
#include "compiler/schedule/program_runner.h"
#include "compiler/schedule/test_values.h"

namespace strata::compiler {
namespace {

using schedule::Values;
using ::testing::HasSubstr;

// bias[j] and residual[i, j] in, the pre-activation and its square out.
GemmEpilogue TwoResults(const GemmProblem& p, bool keeps_product) {
  GemmEpilogue epilogue;
  const std::string program = absl::StrCat(R"(program epilogue
input C f32[)",
                                           p.M, ", ", p.N, R"(]
input bias f32[)",
                                           p.N, R"(]
input ii bf16[)",
                                           p.M, ", ", p.N, R"(]
output before f32[)",
                                           p.M, ", ", p.N, R"(]
output S bf16[)",
                                           p.M, ", ", p.N, R"(]
for i < )",
                                           p.M, " {\n for j < ", p.N, R"( {
  before[i, j] = C[i, j] + bias[j] + ii[i, j]
 }
}
for j1 < )",
                                           p.M, " {\n for j2 < ", p.N, R"( {
  S[j1, j2] = square(before[j1, j2]) - C[j1, j2]
 }
})");
  const absl::StatusOr<schedule::Program> parsed = schedule::ParseProgram(program);
  EXPECT_OK(parsed);
  if (!parsed.ok()) return epilogue;
  const std::vector<schedule::Buffer>& buffers = parsed->buffers;
  epilogue.inputs = {buffers[1], buffers[2]};
  epilogue.outputs = {buffers[3], buffers[4]};
  epilogue.nests = parsed->body;
  epilogue.keeps_product = keeps_product;
  return epilogue;
}

// Small whole numbers: all sums are exact, whatever their order.
void ExpectSame(const GemmProblem& problem, const GemmConfig& config,
                const GemmEpilogue& epilogue) {
  SCOPED_TRACE(absl::StrCat(GemmName(problem), " ", GemmConfigText(config)));
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmLoops loops, GemmLoopsOf(problem, config, epilogue));
  STRATA_ASSERT_OK_AND_ASSIGN(const schedule::Program scheduled,
                              schedule::Apply(loops.program, loops.schedule));
  const Values inputs = schedule::RandomInputs(loops.program, 1);
  Values expected = inputs, interpreted = inputs;
  ASSERT_OK(schedule::Interpret(loops.program, &expected));
  ASSERT_OK(schedule::Interpret(scheduled, &interpreted)) << Print(scheduled);
  schedule::ExpectEqualValues(expected, interpreted);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto runner,
                              schedule::ProgramRunner::Create(scheduled, "avx512"));
  for (int parts : {1, 3}) {  // ranges that do not begin where a block does
    Values actual = inputs;
    ASSERT_OK(runner.Run(&actual, parts));
    schedule::ExpectEqualValues(expected, actual);
  }
}

// M, N, K, with remainders of tiles, vectors, blocks and pairs.
constexpr std::tuple<int64_t, int64_t, int64_t> kSizes[] = {
    {1, 1, 1}, {13, 70, 39}, {12, 96, 32}, {5, 161, 33}};

constexpr GemmConfig kBlocks{.rows = 6, .vectors = 1, .depth = 16, .panels = 4};
constexpr GemmConfig kFirst{
    .rows = 4, .vectors = 2, .depth = 16, .panels = 2, .pack_b_first = true};
constexpr GemmConfig kWhole{.rows = 5, .vectors = 2, .depth = 64, .panels = 3};

TEST(GemmLoopsTest, ComputesTheSame) {
  if (!HostRuns("avx512")) GTEST_SKIP() << "this machine has no AVX-512";
  int number = 0;
  for (const auto& [m, n, k] : kSizes) {
    for (const chips::DType dtype : {chips::F32, chips::BF16}) {
      const int layout = number % 4;
      const GemmProblem problem{.M = m,
                                .N = n,
                                .K = k,
                                .transpose_a = layout % 2 == 1,
                                .transpose_b = layout / 2 == 1,
                                .dtype = dtype};
      ExpectSame(problem, number % 3 == 0 ? kFirst : kBlocks, {});
      ++number;
    }
  }
}

TEST(GemmLoopsTest, NoTermsAreZero) {
  if (!HostRuns("avx512")) GTEST_SKIP() << "this machine has no AVX-512";
  for (const chips::DType result : {chips::F32, chips::BF16}) {
    const GemmProblem problem{.M = 3, .N = 17, .K = 0, .dtype = result, .result = result};
    ExpectSame(problem, kWhole, {});
    ExpectSame(problem, kFirst, {});
    EXPECT_THAT(EmitGemm(problem, kWhole, "avx512", TwoResults(problem, true)),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("no terms")));
  }
}

TEST(GemmLoopsTest, EpiloguesComputeTheSame) {
  if (!HostRuns("avx512")) GTEST_SKIP() << "this machine has no AVX-512";
  int number = 0;
  for (const auto& [m, n, k] : kSizes) {
    for (const chips::DType dtype : {chips::F32, chips::BF16}) {
      const GemmProblem problem{.M = m,
                                .N = n,
                                .K = k,
                                .transpose_b = number % 3 == 1,
                                .dtype = dtype,
                                .result = number % 4 == 1 ? dtype : chips::F32};
      GemmConfig config = kWhole;
      config.pack_b_first = number % 3 == 2;
      ExpectSame(problem, config, TwoResults(problem, number % 2 == 1));
      ++number;
    }
  }
}

TEST(GemmLoopsTest, RowsThatThreadsShareAreTheSame) {
  if (!HostRuns("avx512")) GTEST_SKIP() << "this machine has no AVX-512";
  int number = 0;
  for (const auto& [m, n, k] : kSizes) {
    for (const chips::DType dtype : {chips::F32, chips::BF16}) {
      const GemmProblem problem{
          .M = m, .N = n, .K = k, .transpose_a = number % 2 == 0, .dtype = dtype};
      GemmConfig config = kWhole;
      config.panels = 2;
      config.pack_b_first = config.by_rows = true;
      ExpectSame(problem, config, TwoResults(problem, number % 3 == 1));
      EXPECT_THAT(EmitGemm(problem, config, "avx512"),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nothing follows")));
      ++number;
    }
  }
}

TEST(GemmLoopsTest, KernelsAreReplayed) {
  for (const chips::DType dtype : {chips::F32, chips::BF16}) {
    for (const GemmConfig& config : {kWhole, kFirst}) {
      const GemmProblem problem{.M = 13, .N = 70, .K = 15, .dtype = dtype};
      STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm gemm,
                                  EmitGemm(problem, config, "avx512", TwoResults(problem, true)));
      std::vector<plan::Kernel> kernels = {gemm.pack_a, gemm.multiply};
      if (gemm.pack_b) kernels.push_back(*gemm.pack_b);
      for (const plan::Kernel& kernel : kernels) {
        STRATA_ASSERT_OK_AND_ASSIGN(const plan::Kernel again,
                                    schedule::EmitRecipe(kernel.schedule()));
        EXPECT_EQ(again.source(), kernel.source());
        EXPECT_EQ(again.entry(), kernel.entry());
        EXPECT_EQ(again.parallel_extent(), kernel.parallel_extent());
        EXPECT_EQ(again.schedule(), kernel.schedule());
      }
    }
  }
}

TEST(GemmLoopsTest, ADamagedRecipeIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm gemm,
                              EmitGemm({.M = 3, .N = 4, .K = 5}, kWhole, "avx512"));
  const std::string text = gemm.multiply.schedule();
  for (const auto& [from, to, message] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"\nschedule\n", "\n", "no line \"schedule\""},
           {"kernel k_gemm", "colonel k_gemm", "the last line is 'colonel"},
           {"split i 5", "split i x", "schedule: line 1: the factor: 'x'"},
           {"split i 5", "split q 5", "there is no loop 'q'"},
           {"C[i, j] +=", "C[i, j] %=", "recipe: program: line"},
           {"nest 1", "nest 7", "nest 7 is outside [0, 2)"},
           {"buffers Ap B C", "buffers Ap C", "touches 'B'"}}) {
    const std::string damaged = absl::StrReplaceAll(text, {{from, to}});
    ASSERT_NE(damaged, text) << from;
    const absl::Status status = schedule::EmitRecipe(damaged).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST(GemmLoopsTest, EpiloguesThatBreakTheRulesAreNamed) {
  const GemmProblem problem{.M = 6, .N = 8, .K = 10};
  const auto fault = [&](const std::function<void(GemmEpilogue*)>& change) {
    GemmEpilogue epilogue = TwoResults(problem, true);
    change(&epilogue);
    const absl::Status status = EmitGemm(problem, kWhole, "avx512", epilogue).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  const auto statement = [](GemmEpilogue* e) -> schedule::Statement& {
    return e->nests[0].loop.body[0].loop.body[0].statement;
  };
  EXPECT_THAT(fault([](GemmEpilogue* e) { e->inputs[0].name = "A"; }), HasSubstr("'A' is taken"));
  EXPECT_THAT(fault([](GemmEpilogue* e) { e->inputs.pop_back(); }), HasSubstr("reads 'ii', which"));
  EXPECT_THAT(fault([](GemmEpilogue* e) {
                e->outputs[0].dims = {8, 6};
              }),
              HasSubstr("'before' is not [6, 8]"));
  EXPECT_THAT(fault([](GemmEpilogue* e) { e->nests.pop_back(); }), HasSubstr("'S' is not written"));
  EXPECT_THAT(fault([](GemmEpilogue* e) { std::swap(e->nests[0], e->nests[1]); }),
              HasSubstr("nests[0]: epilogue: reads 'before' before"));
  EXPECT_THAT(fault([](GemmEpilogue* e) { e->nests[0].loop.dims[0].extent = 5; }),
              HasSubstr("not over 6 and 8"));
  EXPECT_THAT(fault([&](GemmEpilogue* e) { statement(e).update = schedule::Update::kAdd; }),
              HasSubstr("no assignment"));
  EXPECT_THAT(fault([&](GemmEpilogue* e) { statement(e).target.index[0] += 1; }),
              HasSubstr("at another element"));
  GemmConfig shallow = kWhole;
  shallow.depth = 8;
  EXPECT_THAT(EmitGemm(problem, shallow, "avx512", TwoResults(problem, true)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("an epilogue needs whole")));
}

}  // namespace
}  // namespace strata::compiler
