#include "chips/npu/systolic/memory_model.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "chips/npu/systolic/operand_stream.h"
#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

using ::testing::HasSubstr;

constexpr char kFolder[] = "chips/npu/systolic/testdata/";
constexpr Dataflow kDataflows[] = {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                   Dataflow::kInputStationary};

int64_t ToInt(absl::string_view text) {
  int64_t value = -1;
  EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << text;
  return value;
}

TopologyLayer Product(int64_t m, int64_t n, int64_t k) {
  const std::string text = absl::StrCat("L,M,N,K\nx,", m, ",", n, ",", k);
  return ParseTopology(text, "x", TopologyKind::kGemm)->layers[0];
}

MemoryConfig Memory(MemoryMode mode, int64_t kib, int64_t bandwidth) {
  return {mode, kib * 1024, kib * 1024, kib * 1024, bandwidth};
}

TEST(MemoryModel, EqualsScaleSim) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text,
                              ReadFile(absl::StrCat(kFolder, "scalesim_memory.csv")));
  int rows = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    SCOPED_TRACE(std::string(line));
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ' ');
    ASSERT_EQ(cells.size(), 12);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Topology topology,
        ReadTopology(absl::StrCat(kFolder, cells[0], ".csv"), TopologyKind::kAuto));
    STRATA_ASSERT_OK_AND_ASSIGN(const ArrayShape array,
                                ParseArrayShape(absl::StrCat(cells[1], "x", cells[2])));
    STRATA_ASSERT_OK_AND_ASSIGN(const Dataflow dataflow, ParseDataflow(cells[3]));
    const MemoryMode mode = cells[4] == "user" ? MemoryMode::kUser : MemoryMode::kCalc;
    STRATA_ASSERT_OK_AND_ASSIGN(
        const MemoryReport report,
        RunMemory(topology.layers.at(static_cast<size_t>(ToInt(cells[7]))), array, dataflow,
                  Memory(mode, ToInt(cells[5]), ToInt(cells[6]))));
    EXPECT_EQ(report.cycles_with_prefetch, ToInt(cells[8]));
    EXPECT_EQ(report.cycles, ToInt(cells[9]));
    EXPECT_EQ(report.stall_cycles, ToInt(cells[10]));
    double overall = 0;
    EXPECT_TRUE(absl::SimpleAtod(cells[11], &overall));
    EXPECT_EQ(report.overall_utilization, overall);
    ++rows;
  }
  EXPECT_EQ(rows, 61);
}

// What fits in half a scratchpad is there before the array starts: nothing stalls.
TEST(MemoryModel, WhatFitsDoesNotStall) {
  const TopologyLayer layer = Product(20, 30, 25);
  for (const Dataflow dataflow : kDataflows) {
    for (const MemoryMode mode : {MemoryMode::kCalc, MemoryMode::kUser}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const MemoryReport report,
                                  RunMemory(layer, {8, 4}, dataflow, Memory(mode, 64, 7)));
      EXPECT_EQ(report.stall_cycles, 0);
      EXPECT_EQ(report.cycles, RunLayer(layer.gemm, {8, 4}, dataflow).cycles);
    }
  }
}

TEST(MemoryModel, MoreBandwidthNeverCostsCyclesHere) {
  const TopologyLayer layer = Product(300, 40, 200);
  for (const Dataflow dataflow : kDataflows) {
    int64_t before = INT64_MAX;
    for (const int64_t bandwidth : {1, 4, 16, 64, 256}) {
      STRATA_ASSERT_OK_AND_ASSIGN(
          const MemoryReport report,
          RunMemory(layer, {16, 16}, dataflow, Memory(MemoryMode::kUser, 8, bandwidth)));
      EXPECT_LE(report.cycles, before) << bandwidth;
      EXPECT_GE(report.cycles, RunLayer(layer.gemm, {16, 16}, dataflow).cycles);
      before = report.cycles;
    }
  }
}

// Over all cycles of all folds the array asks for what RunLayer() counts, and each word of an operand that a
// window covers.
TEST(OperandStream, AsksForEveryWord) {
  const std::string text =
      "n,h,w,fh,fw,c,f,s,Batch\nconv,7,6,3,2,2,5,2,2\n";  // windows hang over the edge
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology topology,
                              ParseTopology(text, "x", TopologyKind::kConvolution));
  for (const TopologyLayer& layer : {Product(7, 5, 9), topology.layers[0]}) {
    for (const Dataflow dataflow : kDataflows) {
      const ArrayShape array{4, 3};
      const OperandStream stream(layer, array, dataflow);
      const Mapping& map = stream.mapping();
      std::set<int64_t> ifmap, filter;
      int64_t ifmap_reads = 0, filter_reads = 0, ofmap_writes = 0;
      for (int64_t c = 0; c < map.column_folds; ++c) {
        for (int64_t r = 0; r < map.row_folds; ++r) {
          for (int64_t cycle = 0; cycle < stream.fold_cycles(); ++cycle) {
            stream.Ifmap(c, r, cycle, [&](int64_t a) { ++ifmap_reads, ifmap.insert(a); });
            stream.Filter(c, r, cycle, [&](int64_t a) { ++filter_reads, filter.insert(a); });
            ofmap_writes += stream.OfmapWords(c, r, cycle);
          }
        }
      }
      const LayerReport report = RunLayer(layer.gemm, array, dataflow);
      EXPECT_EQ(filter_reads, report.filter_reads);
      EXPECT_EQ(ofmap_writes, report.ofmap_writes);
      EXPECT_LE(ifmap_reads, report.ifmap_reads);  // less what hangs over the edge
      if (layer.name == "x") {
        EXPECT_EQ(ifmap_reads, report.ifmap_reads);
      }
      EXPECT_EQ(static_cast<int64_t>(filter.size()), stream.filter_words());
      EXPECT_EQ(static_cast<int64_t>(ifmap.size()), stream.ifmap_words());
      EXPECT_EQ(*ifmap.rbegin(), stream.ifmap_words() - 1);
    }
  }
}

TEST(MemoryModel, RefusesWhatItCannotHold) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  const TopologyLayer layer = Product(2, 2, 2);
  const auto run = [&](const TopologyLayer& of, MemoryConfig memory) {
    return RunMemory(of, {2, 2}, Dataflow::kWeightStationary, memory).status();
  };
  EXPECT_THAT(run(layer, Memory(MemoryMode::kUser, 0, 10)),
              StatusIs(kInvalid, HasSubstr("ifmap_bytes: 0 is outside")));
  EXPECT_THAT(run(layer, Memory(MemoryMode::kUser, 64, 0)),
              StatusIs(kInvalid, HasSubstr("bandwidth: 0 is outside")));
  MemoryConfig odd;
  odd.ofmap_bytes = 2049;
  EXPECT_THAT(run(layer, odd), StatusIs(kInvalid, HasSubstr("give even sizes")));
  EXPECT_THAT(run(Product(1 << 20, 2, 1 << 20), {}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer \"x\": an operand of")));
}

}  // namespace
}  // namespace strata::chips::systolic
