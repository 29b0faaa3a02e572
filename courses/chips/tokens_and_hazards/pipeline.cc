#include "courses/chips/tokens_and_hazards/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"
#include "chips/npu/sim/verifier.h"

namespace strata::courses {
namespace {

using chips::npu::Core;
using chips::npu::MemoryImage;
using chips::npu::Program;
using chips::npu::Region;
using chips::npu::Simulation;
using chips::npu::SimulationOptions;

constexpr int64_t kRows = 512, kDepth = 64, kColumns = 16, kShift = 8;

struct Source {
  const char* name;
  const char* text;
};
constexpr Source kSources[] = {
#include "courses/chips/tokens_and_hazards/programs.inc"
};

// What each step changes.
constexpr std::pair<const char*, const char*> kVersions[] = {
    {"serial", "one thing at a time: a fence behind each step"},
    {"tokens", "tokens in place of fences, one place of everything"},
    {"two_tiles", "two places for tiles of A"},
    {"two_planes", "two places for tiles, two weight planes"},
    {"two_of_all", "two places of everything"},
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
std::vector<int8_t> Expected() {
  std::vector<int8_t> c;
  for (int64_t m = 0; m < kRows; ++m) {
    for (int64_t n = 0; n < kColumns; ++n) {
      int64_t sum = 0;
      for (int64_t k = 0; k < kDepth; ++k) {
        sum += int64_t{Number(static_cast<uint64_t>(m * kDepth + k))} *
               Number(static_cast<uint64_t>(kRows * kDepth + k * kColumns + n));
      }
      const int64_t rounded = (sum + (1 << (kShift - 1))) >> kShift;
      c.push_back(static_cast<int8_t>(std::clamp<int64_t>(rounded, -128, 127)));
    }
  }
  return c;
}

// Runs the program on numbers of its own; counts the elements of C that are wrong.
absl::StatusOr<Simulation> Run(const Core& core, const Program& program, int64_t* wrong) {
  STRATA_ASSIGN_OR_RETURN(MemoryImage image, NewImage(core, program));
  STRATA_ASSIGN_OR_RETURN(const Region* a, RegionOf(program, "A"));
  STRATA_ASSIGN_OR_RETURN(const Region* w, RegionOf(program, "W"));
  STRATA_ASSIGN_OR_RETURN(const Region* c, RegionOf(program, "C"));
  std::vector<uint8_t>& dram = image[chips::npu::kDram];
  uint64_t next = 0;
  for (const Region* region : {a, w}) {
    for (uint64_t i = 0; i < region->bytes; ++i) {
      dram[region->address + i] = static_cast<uint8_t>(Number(next++));
    }
  }
  SimulationOptions options;
  options.image = &image;
  options.record_spans = true;
  STRATA_ASSIGN_OR_RETURN(Simulation run, Simulate(core, program, options));
  const std::vector<int8_t> expected = Expected();
  *wrong = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    *wrong += static_cast<int8_t>(dram[c->address + i]) != expected[i];
  }
  return run;
}

absl::StatusOr<Version> MakeVersion(const Core& core, const char* name, const char* title) {
  Version version;
  version.name = name;
  version.title = title;
  STRATA_ASSIGN_OR_RETURN(version.text, TextOf(name));
  STRATA_ASSIGN_OR_RETURN(version.program,
                          Assemble(chips::npu::ArrayIsa(), version.text, absl::StrCat(name, ".s")));
  STRATA_RETURN_IF_ERROR(Verify(core, version.program));
  STRATA_ASSIGN_OR_RETURN(version.run, Run(core, version.program, &version.wrong));
  return version;
}

absl::StatusOr<Removal> TakeAway(const Core& core, const Version& version,
                                 const std::string& token) {
  Removal removal;
  removal.version = version.name;
  removal.token = token;
  STRATA_ASSIGN_OR_RETURN(const Program program,
                          Assemble(chips::npu::ArrayIsa(), WithoutToken(version.text, token),
                                   absl::StrCat(version.name, ".s")));
  removal.finding = std::string(Verify(core, program).message());
  STRATA_ASSIGN_OR_RETURN(const Simulation run, Run(core, program, &removal.wrong));
  removal.cycles = run.cycles;
  return removal;
}

// The signal or wait that a line holds, as "from, to, index"; else empty.
std::string TokenOfLine(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
  if (!absl::ConsumePrefix(&line, "signal") && !absl::ConsumePrefix(&line, "wait")) return "";
  std::vector<absl::string_view> parts = absl::StrSplit(line, ',');
  for (absl::string_view& part : parts) part = absl::StripAsciiWhitespace(part);
  return absl::StrJoin(parts, ", ");
}

absl::Status AddDeadlock(Lab* lab) {
  lab->deadlock_text = kDeadlock;
  STRATA_ASSIGN_OR_RETURN(const Program program,
                          Assemble(chips::npu::ArrayIsa(), kDeadlock, "deadlock.s"));
  lab->deadlock_finding = std::string(Verify(*lab->core, program).message());
  lab->deadlock_run = Simulate(*lab->core, program, {}).status();
  return absl::OkStatus();
}

// DRAM serves one transfer at a time.
int64_t DramCycles(const Simulation& run) {
  return run.units[chips::npu::kLoad].busy + run.units[chips::npu::kStore].busy;
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
  STRATA_ASSIGN_OR_RETURN(const chips::npu::Machine machine, chips::npu::FindMachine("edge_16"));
  STRATA_ASSIGN_OR_RETURN(lab.core, NewArrayCore(machine));
  for (const auto& [name, title] : kVersions) {
    STRATA_ASSIGN_OR_RETURN(Version version, MakeVersion(*lab.core, name, title));
    lab.versions.push_back(std::move(version));
  }
  lab.dram_cycles = DramCycles(lab.versions.back().run);
  for (const Version& version : lab.versions) {
    for (const std::string& token : TokensOf(version.text)) {
      STRATA_ASSIGN_OR_RETURN(Removal removal, TakeAway(*lab.core, version, token));
      lab.removals.push_back(std::move(removal));
    }
  }
  STRATA_RETURN_IF_ERROR(AddDeadlock(&lab));
  return lab;
}

}  // namespace strata::courses
