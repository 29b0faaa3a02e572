#include "courses/chips/tokens_and_hazards/report.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "chips/npu/isa/disassembler.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using chips::npu::Instruction;
using chips::npu::Span;
using chips::npu::Stall;
using chips::npu::UnitStats;

const char* UnitName(const Pipeline& pipeline, int unit) {
  return pipeline.core->isa().units[static_cast<size_t>(unit)].name;
}

Cell Count(int64_t value) {
  Cell cell(absl::StrCat(value));
  cell.sort_by = static_cast<double>(value);
  return cell;
}

int64_t Stalled(const UnitStats& unit, Stall cause) {
  return unit.stalls[static_cast<size_t>(cause)];
}

// What a unit did and what it waited for. All plots end where the serial program does.
std::vector<TimelineSpan> SpansOf(const Pipeline& pipeline, const Version& version) {
  const double second = 1 / pipeline.core->clock_hz();
  std::vector<TimelineSpan> spans = {
      {.lane = UnitName(pipeline, pipeline.units.front()),
       .name = "the serial program ends here",
       .category = "works",
       .start = static_cast<double>(pipeline.versions[0].run.cycles) * second}};
  const auto add = [&](const Span& span, const char* category, int64_t from, int64_t to,
                       const std::string& name) {
    if (to <= from) return;
    spans.push_back({.lane = UnitName(pipeline, span.unit),
                     .name = name,
                     .category = category,
                     .start = static_cast<double>(from) * second,
                     .duration = static_cast<double>(to - from) * second,
                     .detail = version.program.Where(span.index)});
  };
  std::vector<Span> order = version.run.spans;
  std::stable_sort(order.begin(), order.end(),
                   [](const Span& a, const Span& b) { return a.unit < b.unit; });
  for (const Span& span : order) {
    const Instruction& instruction = version.program.instructions[span.index];
    const std::string text = Disassemble(pipeline.core->isa(), instruction);
    if (instruction.row->opcode == chips::npu::kSignal) continue;
    if (chips::npu::IsToken(instruction.row->opcode)) {
      add(span, "waits for a token", span.ready, span.start, text);
      continue;
    }
    add(span, "works", span.start, span.end, instruction.row->name);
    add(span, "waits for DRAM or a bank", span.ready, span.start, text);
  }
  return spans;
}

void AddStalls(const Pipeline& pipeline, const Version& version, Report* report) {
  Table table;
  table.columns = {{"unit"},
                   {"instr.", true},
                   {"works", true},
                   {"tokens", true},
                   {"token wait", true},
                   {"DRAM wait", true},
                   {"bank wait", true},
                   {"empty", true},
                   {"done", true}};
  for (const int unit : pipeline.units) {
    const UnitStats& stats = version.run.units[static_cast<size_t>(unit)];
    int64_t done = version.run.cycles - stats.busy - stats.token_cycles;
    for (const int64_t stall : stats.stalls) done -= stall;
    table.rows.push_back({UnitName(pipeline, unit), Count(stats.instructions), Count(stats.busy),
                          Count(stats.token_cycles), Count(Stalled(stats, Stall::kToken)),
                          Count(Stalled(stats, Stall::kDram)), Count(Stalled(stats, Stall::kBank)),
                          Count(Stalled(stats, Stall::kDispatch)), Count(done)});
  }
  table.caption =
      absl::StrCat("Cycles by cause; each row, works to done, adds up to ", version.run.cycles,
                   ". Tokens: signals and waits themselves; empty: nothing dispatched.");
  report->AddTable(table);
}

std::string Numbered(const std::string& text) {
  std::string out;
  int number = 0;
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const std::string& line : lines) absl::StrAppendFormat(&out, "%4d  %s\n", ++number, line);
  return out;
}

void AddVersion(const Pipeline& pipeline, const Version& version, Report* report) {
  report->AddSubsection(version.title);
  const double times = static_cast<double>(pipeline.versions[0].run.cycles) /
                       static_cast<double>(version.run.cycles);
  report->AddFigure(
      TimelinePlot({.title = absl::StrFormat("%s.s: %d cycles, %.2f times as fast as serial",
                                             version.name, version.run.cycles, times)},
                   SpansOf(pipeline, version)),
      "One cycle is 1 ns; all end where the serial program does. Empty: nothing is in the queue.");
  AddStalls(pipeline, version, report);
  report->BeginDetails(absl::StrCat("The program `", version.name, ".s`"));
  report->AddCode(Numbered(version.text));
  report->EndDetails();
}

std::vector<BarGroup> Cycles(const Pipeline& pipeline) {
  std::vector<BarGroup> groups;
  for (const Version& version : pipeline.versions) {
    groups.push_back({version.name, {static_cast<double>(version.run.cycles)}});
  }
  return groups;
}

std::vector<BarGroup> Shares(const Pipeline& pipeline) {
  std::vector<BarGroup> groups;
  for (const Version& version : pipeline.versions) {
    BarGroup& group = groups.emplace_back(BarGroup{version.name, {}});
    for (const int unit : pipeline.units) {
      const int64_t busy = version.run.units[static_cast<size_t>(unit)].busy;
      group.values.push_back(100 * static_cast<double>(busy) /
                             static_cast<double>(version.run.cycles));
    }
  }
  return groups;
}

void AddRemovals(const Pipeline& pipeline, Report* report) {
  for (const Version& version : pipeline.versions) {
    Table table;
    table.columns = {{"taken away", false, true},
                     {"what the verifier says"},
                     {"cycles", true},
                     {"wrong elements", true}};
    for (const Removal& removal : pipeline.removals) {
      if (removal.version != version.name) continue;
      table.rows.push_back(
          {removal.token, removal.finding, Count(removal.cycles), Count(removal.wrong)});
    }
    if (table.rows.empty()) continue;
    table.caption =
        absl::StrCat(version.name, ".s, ", version.run.cycles, " cycles with all its tokens; ",
                     pipeline.elements, " elements. Line numbers are the program's.");
    const bool first = &version == &pipeline.versions[1];
    report->BeginDetails(absl::StrCat("`", version.name, ".s`: ", table.rows.size(), " taken away"),
                         first);
    report->AddTable(table);
    report->EndDetails();
  }
}

void AddPipeline(const Pipeline& pipeline, Report* report) {
  report->AddSection(pipeline.title);
  if (pipeline.machine == "edge_16") {
    report->AddParagraph(
        "An array core has a queue a unit: load, weights, matrix, vector, store. Each works "
        "through "
        "its queue in order; between queues **nothing** is ordered unless the program says so. A "
        "`fence` orders everything at once. A token orders two queues: `signal` behind what must "
        "be "
        "over, `wait` before what must not begin. Tokens go both ways: forward, the data is there; "
        "back, its place is free again.");
  } else {
    report->AddParagraph(
        "The same with other words: pipes in place of units, `set_flag` and `wait_flag` in place "
        "of "
        "`signal` and `wait`. Data take more steps: MTE2 loads into L1, MTE1 into the fractals "
        "that "
        "the cube reads, the cube leaves its sums in L0C, V takes them to the unified buffer, MTE3 "
        "stores. V does not look for its own results: a `pipe_barrier` stands between two of its "
        "instructions when one reads what the other wrote.");
  }
  report->AddFigure(BarPlot({.title = absl::StrCat("Cycles on ", pipeline.machine),
                             .height = 240,
                             .y = {.label = "cycles"}},
                            {"cycles"}, Cycles(pipeline)),
                    absl::StrCat("DRAM moves bytes in ", pipeline.dram_cycles,
                                 " cycles of each: no order of the same work can be faster."));
  std::vector<std::string> names;
  for (const int unit : pipeline.units) names.push_back(UnitName(pipeline, unit));
  report->AddFigure(BarPlot({.title = "How much of the time a unit works",
                             .height = 280,
                             .y = {.label = "of all cycles", .unit = "%"}},
                            names, Shares(pipeline)));
  for (const Version& version : pipeline.versions) AddVersion(pipeline, version, report);
  report->AddSubsection("Each token taken away");
  report->AddParagraph(
      "All signals and waits of one token are taken out of a program, one token after another. The "
      "verifier runs the queues without time, knows for each byte who touched it last and what "
      "each "
      "unit can know to be over, and names two instructions that nothing orders any more. The "
      "simulator looks for no hazards: it runs such a program, and the result may be wrong, or "
      "right by luck.");
  AddRemovals(pipeline, report);
}

void AddDeadlock(const Lab& lab, Report* report) {
  report->AddSection("A deadlock");
  report->AddCode(Numbered(lab.deadlock_text));
  report->AddParagraph(
      "Weights wait until the matrix unit says that the plane is free; it says so behind its first "
      "product, which waits for the weights. A token that is there at the start (a `signal` before "
      "the first `wait`) breaks the circle: that is what the first lines of `tokens.s` do.");
  report->AddList({absl::StrCat("The verifier: `", lab.deadlock_finding, "`"),
                   absl::StrCat("The simulator: `", std::string(lab.deadlock_run.message()), "`")});
}

}  // namespace

Report MakeReport(const Lab& lab) {
  Report report("Tokens and hazards",
                "Pipelines built by hand on two simulated cores: serial, ordered by tokens, "
                "double-buffered; then with each token missing");
  size_t removals = 0;
  for (const Pipeline& pipeline : lab.pipelines) {
    const int64_t serial = pipeline.versions.front().run.cycles,
                  last = pipeline.versions.back().run.cycles;
    report.AddCard({absl::StrCat(pipeline.machine, ", two places"), absl::StrCat(last, " cycles"),
                    absl::StrFormat("%.2f times as fast as serial, %d; DRAM alone takes %d",
                                    static_cast<double>(serial) / static_cast<double>(last), serial,
                                    pipeline.dram_cycles)});
    removals += pipeline.removals.size();
  }
  report.AddCard({"tokens taken away", absl::StrCat(removals),
                  "each leaves a hazard that the verifier names"});
  for (const Pipeline& pipeline : lab.pipelines) AddPipeline(pipeline, &report);
  AddDeadlock(lab, &report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(lab));
  report.AddSection("Sources");
  report.AddList(
      {"Smith, Decoupled Access/Execute Computer Architectures, ISCA 1982: queues of their own.",
       "Moreau et al., A Hardware-Software Blueprint for Flexible Deep Learning Specialization, "
       "IEEE Micro 2019: tokens between queues.",
       "Liao et al., DaVinci: A Scalable Architecture for Neural Network Computing, Hot Chips 31, "
       "2019: pipes and flags.",
       "Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, CACM 1978: what "
       "one unit can know of another, as the verifier counts it."});
  return report;
}

}  // namespace strata::courses
