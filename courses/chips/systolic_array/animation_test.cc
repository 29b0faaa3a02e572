// The pictures are the grid: every number in every frame is what formulas of time and place say the register holds,
// and the SVG says what the frames say.
#include "courses/chips/systolic_array/animation.h"

#include <map>
#include <regex>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "courses/lab/svg_plot.h"
#include "courses/lab/well_formed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using chips::systolic::ArrayShape;
using chips::systolic::Dataflow;
using chips::systolic::IntMatrix;

constexpr auto kWs = Dataflow::kWeightStationary;
constexpr auto kOs = Dataflow::kOutputStationary;

IntMatrix Numbers(int64_t rows, int64_t columns, int64_t first) {
  IntMatrix matrix(rows, columns);
  for (int64_t& value : matrix.values) value = first++;
  return matrix;
}

// "row,column kind" -> value.
using Registers = std::map<std::string, int64_t>;

std::string Key(int64_t r, int64_t c, const char* kind) {
  return absl::StrCat(r, ",", c, " ", kind);
}

// Element (row, time) of A enters row k in cycle time + k, and each column is a cycle later; there it
// meets B[k][c], and the sum of B's rows 0 ... k is made.
Registers ExpectedWs(const GridTrace& trace, int64_t cycle) {
  Registers expected;
  const int64_t rows = trace.array.rows, t = cycle - rows;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) {
      // While loading, the last row is in first: B's row sits in r once its way down is over.
      const int64_t from = t >= 0 ? r : rows - 1 - cycle + r;
      const bool loaded = t >= 0 || r <= cycle;
      expected[Key(r, c, "weight")] = loaded ? trace.b.Padded(from, c) : 0;
      const int64_t m = t - r - c;
      if (t < 0 || m < 0 || m >= trace.a.rows) continue;
      expected[Key(r, c, "left")] = trace.a.Padded(m, r);
      int64_t sum = 0;
      for (int64_t k = 0; k <= r; ++k) sum += trace.a.Padded(m, k) * trace.b.Padded(k, c);
      expected[Key(r, c, "sum")] = sum;
    }
  }
  // The foot shows what left the last row.
  for (int64_t c = 0; c < trace.array.columns; ++c) {
    const int64_t m = t - 1 - (rows - 1) - c;
    if (t < 1 || m < 0 || m >= trace.a.rows) continue;
    expected[Key(rows, c, "sum")] = c < trace.product.columns ? trace.product.At(m, c) : 0;
  }
  return expected;
}

Registers ExpectedOs(const GridTrace& trace, int64_t cycle) {
  Registers expected;
  for (int64_t r = 0; r < trace.array.rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) {
      const int64_t now = cycle - r - c;
      int64_t sum = 0;
      for (int64_t k = 0; k <= std::min(now, trace.a.columns - 1); ++k) {
        sum += trace.a.Padded(r, k) * trace.b.Padded(k, c);
      }
      expected[Key(r, c, "sum")] = sum;
      if (now < 0 || now >= trace.a.columns) continue;
      expected[Key(r, c, "left")] = trace.a.Padded(r, now);
      expected[Key(r, c, "above")] = trace.b.Padded(now, c);
    }
  }
  return expected;
}

// The registers that each frame of the SVG shows.
std::vector<Registers> Shown(const std::string& svg) {
  std::vector<Registers> frames;
  const std::regex token(
      "data-cycle=\"(\\d+)\"|data-pe=\"(-?\\d+,-?\\d+)\" data-is=\"(\\w+)\">(-?\\d+)<");
  for (std::sregex_iterator it(svg.begin(), svg.end(), token), end; it != end; ++it) {
    const std::smatch& match = *it;
    if (match[1].matched) {
      EXPECT_EQ(match[1].str(), absl::StrCat(frames.size()));
      frames.emplace_back();
    } else {
      frames.back()[absl::StrCat(match[2].str(), " ", match[3].str())] = std::stoll(match[4].str());
    }
  }
  return frames;
}

TEST(AnimationTest, EveryFrameIsTheGridAtThatCycle) {
  const std::tuple<ArrayShape, int64_t, int64_t, int64_t> cases[] = {{{3, 3}, 3, 3, 3},
                                                                     {{4, 2}, 5, 2, 4},
                                                                     {{2, 4}, 1, 3, 2},
                                                                     {{1, 1}, 1, 1, 1},
                                                                     {{6, 5}, 4, 5, 3}};
  for (const auto& [array, m, n, k] : cases) {
    for (const Dataflow dataflow : {kWs, kOs}) {
      SCOPED_TRACE(absl::StrCat(array.rows, "x", array.columns, " ", m, " ", n, " ", k));
      const int64_t rows = dataflow == kOs ? std::min(m, array.rows) : m;
      STRATA_ASSERT_OK_AND_ASSIGN(
          const GridTrace trace,
          TraceGrid(Numbers(rows, k, 1), Numbers(k, n, -3), array, dataflow));
      const std::vector<Registers> shown = Shown(AnimationSvg(trace, "t"));
      ASSERT_EQ(shown.size(), trace.frames.size() + 1);
      for (size_t cycle = 0; cycle < trace.frames.size(); ++cycle) {
        const int64_t t = static_cast<int64_t>(cycle);
        EXPECT_EQ(shown[cycle], dataflow == kWs ? ExpectedWs(trace, t) : ExpectedOs(trace, t))
            << "cycle " << cycle;
        EXPECT_EQ(Shown(absl::StrCat(
                      "data-cycle=\"0\"",
                      FrameSvg(trace, "t", cycle)
                          .substr(FrameSvg(trace, "t", cycle).find("data-cycle") + 12)))[0],
                  shown[cycle]);
      }
    }
  }
}

TEST(AnimationTest, OutputsAtRestEndAsTheProduct) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GridTrace trace,
                              TraceGrid(Numbers(3, 4, 1), Numbers(4, 3, -3), {3, 3}, kOs));
  const Registers last = Shown(AnimationSvg(trace, "t")).back();
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(last.at(Key(r, c, "sum")), trace.product.At(r, c));
    }
  }
}

TEST(AnimationTest, SvgStandsAloneAndCanBeStopped) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GridTrace trace,
                              TraceGrid(Numbers(3, 3, 1), Numbers(3, 3, 1), {3, 3}, kWs));
  const std::string svg = AnimationSvg(trace, "sa-ws");
  EXPECT_EQ(WellFormedError(StandaloneSvg(svg)), "");
  EXPECT_EQ(
      WellFormedError(absl::StrCat("<div>", Animated({svg}), FilmStrip(trace, "s"), "</div>")), "");
  EXPECT_TRUE(absl::StrContains(svg, "prefers-reduced-motion"));
  EXPECT_TRUE(absl::StrContains(svg, "animation-play-state:paused"));
  EXPECT_TRUE(absl::StrContains(svg, "aria-label=\"Weights at rest: a 3 x 3 array computes"));
  EXPECT_FALSE(absl::StrContains(svg, "<script"));
  EXPECT_FALSE(absl::StrContains(svg, "url("));
}

TEST(AnimationTest, WordsSayWhatIsShown) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GridTrace trace,
                              TraceGrid(Numbers(2, 2, 1), Numbers(2, 2, 1), {2, 2}, kWs));
  EXPECT_THAT(DescribeFrames(trace),
              ::testing::ElementsAre("cycle 1: the weights move down a row, and one row enters",
                                     "cycle 2: the weights move down a row, and one row enters",
                                     "cycle 3: 1 of 4 cells multiply",
                                     "cycle 4: 3 of 4 cells multiply; C[0][0] = 7 is complete",
                                     "cycle 5: 3 of 4 cells multiply; C[1][0] = 15 is complete; "
                                     "C[0][1] = 10 is complete",
                                     "cycle 6: 1 of 4 cells multiply; C[1][1] = 22 is complete"));
}

TEST(AnimationTest, RefusesWhatCannotBeDrawn) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(TraceGrid(Numbers(3, 3, 1), Numbers(3, 3, 1), {7, 3}, kWs),
              StatusIs(kInvalid, ::testing::HasSubstr("too large to draw")));
  EXPECT_THAT(TraceGrid(Numbers(3, 5, 1), Numbers(5, 3, 1), {3, 3}, kWs),
              StatusIs(kInvalid, ::testing::HasSubstr("more than one fold")));
  EXPECT_THAT(TraceGrid(Numbers(3, 3, 1), Numbers(3, 3, 1), {3, 3}, Dataflow::kInputStationary),
              StatusIs(kInvalid, ::testing::HasSubstr("transposes")));
}

}  // namespace
}  // namespace strata::courses
