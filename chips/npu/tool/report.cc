#include "chips/npu/tool/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace strata::chips::npu {
namespace {

constexpr const char* kStallNames[kStalls] = {"dispatch", "token", "bank", "dram"};

// Cycles in which a unit neither worked nor had anything left to do.
int64_t Idle(const Simulation& run, const UnitStats& unit) {
  int64_t idle = run.cycles - unit.busy - unit.token_cycles;
  for (const int64_t stall : unit.stalls) idle -= stall;
  return idle;
}

double Percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double TotalPicojoules(const std::vector<EnergyRow>& rows) {
  double sum = 0;
  for (const EnergyRow& row : rows) sum += row.picojoules;
  return sum;
}

std::string UnitTable(const Core& core, const Simulation& run) {
  std::string text =
      absl::StrFormat("%-8s %12s %12s %6s %9s %12s %12s %12s %12s %12s\n", "unit", "instructions",
                      "busy", "%", "tokens", "stall:disp.", "token", "bank", "dram", "idle");
  for (size_t u = 1; u < run.units.size(); ++u) {
    const UnitStats& unit = run.units[u];
    absl::StrAppendFormat(&text, "%-8s %12d %12d %6.1f %9d %12d %12d %12d %12d %12d\n",
                          core.isa().units[u].name, unit.instructions, unit.busy,
                          Percent(unit.busy, run.cycles), unit.token_cycles, unit.stalls[0],
                          unit.stalls[1], unit.stalls[2], unit.stalls[3], Idle(run, unit));
  }
  return text;
}

int64_t Nanoseconds(int64_t cycle, double clock_hz) {
  return static_cast<int64_t>(static_cast<__int128>(cycle) * 1'000'000'000 /
                              static_cast<int64_t>(clock_hz));
}

std::string EventName(const Core& core, const Program& program, size_t index) {
  const Instruction& instruction = program.instructions[index];
  const uint8_t opcode = instruction.row->opcode;
  if (opcode != kWait && opcode != kSignal) return instruction.row->name;
  const auto unit = [&](size_t i) {
    return core.isa().units[static_cast<size_t>(instruction.operands[i].value)].name;
  };
  return absl::StrCat(instruction.row->name, " ", unit(0), " to ", unit(1), " ",
                      instruction.operands[2].value);
}

}  // namespace

std::vector<EnergyRow> Energy(const Core& core, const Simulation& run) {
  std::vector<EnergyRow> rows;
  for (size_t i = 0; i < core.events().size(); ++i) {
    const EventSpec& event = core.events()[i];
    if (run.events[i] == 0) continue;
    rows.push_back(
        {event.name, run.events[i], event.picojoules * static_cast<double>(run.events[i])});
  }
  for (size_t i = 0; i < core.memories().size(); ++i) {
    const MemorySpec& memory = core.memories()[i];
    const int64_t bytes = run.memories[i].read_bytes + run.memories[i].written_bytes;
    if (bytes == 0 || memory.picojoules_per_byte == 0) continue;
    rows.push_back({memory.name, bytes, memory.picojoules_per_byte * static_cast<double>(bytes)});
  }
  return rows;
}

std::string TextReport(const Core& core, const Simulation& run) {
  const double seconds = static_cast<double>(run.cycles) / core.clock_hz();
  const int64_t macs = Macs(core, run);
  std::string text = absl::StrFormat(
      "%d cycles, %.6g s at %.6g Hz; %d instructions dispatched\n%d multiply-adds, %.2f a "
      "cycle\n\n",
      run.cycles, seconds, core.clock_hz(), run.dispatched, macs,
      run.cycles == 0 ? 0.0 : static_cast<double>(macs) / static_cast<double>(run.cycles));
  absl::StrAppend(&text, UnitTable(core, run));
  absl::StrAppendFormat(&text, "\n%-8s %16s %16s\n", "memory", "bytes read", "bytes written");
  for (size_t i = 0; i < run.memories.size(); ++i) {
    if (core.memories()[i].bytes == 0) continue;
    absl::StrAppendFormat(&text, "%-8s %16d %16d\n", core.memories()[i].name,
                          run.memories[i].read_bytes, run.memories[i].written_bytes);
  }
  const std::vector<EnergyRow> energy = Energy(core, run);
  absl::StrAppendFormat(&text, "\n%-20s %16s %14s\n", "energy", "events or bytes", "nanojoules");
  for (const EnergyRow& row : energy) {
    absl::StrAppendFormat(&text, "%-20s %16d %14.3f\n", row.name, row.count, row.picojoules / 1e3);
  }
  absl::StrAppendFormat(&text, "%-20s %16s %14.3f\n", "in all", "", TotalPicojoules(energy) / 1e3);
  return text;
}

std::string JsonReport(const Core& core, const Simulation& run) {
  std::vector<std::string> units, memories, energy;
  for (size_t u = 1; u < run.units.size(); ++u) {
    const UnitStats& unit = run.units[u];
    std::vector<std::string> stalls;
    for (int i = 0; i < kStalls; ++i) {
      stalls.push_back(
          absl::StrFormat("\"%s\": %d", kStallNames[i], unit.stalls[static_cast<size_t>(i)]));
    }
    units.push_back(absl::StrFormat(
        "\"%s\": {\"instructions\": %d, \"busy\": %d, \"token_cycles\": %d, \"stalls\": {%s}, "
        "\"idle\": %d}",
        core.isa().units[u].name, unit.instructions, unit.busy, unit.token_cycles,
        absl::StrJoin(stalls, ", "), Idle(run, unit)));
  }
  for (size_t i = 0; i < run.memories.size(); ++i) {
    memories.push_back(absl::StrFormat("\"%s\": {\"read_bytes\": %d, \"written_bytes\": %d}",
                                       core.memories()[i].name, run.memories[i].read_bytes,
                                       run.memories[i].written_bytes));
  }
  const std::vector<EnergyRow> rows = Energy(core, run);
  for (const EnergyRow& row : rows) {
    energy.push_back(absl::StrFormat("\"%s\": %.6g", row.name, row.picojoules));
  }
  energy.push_back(absl::StrFormat("\"total\": %.6g", TotalPicojoules(rows)));
  return absl::StrFormat(
      "{\"cycles\": %d, \"seconds\": %.9g, \"macs\": %d, \"dispatched\": %d, \"units\": {%s}, "
      "\"memories\": {%s}, \"energy_picojoules\": {%s}}\n",
      run.cycles, static_cast<double>(run.cycles) / core.clock_hz(), Macs(core, run),
      run.dispatched, absl::StrJoin(units, ", "), absl::StrJoin(memories, ", "),
      absl::StrJoin(energy, ", "));
}

Timeline MakeTimeline(const Core& core, const Program& program, const Simulation& run) {
  Timeline timeline;
  timeline.set_version(1);
  timeline.set_name(program.name);
  timeline.set_source(SIMULATED);
  for (size_t u = 1; u < core.isa().units.size(); ++u) {
    timeline.add_lanes(core.isa().units[u].name);
  }
  std::vector<Span> spans = run.spans;
  for (Span& span : spans) {
    if (program.instructions[span.index].row->opcode == kWait) span.start = span.ready;
  }
  // By nanosecond first: cycles may be shorter than one. Spans of one lane stay in their order.
  const auto key = [&](const Span& s) {
    return std::make_pair(Nanoseconds(s.start, core.clock_hz()), s.unit);
  };
  std::stable_sort(spans.begin(), spans.end(),
                   [&](const Span& a, const Span& b) { return key(a) < key(b); });
  for (const Span& span : spans) {
    TimelineEvent* event = timeline.add_events();
    event->set_name(EventName(core, program, span.index));
    event->set_lane(static_cast<uint32_t>(span.unit - 1));
    event->set_start_ns(Nanoseconds(span.start, core.clock_hz()));
    event->set_duration_ns(Nanoseconds(span.end, core.clock_hz()) - event->start_ns());
    event->set_category(core.isa().units[static_cast<size_t>(span.unit)].name);
    event->set_origin(program.Where(span.index));
    event->set_step(-1);
    event->set_flops(2.0 * static_cast<double>(span.macs));
    event->set_bytes(static_cast<double>(span.bytes));
  }
  return timeline;
}

}  // namespace strata::chips::npu
