// Emitted kernels against the interpreter, over sizes with remainders, for every instruction set of this machine.
#include "compiler/schedule/emit_c.h"

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"
#include "compiler/schedule/builders.h"
#include "compiler/schedule/program_runner.h"
#include "compiler/schedule/random_schedule.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/test_values.h"

namespace strata::compiler::schedule {
namespace {

using ::testing::HasSubstr;

// The scheduled program, interpreted and run, computes what the naive one does.
void ExpectSame(const Program& naive, const std::string& schedule_text, const std::string& isa) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Schedule schedule, ParseSchedule(schedule_text));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Apply(naive, schedule));
  SCOPED_TRACE(Print(program));
  const Values inputs = RandomInputs(naive, 1);
  Values expected = inputs, interpreted = inputs;
  ASSERT_OK(Interpret(naive, &expected));
  ASSERT_OK(Interpret(program, &interpreted));
  ExpectEqualValues(expected, interpreted);
  STRATA_ASSERT_OK_AND_ASSIGN(const ProgramRunner runner, ProgramRunner::Create(program, isa));
  for (int parts : {1, 2}) {
    Values actual = inputs;
    ASSERT_OK(runner.Run(&actual, parts));
    ExpectEqualValues(expected, actual);
    if (testing::Test::HasFatalFailure()) {
      for (const plan::Kernel& kernel : runner.kernels()) ADD_FAILURE() << kernel.source();
      return;
    }
  }
}

std::vector<std::string> Isas() {
  std::vector<std::string> isas;
  for (const char* isa : {"generic", "avx512_bf16"}) {
    if (HostRuns(isa)) isas.push_back(isa);
  }
  return isas;
}

constexpr char kTiled[] = R"(
  split i 6 -> i0 i1
  split j 32 -> j0 j1
  split k 8 -> k0 k1
  reorder j0 k0 i0 k1 i1 j1
  pack B at k0 -> Bp [d1/32, d0, d1%32]
  cache_write C at i0 -> acc
  tensorise k1 fma
  vectorise Bp_2
  parallel j0
)";

TEST(EmitCTest, TiledMatmulWithRemainders) {
  for (const std::string& isa : Isas()) {
    for (const auto& [m, n, k] : {std::tuple{6, 32, 8}, {13, 70, 19}, {1, 1, 1}}) {
      SCOPED_TRACE(absl::StrCat(m, "x", n, "x", k, " ", isa));
      ExpectSame(Matmul({.m = m, .n = n, .k = k}), kTiled, isa);
    }
  }
}

// The shape of the fastest products: A packed ahead as its own kernel, B packed a block at a time, 14 by 32 in registers.
std::string Blocked(bool transpose_a, bool transpose_b) {
  return absl::StrCat(R"(
    split i 14 -> ip ii
    split j 64 -> jb jr
    split jr 32 -> jp jj
    split k 32 -> k0 kk
    reorder jb k0 ip jp kk ii jj
)",
                      transpose_a ? R"(
    pack A at root -> Ap [d1/14, d0, d1%14:16]
    vectorise Ap_2
)"
                                  : R"(
    pack A at root -> Ap [d0/14, d1, d0%14:16]
    split Ap_1 16 -> Ak Al
    reorder Ak Ap_2 Al
    tensorise Ap_2 transpose
)",
                      transpose_b ? R"(
    pack B at k0 -> Bp [d0/32, d1, d0%32]
    split Bp_1 16 -> Bk Bl
    split Bp_2 16 -> Bg Bn
    reorder Bk Bg Bn Bl
    tensorise Bn transpose
)"
                                  : R"(
    pack B at k0 -> Bp [d1/32, d0, d1%32]
    vectorise Bp_2
)",
                      R"(
    cache_write C at jp -> acc
    tensorise kk fma
    prefetch C at jp ahead 0
    parallel Ap_0
    parallel jb
)");
}

TEST(EmitCTest, BlockedMatmulOfEveryLayout) {
  for (const auto& [ta, tb] :
       {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
    SCOPED_TRACE(absl::StrCat(ta ? "t" : "n", tb ? "t" : "n"));
    ExpectSame(Matmul({.m = 31, .n = 149, .k = 71, .transpose_a = ta, .transpose_b = tb}),
               Blocked(ta, tb), HostIsa());
  }
}

std::string Bf16(bool transpose_b) {
  return absl::StrCat(R"(
    split i 6 -> ip ii
    split j 32 -> jp jj
    split k 2 -> kk p
    split kk 16 -> k0 k1
    reorder jp k0 ip k1 ii jj p
    pack A at root -> Ap [d0/6, d1/2, d0%6:8, d1%2]
)",
                      transpose_b ? R"(
    pack B at k0 -> Bp [d0/32, d1/2, d0%32, d1%2]
    split Bp_1 16 -> Bk Bl
    split Bp_2 16 -> Bg Bn
    reorder Bk Bg Bn Bl Bp_3
    tensorise Bn transpose
)"
                                  : R"(
    pack B at k0 -> Bp [d1/32, d0/2, d1%32, d0%2]
    tensorise Bp_2 interleave
)",
                      R"(
    split Ap_1 16 -> Ak Al
    reorder Ak Ap_2 Al Ap_3
    tensorise Ap_2 transpose
    cache_write C at ip -> acc
    tensorise k1 dot_bf16
    parallel Ap_0
    parallel jp
)");
}

TEST(EmitCTest, Bf16InPairs) {
  for (const std::string& isa : Isas()) {
    for (const bool tb : {false, true}) {
      SCOPED_TRACE(absl::StrCat(tb ? "nt " : "nn ", isa));
      ExpectSame(Matmul({.m = 13, .n = 70, .k = 38, .transpose_b = tb, .dtype = chips::BF16}),
                 Bf16(tb), isa);
    }
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Schedule schedule, ParseSchedule(Bf16(false)));
  EXPECT_FALSE(Apply(Matmul({.m = 12, .n = 64, .k = 31, .dtype = chips::BF16}), schedule).ok());
}

TEST(EmitCTest, ConvolutionAndReductions) {
  const std::string isa = HostIsa();
  for (const int64_t pad : {0, 1}) {
    const Program naive =
        Convolution({.c = 3, .h = 7, .w = 37, .f = 4, .r = 3, .s = 3, .pad = pad});
    ExpectSame(naive, "", isa);
    ExpectSame(naive, "reorder n f h c r s w\nvectorise w\nfuse n f -> p\nparallel p", isa);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Program sums, ParseProgram(R"(program sums
input X f32[5, 300]
output S f32[5]
output M f32[5]
for i < 5 {
  for j < 300 {
    S[i] += X[i, j] first j
  }
}
for i2 < 5 {
  for j2 < 300 {
    M[i2] max= X[i2, j2] first j2
  }
}
)"));
  ExpectSame(sums, R"(
    reassociate
    cache_write S at i -> s
    cache_write M at i2 -> m
    vectorise j
    split j2 37 -> a b
    vectorise b
    parallel i
  )",
             isa);
}

TEST(EmitCTest, RandomSchedules) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Program naive = RandomNaiveProgram(seed);
    const Schedule schedule = RandomSchedule(naive, seed, 14);
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", Print(schedule)));
    ExpectSame(naive, Print(schedule), HostIsa());
    if (HasFailure()) return;
  }
}

TEST(EmitCTest, KernelsAreComplete) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Schedule schedule, ParseSchedule(Blocked(false, false)));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              Apply(Matmul({.m = 31, .n = 149, .k = 71}), schedule));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<plan::Kernel> kernels,
                              EmitC(program, Print(schedule)));
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].parallel_extent(), 3);
  EXPECT_EQ(kernels[1].parallel_extent(), 3);
  EXPECT_THAT(kernels[1].source(), HasSubstr("// tensorise kk fma\n"));
  EXPECT_EQ(kernels[1].loop_nest(), Print(program));
  EXPECT_NE(kernels[0].entry(), kernels[1].entry());
  // One test a tile, not one a row.
  EXPECT_THAT(kernels[1].source(), HasSubstr("if (14 * ip <= 17) {"));
  EXPECT_THAT(kernels[1].source(), HasSubstr("acc_13_1 += "));
}

TEST(EmitCTest, TooLargeAnArrayIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Schedule schedule, ParseSchedule("cache_read B at i -> T"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              Apply(Matmul({.m = 2, .n = 1024, .k = 1024}), schedule));
  EXPECT_THAT(EmitC(program, ""),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("bytes on the stack")));
}

}  // namespace
}  // namespace strata::compiler::schedule
