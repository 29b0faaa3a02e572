#include "chips/npu/systolic/report.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/npu/systolic/json_line.h"

namespace strata::chips::systolic {
namespace {

// In per cent.
double Utilization(int64_t macs, int64_t cycles, const ArrayShape& array) {
  const double slots =
      static_cast<double>(std::max<int64_t>(cycles, 1)) * static_cast<double>(array.Pes());
  return 100.0 * static_cast<double>(macs) / slots;
}

struct Totals {
  int64_t cycles = 0, stalls = 0, with_prefetch = 0, macs = 0;
  HonestReport honest;
};

Totals SumUp(const TopologyReport& report) {
  Totals totals;
  for (const LayerReport& layer : report.reports) {
    totals.cycles += layer.cycles;
    totals.macs += layer.macs;
  }
  for (const MemoryReport& layer : report.memory) {
    totals.cycles += layer.stall_cycles;
    totals.stalls += layer.stall_cycles;
    totals.with_prefetch += layer.cycles_with_prefetch;
  }
  for (const HonestReport& layer : report.honest) {
    totals.honest.scale_sim_cycles += layer.scale_sim_cycles;
    totals.honest.cycles += layer.cycles;
    totals.honest.saved_double_buffered += layer.saved_double_buffered;
    totals.honest.saved_drain_overlapped += layer.saved_drain_overlapped;
    totals.honest.saved_folds_overlapped += layer.saved_folds_overlapped;
    totals.honest.added_output_drain += layer.added_output_drain;
    totals.honest.added_vector_stage += layer.added_vector_stage;
    totals.honest.vector_pass += layer.vector_pass;
    totals.honest.partial_sums += layer.partial_sums;
  }
  return totals;
}

JsonLine HonestJson(const HonestReport& honest, int64_t macs, const ArrayShape& array) {
  JsonLine line;
  line.Add("cycles", honest.cycles)
      .Add("overall_utilization", Utilization(macs, honest.cycles, array))
      .Add("saved_double_buffered", honest.saved_double_buffered)
      .Add("saved_drain_overlapped", honest.saved_drain_overlapped)
      .Add("saved_folds_overlapped", honest.saved_folds_overlapped)
      .Add("added_output_drain", honest.added_output_drain)
      .Add("added_vector_stage", honest.added_vector_stage)
      .Add("vector_pass_avoided", honest.vector_pass)
      .Add("partial_sums_kept", honest.partial_sums);
  return line;
}

void AddDram(absl::string_view name, absl::string_view verb, const DramTraffic& dram,
             JsonLine* line) {
  line->Add(absl::StrCat(name, "_dram_", verb), dram.words)
      .Add(absl::StrCat(name, "_dram_first_cycle"), dram.first_cycle)
      .Add(absl::StrCat(name, "_dram_last_cycle"), dram.last_cycle)
      .Add(absl::StrCat(name, "_dram_words_per_cycle"), dram.WordsPerCycle());
}

void AddMemory(const MemoryReport& memory, JsonLine* line) {
  line->Add("cycles_with_prefetch", memory.cycles_with_prefetch);
  AddDram("ifmap", "reads", memory.ifmap, line);
  AddDram("filter", "reads", memory.filter, line);
  AddDram("ofmap", "writes", memory.ofmap, line);
}

JsonLine LayerJson(const TopologyReport& report, size_t i) {
  const TopologyLayer& layer = report.layers[i];
  const LayerReport& r = report.reports[i];
  const MemoryReport* memory = report.memory.empty() ? nullptr : &report.memory[i];
  JsonLine line;
  line.Add("layer", static_cast<int64_t>(i))
      .Add("name", layer.name)
      .Add("dataflow", DataflowName(report.dataflow))
      .Add("rows", report.array.rows)
      .Add("columns", report.array.columns)
      .Add("M", layer.gemm.m)
      .Add("N", layer.gemm.n)
      .Add("K", layer.gemm.k)
      .Add("folds", r.mapping.Folds())
      .Add("macs", r.macs)
      .Add("cycles", memory == nullptr ? r.cycles : memory->cycles)
      .Add("stall_cycles", memory == nullptr ? 0 : memory->stall_cycles)
      .Add("overall_utilization",
           memory == nullptr ? r.overall_utilization : memory->overall_utilization)
      .Add("mapping_efficiency", r.mapping_efficiency)
      .Add("compute_utilization", r.compute_utilization)
      .Add("ifmap_sram_reads", r.ifmap_reads)
      .Add("filter_sram_reads", r.filter_reads)
      .Add("ofmap_sram_writes", r.ofmap_writes);
  if (memory != nullptr) AddMemory(*memory, &line);
  return line;
}

constexpr char kReasons[] =
    "interval     cycles from the start of one fold to that of the next\n"
    "buffered     saved: the next fold's operand at rest is loaded into a second register while "
    "this fold computes\n"
    "drain        saved: the last rows' sums fall through the array behind the next fold's first\n"
    "folds        saved: the first column begins the next fold while the last columns end this "
    "one\n"
    "way out      added: outputs leave through the foot of their column (output stationary: R "
    "cycles once;\n"
    "             SCALE-Sim lets every PE write its own), then through the vector unit (1 cycle, "
    "fused)\n"
    "vector pass  not counted by SCALE-Sim: what a vector pass of its own over the outputs would "
    "take\n"
    "Sums of several row folds stay in accumulators at the foot of the array; memory is not "
    "modelled.\n";

void AppendHonestRow(absl::string_view name, const HonestReport& h, std::string* out) {
  absl::StrAppendFormat(out, "%-24.24s %12d %9s %12d %12d %12d %9d %12d %8.2f\n", name, h.cycles,
                        h.interval == 0 ? "" : absl::StrCat(h.interval), h.saved_double_buffered,
                        h.saved_drain_overlapped, h.saved_folds_overlapped, h.Added(),
                        h.vector_pass,
                        static_cast<double>(h.scale_sim_cycles) / static_cast<double>(h.cycles));
}

std::string HonestTable(const TopologyReport& report, const Totals& totals) {
  std::string out = absl::StrFormat("\nhonest mode\n%-24s %12s %9s %12s %12s %12s %9s %12s %8s\n",
                                    "layer", "cycles", "interval", "-buffered", "-drain", "-folds",
                                    "+way out", "vector pass", "speedup");
  for (size_t i = 0; i < report.layers.size(); ++i) {
    AppendHonestRow(report.layers[i].name, report.honest[i], &out);
  }
  AppendHonestRow("total", totals.honest, &out);
  return absl::StrCat(out, "\n", kReasons);
}

std::string MemoryTable(const TopologyReport& report, const Totals& totals) {
  std::string out = absl::StrFormat(
      "\nwith scratchpads and DRAM (words are bytes)\n%-24s %12s %12s %14s %12s %12s %12s\n",
      "layer", "cycles", "stalls", "with prefetch", "ifmap", "filter", "ofmap");
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const MemoryReport& m = report.memory[i];
    absl::StrAppendFormat(&out, "%-24.24s %12d %12d %14d %12d %12d %12d\n", report.layers[i].name,
                          m.cycles, m.stall_cycles, m.cycles_with_prefetch, m.ifmap.words,
                          m.filter.words, m.ofmap.words);
  }
  absl::StrAppendFormat(&out, "%-24s %12d %12d %14d\n", "total", totals.cycles, totals.stalls,
                        totals.with_prefetch);
  return out;
}

}  // namespace

absl::StatusOr<TopologyReport> RunTopology(const Topology& topology, const ArrayShape& array,
                                           Dataflow dataflow,
                                           const std::optional<MemoryConfig>& memory) {
  TopologyReport report{.array = array, .dataflow = dataflow, .layers = topology.layers};
  const auto start = std::chrono::steady_clock::now();
  for (const TopologyLayer& layer : topology.layers) {
    report.reports.push_back(RunLayer(layer.gemm, array, dataflow));
    report.honest.push_back(HonestCycles(layer.gemm, array, dataflow));
    if (!memory) continue;
    STRATA_ASSIGN_OR_RETURN(MemoryReport with_memory, RunMemory(layer, array, dataflow, *memory));
    report.memory.push_back(with_memory);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

std::string JsonReport(const TopologyReport& report, bool honest) {
  std::string out;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    JsonLine line = LayerJson(report, i);
    if (honest)
      line.Add("honest", HonestJson(report.honest[i], report.reports[i].macs, report.array));
    absl::StrAppend(&out, line.Text(), "\n");
  }
  const Totals totals = SumUp(report);
  JsonLine line;
  line.Add("totals", true)
      .Add("layers", static_cast<int64_t>(report.layers.size()))
      .Add("macs", totals.macs)
      .Add("cycles", totals.cycles)
      .Add("stall_cycles", totals.stalls)
      .Add("overall_utilization", Utilization(totals.macs, totals.cycles, report.array))
      .Add("seconds", report.seconds);
  if (!report.memory.empty()) line.Add("cycles_with_prefetch", totals.with_prefetch);
  if (honest) line.Add("honest", HonestJson(totals.honest, totals.macs, report.array));
  return absl::StrCat(out, line.Text(), "\n");
}

std::string TextReport(const TopologyReport& report, bool honest) {
  std::string out =
      absl::StrFormat("%dx%d array, %s dataflow\n%-24s %14s %14s %9s %9s %9s\n", report.array.rows,
                      report.array.columns, DataflowName(report.dataflow), "layer", "macs",
                      "cycles", "overall", "mapping", "compute");
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const LayerReport& r = report.reports[i];
    absl::StrAppendFormat(&out, "%-24.24s %14d %14d %8.2f%% %8.2f%% %8.2f%%\n",
                          report.layers[i].name, r.macs, r.cycles, r.overall_utilization,
                          r.mapping_efficiency, r.compute_utilization);
  }
  const Totals totals = SumUp(report);
  const int64_t cycles = totals.cycles - totals.stalls;
  absl::StrAppendFormat(&out, "%-24s %14d %14d %8.2f%%\n%d layers modelled in %.6f s\n", "total",
                        totals.macs, cycles, Utilization(totals.macs, cycles, report.array),
                        report.layers.size(), report.seconds);
  if (!report.memory.empty()) absl::StrAppend(&out, MemoryTable(report, totals));
  if (honest) absl::StrAppend(&out, HonestTable(report, totals));
  return out;
}

}  // namespace strata::chips::systolic
