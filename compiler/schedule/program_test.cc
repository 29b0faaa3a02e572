// The text of programs, their validator, and the interpreter against direct loops.
#include "compiler/schedule/program.h"

#include <algorithm>
#include <cmath>

#include "compiler/schedule/builders.h"
#include "compiler/schedule/interpreter.h"
#include "compiler/schedule/test_values.h"

namespace strata::compiler::schedule {
namespace {

using ::testing::HasSubstr;

constexpr char kMatmul[] = R"(program matmul_nn
input A f32[4, 5]
input B f32[5, 6]
output C f32[4, 6]
for i < 4 {
  for j < 6 {
    for k < 5 {
      C[i, j] += A[i, k] * B[k, j] first k
    }
  }
}
)";

TEST(ProgramTest, MatmulPrints) { EXPECT_EQ(Print(Matmul({.m = 4, .n = 6, .k = 5})), kMatmul); }

TEST(ProgramTest, EveryConstructPrintsAsItParses) {
  const std::string text = R"(program all
input X bf16[8]
output Y f32[8]
output S f32[]
scratch T f32[8]
stack L f32[4] in i0
register R f32[2, 16] in p
parallel p(a < 2, b < 3) {
  R[0, 0] = 1
  Y[a + 2*b] = R[0, 0]
}
for i0 < 2 {
  unroll i1 < 4 {
    prefetch X[4*i0 + i1 + 8]
    prefetch_write Y[i1]
    L[i1] = inside(X[4*i0 + i1 - 1], 4*i0 + i1 >= 1 and i1 < i0 + 3) * (T[i1] - 0.5) / 2
  }
  vector v < 4 as fma {
    Y[4*i0 + v] max= exp(L[v]) + max(-1.5, L[v]) - (L[v] + 2) first v
    S[] += L[-v + 3] if v < 3 and 2*i0 >= 1
  }
}
)";
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(text));
  EXPECT_EQ(Print(program), text);
}

struct Bad {
  const char* from;
  const char* to;
  const char* message;
};

TEST(ProgramTest, FaultsAreNamed) {
  for (const Bad& bad : {
           Bad{"A[i, k] *", "A[i] *", "'A' has 2 dims, not 1"},
           Bad{"B[k, j] first", "B[k, x] first", "'x' is no index"},
           Bad{"B[k, j] first", "D[k, j] first", "no buffer 'D'"},
           Bad{"for j", "for i", "the name is taken"},
           Bad{"C[i, j] +=", "A[i, k] +=", "an input is not written"},
           Bad{"+=", "=", "only an update has a first iteration"},
           Bad{"A[i, k] * B", "cosh(A[i, k]) * B", "'cosh' is no op"},
           Bad{"A[i, k] * B", "exp(A[i, k], 1) * B", "'exp' takes 1 arguments, not 2"},
           Bad{"B f32", "B f64", "must be f32 or bf16"},
           Bad{"output C f32[4, 6]", "stack C f32[4, 6]", "live in a loop"},
           Bad{"output C f32[4, 6]", "stack C f32[4, 6] in q", "'C' lives in loop 'q', not here"},
           Bad{"for k < 5", "for k < -5", "line 7: expected a whole number"},
           Bad{"first k", "if k", "expected '<' or '>='"},
       }) {
    std::string text = kMatmul;
    text.replace(text.find(bad.from), std::string(bad.from).size(), bad.to);
    EXPECT_THAT(ParseProgram(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad.message)));
  }
  const std::string text = kMatmul;
  for (size_t length = 0; length + 2 < text.size();
       ++length) {  // every cut is a fault, none a crash
    EXPECT_FALSE(ParseProgram(text.substr(0, length)).ok() && length > text.find("for")) << length;
  }
}

TEST(InterpreterTest, MatmulOfEveryLayout) {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const auto& [m, n, k] : {std::tuple{3, 4, 5}, {1, 1, 1}, {2, 3, 0}, {0, 3, 2}}) {
        const Program program =
            Matmul({.m = m, .n = n, .k = k, .transpose_a = ta, .transpose_b = tb});
        Values values = RandomInputs(program, 1);
        ASSERT_OK(Interpret(program, &values));
        for (int i = 0; i < m; ++i) {
          for (int j = 0; j < n; ++j) {
            float sum = 0;
            for (int l = 0; l < k; ++l) {
              sum += values["A"][static_cast<size_t>(ta ? l * m + i : i * k + l)] *
                     values["B"][static_cast<size_t>(tb ? j * k + l : l * n + j)];
            }
            EXPECT_EQ(values["C"][static_cast<size_t>(i * n + j)], sum);
          }
        }
      }
    }
  }
}

TEST(InterpreterTest, ConvolutionWithPaddingAndStride) {
  const Program program =
      Convolution({.n = 2, .c = 2, .h = 5, .w = 4, .f = 3, .r = 3, .s = 2, .stride = 2, .pad = 1});
  Values values = RandomInputs(program, 2);
  ASSERT_OK(Interpret(program, &values));
  const auto& x = values["X"];
  const auto& w = values["W"];
  size_t at = 0;
  for (int n = 0; n < 2; ++n) {
    for (int f = 0; f < 3; ++f) {
      for (int h = 0; h < 3; ++h) {
        for (int v = 0; v < 3; ++v) {
          float sum = 0;
          for (int c = 0; c < 2; ++c) {
            for (int r = 0; r < 3; ++r) {
              for (int s = 0; s < 2; ++s) {
                const int row = 2 * h + r - 1, column = 2 * v + s - 1;
                if (row < 0 || row >= 5 || column < 0 || column >= 4) continue;
                sum += x[static_cast<size_t>(((n * 2 + c) * 5 + row) * 4 + column)] *
                       w[static_cast<size_t>(((f * 2 + c) * 3 + r) * 2 + s)];
              }
            }
          }
          EXPECT_EQ(values["Y"][at++], sum);
        }
      }
    }
  }
}

TEST(InterpreterTest, Bf16RoundsWhatIsStored) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(R"(program round
input X f32[1]
output Y bf16[1]
Y[0] = X[0]
)"));
  Values values = {{"X", {1.50390625f}}};
  ASSERT_OK(Interpret(program, &values));
  EXPECT_EQ(values["Y"][0], 1.5f);
}

TEST(InterpreterTest, FaultsAreNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(R"(program far
input X f32[4]
output Y f32[4]
for i < 4 {
  Y[i] = X[i + 1]
}
)"));
  Values values = {{"X", {1, 2, 3, 4}}};
  EXPECT_THAT(Interpret(program, &values),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("X[i + 1]: index 0 is 4, outside [0, 4), at i=3")));
  values = {{"X", {1, 2}}};
  EXPECT_THAT(
      Interpret(program, &values),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'X' has 2 values, its dims make 4")));
  values = {};
  EXPECT_THAT(Interpret(program, &values),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input 'X' has no values")));
}

}  // namespace
}  // namespace strata::compiler::schedule
