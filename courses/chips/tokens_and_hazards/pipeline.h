// Pipelines written by hand, from fences to two places of everything, on two cores; then every token taken away.
//
//   STRATA_ASSIGN_OR_RETURN(const Lab lab, RunLab());
//   for (const Claim& claim : ClaimsOf(lab)) ...
//
// The programs (programs/*.s) compute C = int8(A x W / 2^s) in eight tiles: load, product, requantisation, store. Each
// is verified, run on the cycle simulator and compared with plain loops. Cycles are simulated; results are exact.
#ifndef STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_PIPELINE_H_
#define STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"
#include "chips/npu/sim/simulator.h"
#include "courses/lab/claims.h"

namespace strata::courses {

// A program as it is written, and what it does.
struct Version {
  std::string name;   // of its file: "two_tiles"
  std::string title;  // "two places for tiles of A"
  std::string text;
  chips::npu::Program program;
  chips::npu::Simulation run;  // with spans
  int64_t wrong = 0;           // elements of C that differ from the plain loops'
};

// A token whose signals and waits are all taken out of a program, or a barrier.
struct Removal {
  std::string version;
  std::string token;    // "matrix, load, 0", "pipe_barrier V"
  std::string finding;  // the verifier's; empty: it finds nothing
  int64_t cycles = 0;   // of the simulator, which looks for no hazards
  int64_t wrong = 0;
};

// The same product on one core.
struct Pipeline {
  std::string machine;   // "edge_16"
  std::string title;     // "an array core: tokens"
  int64_t elements = 0;  // of C
  std::unique_ptr<chips::npu::Core> core;
  std::vector<int> units;         // that its programs use
  std::vector<Version> versions;  // from slow to fast, the first with fences only
  std::vector<Removal> removals;  // of each version with tokens
  int64_t dram_cycles = 0;        // in which DRAM moves bytes: the same for all versions
};

struct Lab {
  std::vector<Pipeline> pipelines;  // edge_16, davinci_like
  // A program for edge_16 that waits for a token first given behind that wait.
  std::string deadlock_text, deadlock_finding;
  absl::Status deadlock_run;  // the simulator's
};

absl::StatusOr<Lab> RunLab();

std::vector<Claim> ClaimsOf(const Lab& lab);

// Takes out the lines that signal a token or wait for it, or a barrier; the others keep their numbers.
std::string WithoutToken(const std::string& text, const std::string& token);

// The tokens and barriers that a program's text names, in the order of their first lines.
std::vector<std::string> TokensOf(const std::string& text);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_PIPELINE_H_
