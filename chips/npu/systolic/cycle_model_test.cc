#include "chips/npu/systolic/cycle_model.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

using ::testing::HasSubstr;

constexpr char kFolder[] = "chips/npu/systolic/testdata/";
constexpr Dataflow kDataflows[] = {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                   Dataflow::kInputStationary};

double ToDouble(absl::string_view text) {
  double value = -1;
  EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

int64_t ToInt(absl::string_view text) {
  int64_t value = -1;
  EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << text;
  return value;
}

// Every figure, to the last digit that SCALE-Sim prints.
TEST(CycleModel, EqualsScaleSim) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text,
                              ReadFile(absl::StrCat(kFolder, "scalesim_reports.csv")));
  int rows = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    SCOPED_TRACE(std::string(line));
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ' ');
    ASSERT_EQ(cells.size(), 9);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Topology topology,
        ReadTopology(absl::StrCat(kFolder, cells[0], ".csv"), TopologyKind::kAuto));
    STRATA_ASSERT_OK_AND_ASSIGN(const ArrayShape array,
                                ParseArrayShape(absl::StrCat(cells[1], "x", cells[2])));
    STRATA_ASSERT_OK_AND_ASSIGN(const Dataflow dataflow, ParseDataflow(cells[3]));
    const LayerReport report =
        RunLayer(topology.layers.at(static_cast<size_t>(ToInt(cells[4]))).gemm, array, dataflow);
    EXPECT_EQ(report.cycles, ToInt(cells[5]));
    if (cells[6] != "-") {
      EXPECT_EQ(report.overall_utilization, ToDouble(cells[6]));
    }
    EXPECT_EQ(report.mapping_efficiency, ToDouble(cells[7]));
    EXPECT_EQ(report.compute_utilization, ToDouble(cells[8]));
    ++rows;
  }
  EXPECT_EQ(rows, 175);
}

TEST(CycleModel, ShapesOfAMapping) {
  const Mapping mapping =
      MapLayer({.m = 100, .n = 20, .k = 33}, {8, 5}, Dataflow::kInputStationary);
  EXPECT_EQ(mapping.rows, 33);
  EXPECT_EQ(mapping.columns, 100);
  EXPECT_EQ(mapping.time, 20);
  EXPECT_EQ(mapping.row_folds, 5);
  EXPECT_EQ(mapping.column_folds, 20);
}

TEST(CycleModel, OneProductOnOnePe) {
  for (const Dataflow dataflow : kDataflows) {
    const LayerReport report = RunLayer({1, 1, 1}, {1, 1}, dataflow);
    EXPECT_EQ(report.cycles, dataflow == Dataflow::kOutputStationary ? 0 : 1);
    EXPECT_EQ(report.overall_utilization, 100);
    EXPECT_EQ(report.mapping_efficiency, 100);
  }
}

TEST(CycleModel, TrafficIsWhatTheFoldsMove) {
  const Gemm gemm{.m = 7, .n = 9, .k = 10};
  const ArrayShape array{4, 3};
  const LayerReport ws = RunLayer(gemm, array, Dataflow::kWeightStationary);
  EXPECT_EQ(ws.ifmap_reads, 7 * 10 * 3);
  EXPECT_EQ(ws.filter_reads, 9 * 10);
  EXPECT_EQ(ws.ofmap_writes, 7 * 9 * 3);
  const LayerReport os = RunLayer(gemm, array, Dataflow::kOutputStationary);
  EXPECT_EQ(os.ifmap_reads, 7 * 10 * 3);
  EXPECT_EQ(os.filter_reads, 9 * 10 * 2);
  EXPECT_EQ(os.ofmap_writes, 7 * 9);
  const LayerReport is = RunLayer(gemm, array, Dataflow::kInputStationary);
  EXPECT_EQ(is.ifmap_reads, 7 * 10);
  EXPECT_EQ(is.filter_reads, 9 * 10 * 3);
  EXPECT_EQ(is.ofmap_writes, 7 * 9 * 3);
}

// Beyond kMaxSummedFolds equal folds are counted together: the same means but for rounding.
TEST(CycleModel, LargeLayersTakeNoLonger) {
  const Gemm gemm{.m = 3, .n = 4096, .k = 4096};
  const LayerReport summed = RunLayer(gemm, {3, 5}, Dataflow::kWeightStationary);
  ASSERT_LT(summed.mapping.Folds(), kMaxSummedFolds);
  EXPECT_NEAR(summed.mapping_efficiency,
              100.0 * 4096 * 4096 / (15.0 * static_cast<double>(summed.mapping.Folds())), 1e-9);
  const LayerReport huge =
      RunLayer({.m = 1 << 10, .n = 1 << 20, .k = 1 << 20}, {1, 1}, Dataflow::kWeightStationary);
  EXPECT_EQ(huge.cycles, (int64_t{1} << 40) * ((1 << 10) + 1) - 1);
  EXPECT_EQ(huge.mapping_efficiency, 100);
  EXPECT_NEAR(huge.compute_utilization, 100.0 * 1024 / 1025, 1e-9);
}

TEST(CycleModel, BoundsKeepCyclesIn64Bits) {
  const ArrayShape array{kMaxArraySide, kMaxArraySide};
  for (const Dataflow dataflow : kDataflows) {
    for (const Gemm& gemm : {Gemm{kMaxMacs, 1, 1}, Gemm{1, kMaxMacs, 1}, Gemm{1, 1, kMaxMacs}}) {
      EXPECT_GT(RunLayer(gemm, array, dataflow).cycles, 0);
      EXPECT_GT(RunLayer(gemm, {1, kMaxArraySide}, dataflow).cycles, 0);
      EXPECT_GT(RunLayer(gemm, {kMaxArraySide, 1}, dataflow).cycles, 0);
    }
  }
}

TEST(ParseArrayShape, WantsTwoSides) {
  STRATA_ASSERT_OK_AND_ASSIGN(const ArrayShape array, ParseArrayShape("16x128"));
  EXPECT_EQ(array.rows, 16);
  EXPECT_EQ(array.columns, 128);
  for (const char* text : {"", "x", "16", "16x", "0x4", "4x-1", "4x4x4", "4097x1", "4.5x2"}) {
    EXPECT_THAT(ParseArrayShape(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give rows x columns")))
        << text;
  }
}

TEST(ParseDataflow, KnowsItsOwnNames) {
  for (const Dataflow dataflow : kDataflows) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Dataflow parsed, ParseDataflow(DataflowName(dataflow)));
    EXPECT_EQ(parsed, dataflow);
  }
  EXPECT_THAT(ParseDataflow("rs"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give ws, os or is")));
}

}  // namespace
}  // namespace strata::chips::systolic
