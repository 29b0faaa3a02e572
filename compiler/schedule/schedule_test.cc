// Steps and their text; legality against brute force; random schedules against the naive program.
#include "compiler/schedule/schedule.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/builders.h"
#include "compiler/schedule/interpreter.h"
#include "compiler/schedule/random_schedule.h"
#include "compiler/schedule/sharing.h"
#include "compiler/schedule/test_values.h"

namespace strata::compiler::schedule {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Program> ApplyText(const Program& program, const std::string& text) {
  STRATA_ASSIGN_OR_RETURN(const Schedule schedule, ParseSchedule(text));
  return Apply(program, schedule);
}

TEST(ScheduleTest, EveryStepPrintsAsItParses) {
  const std::string text =
      "split i 14 -> i0 i1\nreorder i1 j k\ntile a b 4 8 -> a0 b0 a1 b1\nfuse i0 j0 -> p\nunroll "
      "i1\n"
      "vectorise j1\nparallel p\ncompute_at T i\ncache_read A at k0 -> Al stack\ncache_write C at "
      "i0 -> acc register\n"
      "pack B at root -> Bp [d1/32, d0, d1/4%8, d1%4:16] scratch\ntensorise k fma\nprefetch B at k "
      "ahead 8\nprefetch B at k ahead 1 of j k0 over i\npad p\nparallel jb jp\nreassociate\n";
  STRATA_ASSERT_OK_AND_ASSIGN(const Schedule schedule, ParseSchedule(text));
  EXPECT_EQ(Print(schedule), text);
}

TEST(ScheduleTest, BadTextIsNamed) {
  for (const auto& [text, message] : std::map<std::string, std::string>{
           {"\nsplit i", "line 2: the line ends before the factor"},
           {"split i 0 -> a b", "'0' is no whole number above 0"},
           {"split i 2 a b", "expected '->', found 'a'"},
           {"spilt i 2 -> a b", "there is no step 'spilt'"},
           {"unroll i j", "'j' is left over"},
           {"pack B at k -> T [d1/0]", "is no digit"},
           {"pack B at k -> T [x]", "is no digit"},
           {"pack B at k -> T d0", "the line ends before"},
           {"cache_read B at k -> T input", "none of scratch, stack, register"},
           {"prefetch B at k ahead 1 of", "the line ends before a loop"},
           {"prefetch B at k ahead 1 at j", "expected 'over', found 'at'"}}) {
    EXPECT_THAT(ParseSchedule(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << text;
  }
}

TEST(ScheduleTest, TiledMatmulReads) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              ApplyText(Matmul({.m = 7, .n = 40, .k = 9}), R"(
    tile i j 4 32 -> i0 j0 i1 j1
    split k 4 -> k0 k1
    reorder j0 k0 i0 k1 i1 j1
    pack B at k0 -> Bp [d1/32, d0, d1%32]
    cache_write C at i0 -> acc
    parallel j0
  )"));
  EXPECT_EQ(Print(program), R"(program matmul_nn
input A f32[7, 9]
input B f32[9, 40]
output C f32[7, 40]
stack Bp f32[1, 4, 32] in k0
register acc f32[4, 32] in i0
parallel j0 < 2 {
  for k0 < 3 {
    for Bp_0 < 1 {
      for Bp_1 < 4 {
        for Bp_2 < 32 {
          Bp[Bp_0, Bp_1, Bp_2] = inside(B[Bp_1 + 4*k0, 32*Bp_0 + Bp_2 + 32*j0], Bp_1 + 4*k0 < 9 and 32*Bp_0 + Bp_2 + 32*j0 < 40)
        }
      }
    }
    for i0 < 2 {
      for acc_load_i1 < 4 {
        for acc_load_j1 < 32 {
          acc[acc_load_i1, acc_load_j1] = 0 if k0 < 1 and acc_load_i1 + 4*i0 < 7 and acc_load_j1 + 32*j0 < 40
          acc[acc_load_i1, acc_load_j1] = C[acc_load_i1 + 4*i0, acc_load_j1 + 32*j0] if k0 >= 1 and acc_load_i1 + 4*i0 < 7 and acc_load_j1 + 32*j0 < 40
        }
      }
      for k1 < 4 {
        for i1 < 4 {
          for j1 < 32 {
            acc[i1, j1] += A[4*i0 + i1, 4*k0 + k1] * Bp[0, k1, j1] if 4*i0 + i1 < 7 and 32*j0 + j1 < 40 and 4*k0 + k1 < 9
          }
        }
      }
      for acc_store_i1 < 4 {
        for acc_store_j1 < 32 {
          C[acc_store_i1 + 4*i0, acc_store_j1 + 32*j0] = acc[acc_store_i1, acc_store_j1] if acc_store_i1 + 4*i0 < 7 and acc_store_j1 + 32*j0 < 40
        }
      }
    }
  }
}
)");
}

TEST(ScheduleTest, StepsThatFitNothingAreRefused) {
  const Program matmul = Matmul({.m = 8, .n = 100, .k = 8});
  for (const auto& [text, message] : std::map<std::string, std::string>{
           {"split x 2 -> a b",
            "step 1 (split x 2 -> a b): there is no loop 'x'; there are: i, j, k"},
           {"split i 2 -> j a", "the name 'j' is taken"},
           {"reorder i k x", "there is no loop 'x'"},
           {"fuse i k -> p", "is not all that loop 'i' holds"},
           {"parallel j", "is inside of 'i'"},
           {"unroll j", "at most 64 are unrolled"},
           {"vectorise i", "is not an innermost loop"},
           {"unroll i\nsplit i 2 -> a b", "is unroll already"},
           {"cache_read D at i -> T", "there is no buffer 'D'"},
           {"cache_read C at k -> T", "'C' is not read in 'k'"},
           {"cache_read B at root -> T stack", "a copy at root is scratch"},
           {"cache_write A at k -> T", "'A' is not written in 'k'"},
           {"pack B at i -> T [d0]", "dim 1 has no digit d1/1"},
           {"pack B at i -> T [d0, d1, d1]", "holds dim 1 again"},
           {"pack B at i -> T [d1/16, d0, d1%16]", "split its loops by that before"},
           {"pack B at i -> T [d0, d1%32]", "dim 1 has no digit d1/32"},
           {"tensorise k magic", "there is no such intrinsic"},
           {"tensorise k fma", "needs a reduction loop"},
           {"reorder k i j\ntensorise k fma", "is no f32 register buffer"},
           {"compute_at C k", "no nest before"}}) {
    const absl::StatusOr<Program> result = ApplyText(matmul, text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(message));
  }
}

TEST(ScheduleTest, TooLargeATileIsRefused) {
  EXPECT_THAT(ApplyText(Matmul({.m = 16, .n = 32, .k = 8}), R"(
                reorder k i j
                split i 16 -> i0 i1
                reorder i0 k i1
                cache_write C at i0 -> acc
                tensorise k fma
              )"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs 35 vector registers")));
}

TEST(LegalityTest, TheWitnessIsTwoIterations) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(R"(program skew
output X f32[10, 10]
for i < 4 {
  for j < 4 {
    X[i + 1, j] = X[i, j + 1] + 1
  }
}
)"));
  EXPECT_THAT(
      ApplyText(program, "reorder j i"),
      StatusIs(
          absl::StatusCode::kFailedPrecondition,
          HasSubstr(
              "X[1, 1] is written by (i=0, j=1) of `X[i + 1, j] = X[i, j + 1] + 1`, then read by "
              "(i=1, j=0); reordered, the second would come before the first")));
  EXPECT_THAT(ApplyText(program, "parallel i"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                         HasSubstr("parallel promises no order")));
  EXPECT_OK(ApplyText(program, "vectorise j"));
}

TEST(LegalityTest, ReductionsChangeOrderOnlyByPermission) {
  const Program matmul = Matmul({.m = 2, .n = 2, .k = 8});
  EXPECT_OK(ApplyText(matmul, "reorder k i j"));
  EXPECT_THAT(
      ApplyText(matmul, "split k 4 -> k0 k1\nreorder k1 k0"),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the step 'reassociate' allows")));
  EXPECT_OK(ApplyText(matmul, "reassociate\nsplit k 4 -> k0 k1\nreorder k1 k0"));
  EXPECT_THAT(ApplyText(matmul, "reassociate\nreorder k i j\nparallel k"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parallel")));
  EXPECT_THAT(ApplyText(matmul, "cache_write C at j -> s\nvectorise k"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("vectorise")));
  EXPECT_OK(ApplyText(matmul, "reassociate\ncache_write C at j -> s\nvectorise k"));
}

TEST(LegalityTest, CopiesSeeNoLaterWrites) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program scan, ParseProgram(R"(program scan
output X f32[9]
for i < 8 {
  X[i + 1] = X[i] + 1
}
)"));
  EXPECT_THAT(
      ApplyText(scan, "cache_read X at root -> T"),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a copy made before both")));
  EXPECT_OK(ApplyText(scan, "cache_read X at i -> T"));
  EXPECT_THAT(ApplyText(scan, "split i 4 -> a b\ncache_read X at a -> T"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("(a=0, b=0)")));
}

TEST(ComputeAtTest, TheProducerMovesAndShrinks) {
  const Program naive = ExpSum(3, 20);
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ApplyText(naive, "compute_at T i2"));
  EXPECT_THAT(Print(program), HasSubstr("stack T f32[1, 20] in i2"));
  Values expected = RandomInputs(naive, 1), actual = expected;
  ASSERT_OK(Interpret(naive, &expected));
  ASSERT_OK(Interpret(program, &actual));
  ExpectEqualValues(expected, actual);
}

TEST(ComputeAtTest, NotPastAWriteOfWhatItReads) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(R"(program update
output X f32[9]
scratch T f32[8]
for i < 8 {
  T[i] = X[i]
}
for k < 8 {
  X[k + 1] = T[k]
}
)"));
  EXPECT_THAT(
      ApplyText(program, "compute_at T k"),
      StatusIs(
          absl::StatusCode::kFailedPrecondition,
          HasSubstr("X[1] is written by (k=0) of `X[k + 1] = T[0]`, then read by (k=1, i=0)")));
}

// ---- brute force: all iterations of a perfect nest, all pairs

struct Event {
  std::vector<int64_t> indices;  // by loop, outer first
  int statement = 0;
  std::set<std::string> reads, writes;  // "X 3"
};

std::vector<Event> EventsOf(const Program& program, const std::vector<int64_t>& extents,
                            const std::vector<Node>& leaf) {
  std::vector<std::string> names;
  for (const Node* node = &program.body[0]; node->is_loop; node = &node->loop.body[0])
    names.push_back(node->loop.name);
  std::vector<Event> events;
  std::vector<int64_t> at(extents.size(), 0);
  const auto element = [&](const Access& access) {
    int64_t value = access.index[0].constant();
    for (size_t l = 0; l < names.size(); ++l)
      value += access.index[0].Coefficient(names[l]) * at[l];
    return absl::StrCat(access.buffer, " ", value);
  };
  for (;;) {
    for (size_t s = 0; s < leaf.size(); ++s) {
      Event event{at, static_cast<int>(s), {}, {}};
      const Statement& statement = leaf[s].statement;
      event.writes.insert(element(statement.target));
      for (const Expr& arg : statement.value.args) {
        if (arg.kind == Expr::Kind::kLoad) event.reads.insert(element(arg.access));
      }
      events.push_back(event);
    }
    size_t l = extents.size();
    while (l > 0 && ++at[l - 1] == extents[l - 1]) at[--l] = 0;
    if (l == 0) return events;
  }
}

bool Conflicts(const Event& a, const Event& b) {
  const auto meet = [](const std::set<std::string>& x, const std::set<std::string>& y) {
    return std::any_of(x.begin(), x.end(), [&](const std::string& e) { return y.count(e) > 0; });
  };
  return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

bool KeepsOrder(const std::vector<Event>& events, const std::vector<size_t>& order) {
  const auto key = [&](const Event& event) {
    std::vector<int64_t> k;
    for (size_t l : order) k.push_back(event.indices[l]);
    k.push_back(event.statement);
    return k;
  };
  for (size_t a = 0; a < events.size(); ++a) {
    for (size_t b = a + 1; b < events.size(); ++b) {
      if (key(events[b]) < key(events[a]) && Conflicts(events[a], events[b])) return false;
    }
  }
  return true;
}

bool IsUnordered(const std::vector<Event>& events, size_t loop) {
  for (const Event& a : events) {
    for (const Event& b : events) {
      bool same_around = true;
      for (size_t l = 0; l < loop; ++l) same_around = same_around && a.indices[l] == b.indices[l];
      if (same_around && a.indices[loop] != b.indices[loop] && Conflicts(a, b)) return false;
    }
  }
  return true;
}

TEST(LegalityTest, AgreesWithBruteForce) {
  std::mt19937 random(7);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  int legal = 0, illegal = 0;
  for (int trial = 0; trial < 120; ++trial) {
    const std::vector<int64_t> extents = {pick(1, 4), pick(1, 4), pick(1, 3)};
    const auto access = [&] {
      const char* buffer = pick(0, 2) == 0 ? "Y" : "X";
      return absl::StrCat(buffer, "[", pick(0, 3), "*i + ", pick(0, 2), "*j + ", pick(0, 2),
                          "*k + ", pick(0, 3), "]");
    };
    std::string text =
        absl::StrCat("program p\noutput X f32[64]\noutput Y f32[64]\nfor i < ", extents[0],
                     " {\nfor j < ", extents[1], " {\nfor k < ", extents[2], " {\n");
    for (int s = pick(1, 2); s > 0; --s)
      absl::StrAppend(&text, access(), " = ", access(), " + ", access(), "\n");
    STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ParseProgram(text + "}\n}\n}\n"));
    SCOPED_TRACE(Print(program));
    const std::vector<Node>& leaf = program.body[0].loop.body[0].loop.body[0].loop.body;
    const std::vector<Event> events = EventsOf(program, extents, leaf);
    const char* names[] = {"i", "j", "k"};
    for (const std::vector<size_t>& order :
         {std::vector<size_t>{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
      const absl::Status status =
          Apply(program, {Reorder{{names[order[0]], names[order[1]], names[order[2]]}}}).status();
      EXPECT_EQ(status.ok(), KeepsOrder(events, order)) << status;
      EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
      ++(status.ok() ? legal : illegal);
    }
    EXPECT_EQ(Apply(program, {Mark{"i", LoopKind::kParallel}}).ok(), IsUnordered(events, 0));
    EXPECT_EQ(Apply(program, {Mark{"k", LoopKind::kVector}}).ok(), IsUnordered(events, 2));
  }
  EXPECT_GT(legal, 50);
  EXPECT_GT(illegal, 50);
}

// ---- random schedules

TEST(RandomScheduleTest, EqualResults) {
  size_t steps = 0;
  for (unsigned seed = 0; seed < 120; ++seed) {
    const Program naive = RandomNaiveProgram(seed);
    const Schedule schedule = RandomSchedule(naive, seed, 12);
    steps += schedule.size();
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", Print(naive), Print(schedule)));
    STRATA_ASSERT_OK_AND_ASSIGN(const Schedule reread, ParseSchedule(Print(schedule)));
    STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Apply(naive, reread));
    STRATA_ASSERT_OK_AND_ASSIGN(const Program again, ParseProgram(Print(program)));
    EXPECT_EQ(Print(again), Print(program));
    const Values inputs = RandomInputs(naive, seed);
    Values expected = inputs, actual = inputs;
    ASSERT_OK(Interpret(naive, &expected));
    ASSERT_OK(Interpret(program, &actual)) << Print(program);
    ExpectEqualValues(expected, actual);
    if (HasFailure()) FAIL() << Print(program);
  }
  EXPECT_GT(steps, 400u);
}

// ---- what a blocked product needs

constexpr char kBlockedColumns[] = R"(
    split j 12 -> jb jr
    split jr 4 -> jp jj
    split k 4 -> k0 kk
    reorder jb k0 i jp kk jj
)";

TEST(ScheduleTest, ParallelBlocksAreSharedOutByPanels) {
  const Program naive = Matmul({.m = 3, .n = 27, .k = 8});
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Program program,
      ApplyText(naive, absl::StrCat(kBlockedColumns, "pack B at k0 -> Bp [d1/4, d0, d1%4]\n",
                                    "parallel jb jp\n")));
  EXPECT_THAT(Print(program), HasSubstr("parallel jb < 3 with jp {\n"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program again, ParseProgram(Print(program)));
  EXPECT_EQ(Print(again), Print(program));
  STRATA_ASSERT_OK_AND_ASSIGN(const Sharing sharing, SharingOf(program.body[0].loop));
  EXPECT_EQ(sharing.block, 3);
  EXPECT_EQ(sharing.extent, 7);  // panels of 4 in 27 columns
  EXPECT_EQ(sharing.loops, (std::set<std::string>{"jp", "Bp_0"}));
}

TEST(ScheduleTest, WhatCannotBeSharedIsRefused) {
  const Program naive = Matmul({.m = 3, .n = 27, .k = 8});
  const auto refused = [&](const std::string& steps, const std::string& message) {
    EXPECT_THAT(ApplyText(naive, absl::StrCat(kBlockedColumns, steps)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << steps;
  };
  refused("parallel jb q", "there is no loop 'q' in it");
  refused("parallel jb k0", "by no 2th of it with a loop of 2");
  refused("parallel jb i", "nothing moves with 'jb' and 'i'");
  refused("unroll jp\nparallel jb jp", "loop 'jp' is not serial");
  refused("parallel jb jp\nunroll jp", "step 6 (unroll jp): 'with': loop 'jp' is not serial");
  refused("parallel jb jp\nsplit jp 2 -> x y", "step 6 (split jp 2 -> x y): 'with'");
  STRATA_ASSERT_OK_AND_ASSIGN(const Program sums, ParseProgram(R"(program sums
input X f32[8]
output Y f32[8]
output Z f32[8]
for a < 2 {
  for b < 4 {
    Y[4*a + b] = X[4*a + b]
  }
  for c < 4 {
    Z[4*a + c] = X[4*a + c]
  }
}
)"));
  EXPECT_THAT(ApplyText(sums, "parallel a b"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("two ranges of it")));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program carried, ParseProgram(R"(program carried
input X f32[8]
output Y f32[8]
for a < 2 {
  for t < 2 {
    for b < 4 {
      Y[4*a + b] += X[4*a - b + 3] first t
    }
  }
}
)"));
  EXPECT_THAT(ApplyText(carried, "parallel a b").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4*a")));
}

TEST(ScheduleTest, ALoopAsksForAShareOfTheNextBlock) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              ApplyText(Matmul({.m = 3, .n = 64, .k = 32}), R"(
    split j 32 -> jb jj
    split k 16 -> k0 kk
    reorder jb k0 i kk jj
    prefetch B at i ahead 1 of jb k0
    split kk 8 -> ks kt
    prefetch B at ks ahead 1 of jb over i
)"));
  const std::string text = Print(program);
  // k0 goes on; or jb does, and k0 begins again.
  EXPECT_THAT(text, HasSubstr("prefetch B[B_fetch_1_kk + 16*k0 + 16, 16*B_fetch_1_jj + 32*jb] if "
                              "16*k0 < 16\n"));
  EXPECT_THAT(text, HasSubstr("prefetch B[B_fetch_0_kk, 16*B_fetch_0_jj + 32*jb + 32] if k0 >= 1 "
                              "and 32*jb < 32\n"));
  // 8 rows of two lines for 3 iterations: 3 rows each.
  EXPECT_THAT(text, HasSubstr("unroll B_fetch_kt < 3 {\n"));
  EXPECT_THAT(text, HasSubstr("prefetch B[B_fetch_kt + 3*i + 16*k0 + 8*ks, 16*B_fetch_jj + 32*jb + "
                              "32] if 32*jb < 32\n"));
  const Program naive = Matmul({.m = 3, .n = 64, .k = 32});
  for (const auto& [step, message] : std::map<std::string, std::string>{
           {"prefetch B at j ahead 1 of k", "'k' is no loop around 'j'"},
           {"prefetch B at k ahead 2 of i j", "only the next iteration"},
           {"prefetch A at k ahead 1 of i over j", ""},
           {"prefetch B at k ahead 1 of i over j", "'B' moves with 'j'"}}) {
    const absl::Status status = ApplyText(naive, step).status();
    EXPECT_EQ(status.ok(), message.empty()) << step;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST(ScheduleTest, PadNeedsFactorsThatAreZero) {
  const Program naive = Matmul({.m = 4, .n = 8, .k = 5, .dtype = chips::BF16});
  const std::string split = "split k 2 -> kw p\n";
  const std::string packs =
      "pack A at root -> Ap [d0, d1/2, d1%2]\npack B at root -> Bp [d1, d0/2, d0%2]\n";
  const std::string whole = absl::StrCat("split i 4 -> i0 i1\n", split, "reorder i0 kw i1 j p\n",
                                         packs, "cache_write C at i0 -> acc\npad p\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const Program padded, ApplyText(naive, whole));
  EXPECT_THAT(Print(padded), HasSubstr("acc[i1, j] += Ap[4*i0 + i1, kw, p] * Bp[j, kw, p]\n"));
  const Values inputs = RandomInputs(naive, 3);
  Values expected = inputs, actual = inputs;
  ASSERT_OK(Interpret(naive, &expected));
  ASSERT_OK(Interpret(padded, &actual));
  ExpectEqualValues(expected, actual);
  EXPECT_THAT(ApplyText(naive, absl::StrCat(split, "pad p")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pack both before")));
}

}  // namespace
}  // namespace strata::compiler::schedule
