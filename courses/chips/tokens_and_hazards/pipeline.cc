#include "courses/chips/tokens_and_hazards/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/verifier.h"

namespace strata::courses {
namespace {

using chips::npu::Core;
using chips::npu::Machine;
using chips::npu::MemoryImage;
using chips::npu::Program;
using chips::npu::Region;
using chips::npu::Simulation;
using chips::npu::SimulationOptions;

constexpr size_t kDramIndex = 0;  // of the memories of both cores

// C [rows, columns] = int8(A [rows, depth] x W [depth, columns] / 2^shift).
struct Problem {
  int64_t rows, depth, columns;
  int shift;
};

// What each step changes.
using Titles = std::vector<std::pair<const char*, const char*>>;

struct Setup {
  const char* machine;
  const char* title;
  Problem problem;
  Titles versions;
};

const std::vector<Setup>& Setups() {
  static const auto& setups = *new std::vector<Setup>{
      {"edge_16",
       "An array core: tokens",
       {512, 64, 16, 8},
       {{"serial", "one thing at a time: a fence behind each step"},
        {"tokens", "tokens in place of fences, one place of everything"},
        {"two_tiles", "two places for tiles of A"},
        {"two_planes", "two places for tiles, two weight planes"},
        {"two_of_all", "two places of everything"}}},
      {"davinci_like",
       "A core of DaVinci kind: flags",
       {512, 64, 128, 10},
       {{"davinci_serial", "one thing at a time: a fence behind each step"},
        {"davinci_flags", "flags in place of fences, one place of everything"},
        {"davinci_two", "two places of everything"}}}};
  return setups;
}

struct Source {
  const char* name;
  const char* text;
};
constexpr Source kSources[] = {
#include "courses/chips/tokens_and_hazards/programs.inc"
};

constexpr char kDeadlock[] =
    R"(# The product waits for weights, the weights for the product's signal.
.input  A, 0x0, 1024
ld.l1   0, A, 1, 1024, 1024, 1024
signal  load, weights, 0
wait    load, weights, 0
wait    matrix, weights, 0
ldw.i8  0, 0, 16, 16, 16
signal  weights, matrix, 0
wait    weights, matrix, 0
mm.i8   0, 0, 0, 16, 16, 16, 64, 16
signal  matrix, weights, 0
)";

absl::StatusOr<std::string> TextOf(absl::string_view name) {
  for (const Source& source : kSources) {
    if (name == source.name) return std::string(source.text);
  }
  return absl::InternalError(absl::StrCat("no program '", name, "' in the binary"));
}

absl::StatusOr<const Region*> RegionOf(const Program& program, absl::string_view name) {
  for (const Region& region : program.regions) {
    if (region.name == name) return &region;
  }
  return absl::InternalError(absl::StrCat(program.name, ": has no region ", name));
}

int8_t Number(uint64_t i) {
  i = (i + 1) * 0x9e3779b97f4a7c15u;
  return static_cast<int8_t>((i ^ (i >> 29)) >> 24);
}

// The plain loops.
std::vector<int8_t> Expected(const Problem& problem) {
  std::vector<int8_t> c;
  for (int64_t m = 0; m < problem.rows; ++m) {
    for (int64_t n = 0; n < problem.columns; ++n) {
      int64_t sum = 0;
      for (int64_t k = 0; k < problem.depth; ++k) {
        sum += int64_t{Number(static_cast<uint64_t>(m * problem.depth + k))} *
               Number(static_cast<uint64_t>((problem.rows + n) * problem.depth + k));
      }
      const int64_t rounded = (sum + (1 << (problem.shift - 1))) >> problem.shift;
      c.push_back(static_cast<int8_t>(std::clamp<int64_t>(rounded, -128, 127)));
    }
  }
  return c;
}

// A, W (column n behind A's rows, as in Expected()) and, where the program has it, Q: a multiplier a column, then a shift
// a column.
absl::Status Fill(const Program& program, const Problem& problem, std::vector<uint8_t>* dram) {
  STRATA_ASSIGN_OR_RETURN(const Region* a, RegionOf(program, "A"));
  STRATA_ASSIGN_OR_RETURN(const Region* w, RegionOf(program, "W"));
  const auto number = [](int64_t i) {
    return static_cast<uint8_t>(Number(static_cast<uint64_t>(i)));
  };
  for (int64_t i = 0; i < problem.rows * problem.depth; ++i) {
    (*dram)[a->address + static_cast<uint64_t>(i)] = number(i);
  }
  for (int64_t k = 0; k < problem.depth; ++k) {
    for (int64_t n = 0; n < problem.columns; ++n) {
      (*dram)[w->address + static_cast<uint64_t>(k * problem.columns + n)] =
          number((problem.rows + n) * problem.depth + k);
    }
  }
  const absl::StatusOr<const Region*> q = RegionOf(program, "Q");
  if (!q.ok()) return absl::OkStatus();
  const uint64_t half = (*q)->bytes / 2;
  for (uint64_t i = 0; i < half; i += 4) {
    (*dram)[(*q)->address + i] = 1;
    (*dram)[(*q)->address + half + i] = static_cast<uint8_t>(problem.shift);
  }
  return absl::OkStatus();
}

// Runs the program on numbers of its own; counts the elements of C that are wrong.
absl::StatusOr<Simulation> Run(const Core& core, const Problem& problem, const Program& program,
                               int64_t* wrong) {
  STRATA_ASSIGN_OR_RETURN(MemoryImage image, NewImage(core, program));
  STRATA_ASSIGN_OR_RETURN(const Region* c, RegionOf(program, "C"));
  std::vector<uint8_t>& dram = image[kDramIndex];
  STRATA_RETURN_IF_ERROR(Fill(program, problem, &dram));
  SimulationOptions options;
  options.image = &image;
  options.record_spans = true;
  STRATA_ASSIGN_OR_RETURN(Simulation run, Simulate(core, program, options));
  const std::vector<int8_t> expected = Expected(problem);
  *wrong = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    *wrong += static_cast<int8_t>(dram[c->address + i]) != expected[i];
  }
  return run;
}

absl::StatusOr<Version> MakeVersion(const Core& core, const Problem& problem, const char* name,
                                    const char* title) {
  Version version;
  version.name = name;
  version.title = title;
  STRATA_ASSIGN_OR_RETURN(version.text, TextOf(name));
  STRATA_ASSIGN_OR_RETURN(version.program,
                          Assemble(core.isa(), version.text, absl::StrCat(name, ".s")));
  STRATA_RETURN_IF_ERROR(Verify(core, version.program));
  STRATA_ASSIGN_OR_RETURN(version.run, Run(core, problem, version.program, &version.wrong));
  return version;
}

absl::StatusOr<Removal> TakeAway(const Core& core, const Problem& problem, const Version& version,
                                 const std::string& token) {
  Removal removal;
  removal.version = version.name;
  removal.token = token;
  STRATA_ASSIGN_OR_RETURN(
      const Program program,
      Assemble(core.isa(), WithoutToken(version.text, token), absl::StrCat(version.name, ".s")));
  removal.finding = std::string(Verify(core, program).message());
  STRATA_ASSIGN_OR_RETURN(const Simulation run, Run(core, problem, program, &removal.wrong));
  removal.cycles = run.cycles;
  return removal;
}

// The token that a line signals or waits for, as "from, to, index", or its barrier; else empty.
std::string TokenOfLine(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
  if (absl::StartsWith(line, "pipe_barrier ")) return std::string(line);
  const absl::string_view verb = line.substr(0, line.find(' '));
  const absl::string_view verbs[] = {"signal", "wait", "set_flag", "wait_flag"};
  if (std::find(std::begin(verbs), std::end(verbs), verb) == std::end(verbs)) return "";
  std::vector<absl::string_view> parts = absl::StrSplit(line.substr(verb.size()), ',');
  for (absl::string_view& part : parts) part = absl::StripAsciiWhitespace(part);
  return absl::StrJoin(parts, ", ");
}

// The units that have instructions other than tokens, and those among them that move DRAM's bytes.
void SetUnits(Pipeline* pipeline) {
  const Simulation& run = pipeline->versions.back().run;
  for (size_t unit = 1; unit < run.units.size(); ++unit) {
    if (run.units[unit].instructions == 0) continue;
    pipeline->units.push_back(static_cast<int>(unit));
    for (const char* name : {"load", "store", "MTE2", "MTE3"}) {
      if (absl::string_view(pipeline->core->isa().units[unit].name) != name) continue;
      pipeline->dram_cycles += run.units[unit].busy;
    }
  }
}

absl::StatusOr<Pipeline> RunPipeline(const Setup& setup) {
  Pipeline pipeline;
  pipeline.machine = setup.machine;
  pipeline.title = setup.title;
  pipeline.elements = setup.problem.rows * setup.problem.columns;
  STRATA_ASSIGN_OR_RETURN(const Machine machine, chips::npu::FindMachine(setup.machine));
  STRATA_ASSIGN_OR_RETURN(pipeline.core, chips::npu::NewCore(machine));
  for (const auto& [name, title] : setup.versions) {
    STRATA_ASSIGN_OR_RETURN(Version version,
                            MakeVersion(*pipeline.core, setup.problem, name, title));
    pipeline.versions.push_back(std::move(version));
  }
  SetUnits(&pipeline);
  for (const Version& version : pipeline.versions) {
    for (const std::string& token : TokensOf(version.text)) {
      STRATA_ASSIGN_OR_RETURN(Removal removal,
                              TakeAway(*pipeline.core, setup.problem, version, token));
      pipeline.removals.push_back(std::move(removal));
    }
  }
  return pipeline;
}

absl::Status AddDeadlock(Lab* lab) {
  const Core& core = *lab->pipelines.front().core;
  lab->deadlock_text = kDeadlock;
  STRATA_ASSIGN_OR_RETURN(const Program program, Assemble(core.isa(), kDeadlock, "deadlock.s"));
  lab->deadlock_finding = std::string(Verify(core, program).message());
  lab->deadlock_run = Simulate(core, program, {}).status();
  return absl::OkStatus();
}

}  // namespace

std::string WithoutToken(const std::string& text, const std::string& token) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) {
    if (TokenOfLine(line) == token) line = "";
  }
  return absl::StrJoin(lines, "\n");
}

std::vector<std::string> TokensOf(const std::string& text) {
  std::vector<std::string> tokens;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::string token = TokenOfLine(line);
    if (token.empty() || std::find(tokens.begin(), tokens.end(), token) != tokens.end()) continue;
    tokens.push_back(token);
  }
  return tokens;
}

absl::StatusOr<Lab> RunLab() {
  Lab lab;
  for (const Setup& setup : Setups()) {
    STRATA_ASSIGN_OR_RETURN(Pipeline pipeline, RunPipeline(setup));
    lab.pipelines.push_back(std::move(pipeline));
  }
  STRATA_RETURN_IF_ERROR(AddDeadlock(&lab));
  return lab;
}

}  // namespace strata::courses
