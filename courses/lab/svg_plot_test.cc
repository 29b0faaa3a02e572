#include "courses/lab/svg_plot.h"

#include <cmath>
#include <limits>

#include "courses/lab/plot_format.h"
#include "courses/lab/svg_gantt.h"
#include "courses/lab/timeline_spans.h"
#include "courses/lab/well_formed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr char kNasty[] = "<&\"'>]]>\x01\xFF\u4E2D";

int Count(const std::string& text, absl::string_view part) {
  int count = 0;
  for (size_t at = text.find(part.data(), 0, part.size()); at != std::string::npos;
       at = text.find(part.data(), at + 1, part.size())) {
    ++count;
  }
  return count;
}

void ExpectSound(const std::string& svg) {
  EXPECT_EQ(WellFormedError(svg), "");
  EXPECT_EQ(WellFormedError(StandaloneSvg(svg)), "");
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, Not(HasSubstr("http://www.w3.org/1999")));
}

TEST(HeatMap, ACellAValue) {
  const std::string svg =
      HeatMapPlot({.title = "bytes", .y = {.unit = "B"}},
                  {{"from 0", kNasty}, {"to 0", "to 1"}, {{2048, 0}, {kNan, 1024}, {1}}});
  ExpectSound(svg);
  EXPECT_EQ(Count(svg, "<rect"), 3);  // neither the NaN nor the row without a name
  EXPECT_THAT(svg, HasSubstr("2 KiB"));
  EXPECT_THAT(svg, HasSubstr("from 0, to 0: 2 KiB"));
  ExpectSound(HeatMapPlot({}, {{"a"}, {"b"}, {{0}}}));
  EXPECT_THAT(HeatMapPlot({.title = "none"}, {}), HasSubstr("no data"));
  ExpectSound(HeatMapPlot({}, {{"a"}, {"b"}, {{kInf}}}));
}

TEST(WellFormed, KnowsGoodFromBad) {
  EXPECT_EQ(WellFormedError("<a b=\"c\"><d/>x &amp; y</a>"), "");
  EXPECT_NE(WellFormedError("<a><b></a></b>"), "");
  EXPECT_NE(WellFormedError("<a>"), "");
  EXPECT_NE(WellFormedError("<a b=c></a>"), "");
  EXPECT_NE(WellFormedError("<a>&nbsp;</a>"), "");
  EXPECT_NE(WellFormedError("<a>\x01</a>"), "");
  EXPECT_NE(WellFormedError("<a b=\"<\"/>"), "");
}

TEST(Format, EscapesAndReplaces) {
  EXPECT_EQ(EscapeXml("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(EscapeXml("\u4E2D\n\t"), "\u4E2D\n\t");
  EXPECT_EQ(EscapeXml(absl::string_view("a\0\x1B\xFF\xE2\x82", 6)), "a\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(EscapeXml(""), "");
}

TEST(Format, SiNumbers) {
  EXPECT_EQ(SiNumber(0, "s"), "0 s");
  EXPECT_EQ(SiNumber(0.00123, "s"), "1.23 ms");
  EXPECT_EQ(SiNumber(-4.5e-7, "s"), "-450 ns");
  EXPECT_EQ(SiNumber(999.99e-6, "s"), "1 ms");
  EXPECT_EQ(SiNumber(4.44e11, "FLOP/s"), "444 GFLOP/s");
  EXPECT_EQ(SiNumber(3 << 20, "B"), "3 MiB");
  EXPECT_EQ(SiNumber(1023, "B"), "1023 B");
  EXPECT_EQ(SiNumber(12.5, "%"), "12.5%");
  EXPECT_EQ(SiNumber(1500), "1500");
  EXPECT_EQ(SiNumber(15000), "15k");
  EXPECT_EQ(SiNumber(0.05), "0.05");
  EXPECT_EQ(SiNumber(2e-5), "2e-5");
  EXPECT_EQ(SiNumber(100), "100");
  EXPECT_EQ(SiNumber(kNan, "s"), "nan");
  EXPECT_EQ(SiNumber(-kInf, "s"), "-inf");
  EXPECT_EQ(SiNumber(1e300, "s"), "1e+300 s");
  EXPECT_EQ(SiNumber(1e-300, "s"), "1e-300 s");
}

TEST(Format, Ticks) {
  EXPECT_THAT(LinearTicks(0, 97, 5), ElementsAre(0, 20, 40, 60, 80));
  EXPECT_THAT(LinearTicks(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_THAT(LinearTicks(0, 100, 3, true), ElementsAre(0, 32, 64, 96));
  EXPECT_THAT(LogTicks(1, 1000, 6), ElementsAre(1, 10, 100, 1000));
  EXPECT_THAT(LogTicks(1, 10, 6), ElementsAre(1, 2, 5, 10));
  EXPECT_GE(LogTicks(0.98, 1.7, 4).size(), 3u);
  EXPECT_THAT(BinaryLogTicks(1000, 5e9, 6),
              ElementsAre(1 << 10, 1 << 15, 1 << 20, 1 << 25, 1 << 30));
  EXPECT_THAT(BinaryLogTicks(3, 20, 6), ElementsAre(4, 8, 16));
  EXPECT_LE(LogTicks(1e-30, 1e30, 5).size(), 6u);
  EXPECT_LE(LinearTicks(1e300, 1.0000001e300, 5).size(), 100u);
}

TEST(Format, FitTextCutsWholeCharacters) {
  EXPECT_EQ(FitText("matmul", 10, 100), "matmul");
  EXPECT_EQ(FitText("matmul", 10, 26), "mat\u2026");
  EXPECT_EQ(FitText("matmul", 10, 12), "");
  EXPECT_EQ(FitText("\u4E2D\u6587\u4E2D\u6587\u4E2D", 10, 26), "\u4E2D\u6587\u4E2D\u2026");
  EXPECT_EQ(FitText("", 10, 0), "");
}

TEST(LinePlot, DrawsEachSeriesAndItsLegend) {
  const std::string svg =
      LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "nats", .log = true}},
               {{.name = "train", .x = {0, 1, 2}, .y = {7, 5, 4}},
                {.name = "held out", .x = {0, 2}, .y = {7, 4.5}, .markers = true}});
  ExpectSound(svg);
  for (const char* part : {">Loss<", ">train<", ">held out<", ">step<", ">nats<",
                           "class=\"line c0\"", "class=\"line c1\"", "held out\n2, 4.5</title>"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
  EXPECT_EQ(svg,
            LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "nats", .log = true}},
                     {{.name = "train", .x = {0, 1, 2}, .y = {7, 5, 4}},
                      {.name = "held out", .x = {0, 2}, .y = {7, 4.5}, .markers = true}}));
}

TEST(LinePlot, OddData) {
  for (const bool log : {false, true}) {
    const PlotOptions options{.title = "odd", .x = {.log = log}, .y = {.log = log}};
    const std::string empty = LinePlot(options, {});
    ExpectSound(empty);
    EXPECT_THAT(empty, HasSubstr("no data"));
    EXPECT_THAT(LinePlot(options, {{.x = {1, kNan, kInf}, .y = {kNan, 1, 2}}}),
                HasSubstr("no data"));
    for (const double value : {1.0, 1e-140, 1e140}) {
      const std::string single = LinePlot(options, {{.x = {value}, .y = {value}}});
      ExpectSound(single);
      EXPECT_EQ(Count(single, "<circle"), 1) << value;
    }
    ExpectSound(LinePlot(options, {{.x = {1, 2, 3}, .y = {5, 5, 5}}}));
    ExpectSound(LinePlot(options, {{.x = {1, 2, 3, 4}, .y = {1, kNan, -kInf, 4}}}));
    ExpectSound(LinePlot(options, {{.x = {1, 2, 3}, .y = {1}}}));  // lengths differ
  }
  EXPECT_THAT(LinePlot({.x = {.log = true}}, {{.x = {0, -1}, .y = {1, 2}}}), HasSubstr("no data"));
  ExpectSound(LinePlot({}, {{.x = {-1e308, -1e150, 1e150}, .y = {1, -1e150, 1e150}}}));
  ExpectSound(LinePlot({}, {{.x = {5e-324, 1}, .y = {5e-324, 5e-324}}}));
  ExpectSound(LinePlot({}, {{.x = {1, 1 + 1e-15}, .y = {1e9, 1e9 + 1e-6}}}));
  EXPECT_THAT(LinePlot({}, {{.x = {1e308}, .y = {1}}}), HasSubstr("no data"));
}

TEST(LinePlot, ManyPointsAreThinnedButKeepTheirExtremes) {
  Series series{.name = "noise"};
  for (int i = 0; i < 100000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 31415 ? 50 : i % 7);
  }
  const std::string svg = LinePlot({}, {series});
  ExpectSound(svg);
  EXPECT_LT(svg.size(), 100000u);
  // The peak is 4 % of half the range below the top edge, alone up there.
  EXPECT_EQ(LinePlot({}, {series}), svg);
  series.y[31415] = 6;
  EXPECT_NE(LinePlot({}, {series}), svg);
}

TEST(ScatterPlot, DiagonalAndShapes) {
  const std::string svg =
      ScatterPlot({.x = {.unit = "s", .log = true}, .y = {.unit = "s", .log = true}},
                  {{.name = "a", .x = {1e-6}, .y = {2e-6}, .labels = {"kernel 7"}},
                   {.name = "b", .x = {1e-3}, .y = {1e-3}}},
                  /*diagonal=*/true);
  ExpectSound(svg);
  EXPECT_THAT(svg, HasSubstr("kernel 7\n1 \u00B5s, 2 \u00B5s"));
  EXPECT_THAT(svg, HasSubstr("class=\"guide\""));
  EXPECT_THAT(svg, HasSubstr("class=\"band\""));
  ExpectSound(ScatterPlot({}, {{.x = {1}, .y = {1}}}, true));
  EXPECT_THAT(ScatterPlot({}, {{.x = {kNan}, .y = {1}}}, true), HasSubstr("no data"));
}

TEST(BarPlot, BothDirections) {
  for (const bool horizontal : {false, true}) {
    const PlotOptions options{.title = "bars",
                              .x = {.unit = horizontal ? "s" : ""},
                              .y = {.unit = horizontal ? "" : "s"}};
    const std::string svg =
        BarPlot(options, {"measured", "predicted"},
                {{"one", {1e-3, 2e-3}}, {"two", {kNan, -1e-3}}, {"three", {}}}, horizontal);
    ExpectSound(svg);
    EXPECT_EQ(Count(svg, "<rect class=\"bar"), 5);  // three values and the legend's two
    EXPECT_THAT(svg, HasSubstr("one\nmeasured: 1 ms"));
    EXPECT_THAT(BarPlot(options, {"a"}, {}, horizontal), HasSubstr("no data"));
    EXPECT_THAT(BarPlot(options, {}, {{"x", {1}}}, horizontal), HasSubstr("no data"));
    ExpectSound(BarPlot(options, {""}, {{"zero", {0}}}, horizontal));
    ExpectSound(BarPlot({.x = {.log = true}, .y = {.log = true}}, {"a"},
                        {{"x", {10}}, {"y", {1000}}}, horizontal));
  }
}

TEST(TimelinePlot, LanesCategoriesAndTooltips) {
  const std::string svg =
      TimelinePlot({.title = "step"}, {{"rank 0", "matmul", "library", 0, 1e-3, "model.cc:1"},
                                       {"rank 1", "reduce", "collective", 5e-4, 2e-3},
                                       {"rank 1", "bad", "host", kNan, 1},
                                       {"rank 1", "bad", "host", 0, -1}});
  ExpectSound(svg);
  EXPECT_THAT(svg, HasSubstr("matmul\n1 ms from 0 s\nlibrary\nmodel.cc:1"));
  EXPECT_THAT(svg, HasSubstr(">rank 1<"));
  EXPECT_THAT(svg, Not(HasSubstr("bad")));
  EXPECT_THAT(TimelinePlot({}, {}), HasSubstr("no data"));
  ExpectSound(TimelinePlot({}, {{"l", "instant", "", 3, 0}}));
}

TEST(TimelinePlot, SpansTooSmallToSeeAreJoined) {
  std::vector<TimelineSpan> spans;
  for (int i = 0; i < 20000; ++i) spans.push_back({"lane", "tiny", "launch", i * 1e-6, 9e-7});
  const std::string svg = TimelinePlot({}, spans);
  ExpectSound(svg);
  EXPECT_LT(Count(svg, "<rect"), 2000);
  EXPECT_THAT(svg, HasSubstr(" more</title>"));
}

TEST(TimelinePlot, FromATimeline) {
  chips::Timeline timeline;
  timeline.add_lanes("stream 0");
  chips::TimelineEvent& event = *timeline.add_events();
  event.set_name("fused");
  event.set_category("launch");
  event.set_start_ns(1000);
  event.set_duration_ns(2000);
  event.set_origin("gpt.cc:7");
  event.set_flops(4e6);
  event.set_bytes(1 << 20);
  event.set_reason("memory");
  timeline.add_events()->set_lane(9);
  const std::vector<TimelineSpan> spans = SpansOf(timeline);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].lane, "stream 0");
  EXPECT_DOUBLE_EQ(spans[0].start, 1e-6);
  EXPECT_DOUBLE_EQ(spans[0].duration, 2e-6);
  EXPECT_EQ(spans[0].detail, "gpt.cc:7\n4 MFLOP (2 TFLOP/s)\n1 MiB (524 GB/s)\nbound by memory");
  EXPECT_EQ(spans[1].lane, "lane 9");
  ExpectSound(TimelinePlot({}, spans));
}

TEST(MemoryPlot, BlocksAndArena) {
  const std::string svg = MemoryPlot({.title = "plan"},
                                     {{"hidden", 0, 4, 0, 1 << 20},
                                      {"scores", 2, 2, 1 << 20, 1 << 20},
                                      {"none", 0, 1, 0, 0},
                                      {"backwards", 3, 1, 0, 64},
                                      {"nowhere", 0, 1, kNan, 64}},
                                     3 << 20);
  ExpectSound(svg);
  EXPECT_EQ(Count(svg, "class=\"memory"), 2);
  EXPECT_THAT(svg, HasSubstr("scores\n1 MiB at 1 MiB\nfrom step 2 to 2"));
  EXPECT_THAT(svg, HasSubstr("arena 3 MiB"));
  EXPECT_THAT(MemoryPlot({}, {}, 0), HasSubstr("no data"));
  ExpectSound(MemoryPlot({}, {{"one", 0, 0, 0, 1}}, kNan));
}

TEST(RooflinePlot, RoofsAndPoints) {
  const std::string svg =
      RooflinePlot({}, {{"host", 444e9, 71e9}, {"broken", 0, kNan}},
                   {{"matmul", 80, 400e9, "measured"}, {"nothing", kNan, 1, "measured"}});
  ExpectSound(svg);
  EXPECT_THAT(svg, HasSubstr("host\n444 GFLOP/s, 71 GB/s"));
  EXPECT_THAT(svg, HasSubstr("matmul\n400 GFLOP/s, 80 for each byte"));
  EXPECT_THAT(svg, Not(HasSubstr("broken")));
  EXPECT_THAT(RooflinePlot({}, {}, {}), HasSubstr("no data"));
  ExpectSound(RooflinePlot({}, {{"roof", 1, 1}}, {}));
  ExpectSound(RooflinePlot({}, {}, {{"point", 1, 1}}));
}

TEST(Plots, AllTextIsEscaped) {
  const PlotOptions options{
      .title = kNasty, .x = {.label = kNasty, .unit = kNasty}, .y = {.label = kNasty}};
  ExpectSound(LinePlot(
      options, {{.name = kNasty, .x = {1, 2}, .y = {1, 2}, .labels = {kNasty}, .markers = true}}));
  ExpectSound(
      ScatterPlot(options, {{.name = kNasty, .x = {1, 2}, .y = {1, 2}, .labels = {kNasty}}}));
  ExpectSound(BarPlot(options, {kNasty, kNasty}, {{kNasty, {1, 2}}}));
  ExpectSound(BarPlot(options, {kNasty, kNasty}, {{kNasty, {1, 2}}}, true));
  ExpectSound(TimelinePlot(options, {{kNasty, kNasty, kNasty, 0, 1, kNasty}}));
  ExpectSound(MemoryPlot(options, {{kNasty, 0, 1, 0, 9}}, 9));
  ExpectSound(RooflinePlot(options, {{kNasty, 1, 1}}, {{kNasty, 1, 1, kNasty}}));
  ExpectSound(LinePlot(options, {}));
}

TEST(Plots, NeedNothingFromOutside) {
  const std::string file = StandaloneSvg(LinePlot({.title = "t"}, {{.x = {1, 2}, .y = {1, 2}}}));
  EXPECT_THAT(file, HasSubstr("prefers-color-scheme: dark"));
  for (const char* part : {"href", "src=", "url(", "@import"})
    EXPECT_THAT(file, Not(HasSubstr(part)));
}

TEST(GanttPlot, CellsLieInTheirLanesAndIdleTimeIsShown) {
  const GanttOptions options = {.title = "a < b",
                                .lanes = {"rank 0", "rank 1"},
                                .end = 9,
                                .length = 12,
                                .legend = {{"forward", 0}, {"back", 2, true}}};
  const std::string svg =
      GanttPlot(options, {{.lane = 0, .start = 0, .duration = 2, .label = "7", .tooltip = "F7"},
                          {.lane = 1,
                           .start = 2,
                           .duration = 4,
                           .label = "8",
                           .colour = 2,
                           .pale = true,
                           .part = GanttPart::kLower},
                          {.lane = 1, .start = 6, .duration = 1e-9, .label = "not drawn"},
                          {.lane = 2, .start = 0, .duration = 1, .tooltip = "no such lane"},
                          {.lane = 0, .start = kNan, .duration = 1, .tooltip = "never"}});
  ExpectSound(svg);
  EXPECT_EQ(Count(svg, "class=\"band\""), 2);
  EXPECT_EQ(Count(svg, "box c0 edged"), 1);
  EXPECT_EQ(Count(svg, "box c2 edged"), 1);
  for (const char* part : {">a &lt; b<", ">7</text>", "<title>F7</title>", ">rank 1<", ">back<"})
    EXPECT_THAT(svg, HasSubstr(part));
  for (const char* part : {"not drawn", "no such lane", "never"})
    EXPECT_THAT(svg, testing::Not(HasSubstr(part)));
  ExpectSound(GanttPlot({}, {}));
}

}  // namespace
}  // namespace strata::courses
