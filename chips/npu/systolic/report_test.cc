#include "chips/npu/systolic/report.h"

#include "base/status_matchers.h"
#include "chips/npu/systolic/json_line.h"
#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TopologyReport Report() {
  const Topology topology{
      {{.name = "Conv1", .gemm = {3025, 96, 363}}, {.name = "a \"b\"", .gemm = {1, 1, 1}}}};
  TopologyReport report = *RunTopology(topology, {32, 32}, Dataflow::kWeightStationary);
  report.seconds = 0.5;
  return report;
}

TEST(JsonLine, QuotesAndKeepsDigits) {
  JsonLine inner;
  inner.Add("x", 0.1);
  JsonLine line;
  line.Add("s", "a\"\\\n\xc3\x9f").Add("i", int64_t{-3}).Add("b", true).Add("o", inner);
  EXPECT_EQ(line.Text(), R"({"s": "a\"\\\u000a??", "i": -3, "b": true, "o": {"x": 0.1}})");
  EXPECT_EQ(JsonLine().Text(), "{}");
}

TEST(Report, JsonIsALineALayerAndTotals) {
  EXPECT_EQ(
      JsonReport(Report(), /*honest=*/false),
      R"({"layer": 0, "name": "Conv1", "dataflow": "ws", "rows": 32, "columns": 32, "M": 3025, "N": 96, "K": 363, "folds": 36, "macs": 105415200, "cycles": 112283, "stall_cycles": 0, "overall_utilization": 91.68309650614964, "mapping_efficiency": 94.53125, "compute_utilization": 90.78000992063485, "ifmap_sram_reads": 3294225, "filter_sram_reads": 34848, "ofmap_sram_writes": 3484800}
{"layer": 1, "name": "a \"b\"", "dataflow": "ws", "rows": 32, "columns": 32, "M": 1, "N": 1, "K": 1, "folds": 1, "macs": 1, "cycles": 94, "stall_cycles": 0, "overall_utilization": 0.0010388962765957447, "mapping_efficiency": 0.09765625, "compute_utilization": 0.0007750496031746031, "ifmap_sram_reads": 1, "filter_sram_reads": 1, "ofmap_sram_writes": 1}
{"totals": true, "layers": 2, "macs": 105415201, "cycles": 112377, "stall_cycles": 0, "overall_utilization": 91.60640720660145, "seconds": 0.5}
)");
}

TEST(Report, HonestJsonSaysWhereTheCyclesGo) {
  const std::string json = JsonReport(Report(), /*honest=*/true);
  // 36 folds: 35 gaps of 32 (load), 31 (drain) and 31 (skew) cycles.
  EXPECT_THAT(json,
              HasSubstr(R"("honest": {"cycles": 108994, "overall_utilization": 94.44972314989816, )"
                        R"("saved_double_buffered": 1120, )"
                        R"("saved_drain_overlapped": 1085, "saved_folds_overlapped": 1085, )"
                        R"("added_output_drain": 0, "added_vector_stage": 1, )"
                        R"("vector_pass_avoided": 9075, "partial_sums_kept": 3194400}})"));
}

TEST(Report, WithAMemoryCyclesCountItsStalls) {
  const Topology topology = *ParseTopology("L,M,N,K\nx,256,128,256", "x", TopologyKind::kAuto);
  const MemoryConfig memory{MemoryMode::kUser, 65536, 65536, 65536, 10};
  STRATA_ASSERT_OK_AND_ASSIGN(const TopologyReport report,
                              RunTopology(topology, {32, 32}, Dataflow::kInputStationary, memory));
  const std::string json = JsonReport(report, /*honest=*/false);
  EXPECT_THAT(json, HasSubstr(R"("cycles": 19984, "stall_cycles": 5777, )"
                              R"("overall_utilization": 40.99279423538831, )"));
  EXPECT_THAT(json, HasSubstr(R"("cycles_with_prefetch": 29815, "ifmap_dram_reads": )"));
  EXPECT_THAT(json, HasSubstr(R"("cycles": 19984, "stall_cycles": 5777, "overall_utilization")"));
  EXPECT_THAT(TextReport(report, /*honest=*/false),
              HasSubstr("total                           19984         5777          29815\n"));
}

TEST(Report, TextNamesTheReasons) {
  const std::string text = TextReport(Report(), /*honest=*/true);
  EXPECT_THAT(text, StartsWith("32x32 array, ws dataflow\n"));
  EXPECT_THAT(text, HasSubstr("112283    91.68%    94.53%    90.78%\n"));
  EXPECT_THAT(text, HasSubstr("2 layers modelled in 0.500000 s\n"));
  EXPECT_THAT(text, HasSubstr("\nbuffered     saved: the next fold's operand at rest"));
  EXPECT_EQ(TextReport(Report(), /*honest=*/false).find("honest"), std::string::npos);
}

}  // namespace
}  // namespace strata::chips::systolic
