// Assembles, verifies and runs a program of either kind of core, and says what it cost.
//
//   bazel run //chips/npu:npu_sim -- --machine=edge_16 chips/npu/examples/matmul.s
//   bazel run //chips/npu:npu_sim -- --gemm=512x512x512 --single-buffered --timing-only --json
//   bazel run //chips/npu:npu_sim -- --machine=davinci_like --gemm=512x512x512 --bias --relu --narrow
//   bazel run //chips/npu:npu_sim -- PROGRAM.s --input=A=a.bin --output=C=c.bin
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/isa/read_program.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "chips/npu/tool/make_gemm.h"
#include "chips/npu/tool/report.h"
#include "chips/timeline/chrome_trace.h"

namespace strata::chips::npu {
namespace {

constexpr size_t kDram = 0;  // of every core's memories

struct Flags {
  std::string machine = "edge_16";
  std::string program;
  std::string gemm;
  std::string type = "i8";
  std::string timeline;
  std::string print, binary;
  std::vector<std::string> inputs, outputs;
  uint64_t seed = 1;
  bool single_buffered = false;
  bool bias = false, relu = false, narrow = false;
  bool json = false;
  bool timing_only = false;
};

absl::StatusOr<Program> MakeProgram(const Flags& flags, const Machine& machine) {
  std::vector<std::string> sizes = absl::StrSplit(flags.gemm, 'x');
  GemmRequest request;
  if (sizes.size() != 3 || !absl::SimpleAtoi(sizes[0], &request.m) ||
      !absl::SimpleAtoi(sizes[1], &request.k) || !absl::SimpleAtoi(sizes[2], &request.n)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--gemm: '", flags.gemm, "' is no shape; give MxKxN, such as 512x512x512"));
  }
  request.type = flags.type;
  request.double_buffered = !flags.single_buffered;
  request.bias = flags.bias;
  request.relu = flags.relu;
  request.narrow = flags.narrow;
  return MakeGemmFor(machine, request);
}

absl::StatusOr<Program> LoadProgram(const Flags& flags, const Machine& machine, const Isa& isa) {
  if (!flags.gemm.empty()) return MakeProgram(flags, machine);
  if (flags.program.empty()) {
    return absl::InvalidArgumentError("give the path of a program, or --gemm=MxKxN");
  }
  STRATA_ASSIGN_OR_RETURN(const std::string contents, ReadFile(flags.program));
  return ReadProgram(isa, contents, flags.program);
}

absl::StatusOr<const Region*> FindRegion(const Program& program, absl::string_view name) {
  std::vector<std::string> names;
  for (const Region& region : program.regions) {
    if (region.name == name) return &region;
    names.push_back(region.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("the program has no region '", name,
                                                 "'; there is: ", absl::StrJoin(names, ", ")));
}

// NAME=PATH.
absl::StatusOr<std::pair<const Region*, std::string>> Binding(const Program& program,
                                                              const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (parts.second.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "': give NAME=PATH"));
  }
  STRATA_ASSIGN_OR_RETURN(const Region* region, FindRegion(program, parts.first));
  return std::make_pair(region, parts.second);
}

// Seeded small numbers in every input, then what files say. Any bytes are int8, and those up to 0x3f
// small fp8; as bf16 the high byte of 0x3f makes numbers from 0.5 up to 2, as fp16 from 1.75 up to 2.
absl::Status FillInputs(const Flags& flags, const Program& program, std::vector<uint8_t>* dram) {
  std::mt19937_64 random(flags.seed);
  const bool fp8 = absl::StartsWith(flags.type, "f8");
  for (const Region& region : program.regions) {
    if (region.kind != RegionKind::kInput) continue;
    for (uint64_t i = 0; i < region.bytes; ++i) {
      const bool high = (flags.type == "bf16" || flags.type == "f16") && i % 2 == 1;
      const uint8_t byte = static_cast<uint8_t>(random());
      (*dram)[region.address + i] = high ? 0x3f : fp8 ? byte & 0xbf : byte;
    }
  }
  for (const std::string& input : flags.inputs) {
    STRATA_ASSIGN_OR_RETURN(const auto binding, Binding(program, input));
    STRATA_ASSIGN_OR_RETURN(const std::string data, ReadFile(binding.second));
    if (data.size() != binding.first->bytes) {
      return absl::InvalidArgumentError(absl::StrCat(binding.second, ": has ", data.size(),
                                                     " bytes, but region '", binding.first->name,
                                                     "' has ", binding.first->bytes));
    }
    std::copy(data.begin(), data.end(),
              dram->begin() + static_cast<int64_t>(binding.first->address));
  }
  return absl::OkStatus();
}

absl::Status WriteOutputs(const Flags& flags, const Program& program,
                          const std::vector<uint8_t>& dram) {
  for (const std::string& output : flags.outputs) {
    STRATA_ASSIGN_OR_RETURN(const auto binding, Binding(program, output));
    const char* begin = reinterpret_cast<const char*>(dram.data()) + binding.first->address;
    STRATA_RETURN_IF_ERROR(
        WriteFileAtomic(binding.second, absl::string_view(begin, binding.first->bytes)));
  }
  return absl::OkStatus();
}

absl::Status WriteForms(const Flags& flags, const Program& program) {
  if (!flags.print.empty()) {
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(flags.print, Disassemble(program)));
  }
  if (flags.binary.empty()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const std::string bytes, EncodeProgram(program));
  return WriteFileAtomic(flags.binary, bytes);
}

absl::Status Run(const Flags& flags) {
  if (flags.timing_only && !(flags.inputs.empty() && flags.outputs.empty())) {
    return absl::InvalidArgumentError(
        "--timing-only computes nothing; leave out --input, --output");
  }
  const bool path =
      absl::StrContains(flags.machine, "/") || absl::EndsWith(flags.machine, ".textproto");
  STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine(path ? flags.machine : flags.machine));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, NewCore(machine));
  STRATA_ASSIGN_OR_RETURN(const Program program, LoadProgram(flags, machine, core->isa()));
  STRATA_RETURN_IF_ERROR(WriteForms(flags, program));
  STRATA_RETURN_IF_ERROR(Verify(*core, program));
  SimulationOptions options;
  options.record_spans = !flags.timeline.empty();
  MemoryImage image;
  if (!flags.timing_only) {
    STRATA_ASSIGN_OR_RETURN(image, NewImage(*core, program));
    STRATA_RETURN_IF_ERROR(FillInputs(flags, program, &image[kDram]));
    options.image = &image;
  }
  STRATA_ASSIGN_OR_RETURN(const Simulation run, Simulate(*core, program, options));
  if (!flags.timing_only) {
    STRATA_RETURN_IF_ERROR(WriteOutputs(flags, program, image[kDram]));
  }
  if (!flags.timeline.empty()) {
    const Timeline timeline = MakeTimeline(*core, program, run);
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(flags.timeline, ToChromeTrace({timeline})));
  }
  const std::string text = flags.json ? JsonReport(*core, run) : TextReport(*core, run);
  std::fputs(text.c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::chips::npu

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::chips::npu::Flags flags;
  CLI::App app(
      "Runs a program of an array core (chips/npu/ISA.md) or a DaVinci core "
      "(chips/npu/davinci/ISA.md), whichever the machine is, and counts its cycles.");
  app.add_option("program", flags.program, "assembly text, or a binary program");
  app.add_option("--machine", flags.machine,
                 absl::StrCat("a .textproto, or one of ",
                              absl::StrJoin(strata::chips::npu::MachineNames(), ", ")))
      ->capture_default_str();
  app.add_option("--gemm", flags.gemm,
                 "make a tiled product of MxKxN instead of reading a program");
  app.add_option("--type", flags.type, "of --gemm's operands and of the random inputs")
      ->check(CLI::IsMember({"i8", "bf16", "f16", "f8_e4m3", "f8_e5m2"}))
      ->capture_default_str();
  app.add_flag("--single-buffered", flags.single_buffered, "--gemm with one place a tile");
  app.add_flag("--bias", flags.bias, "--gemm adds a bias (DaVinci cores)");
  app.add_flag("--relu", flags.relu, "--gemm ends in a relu (DaVinci cores)");
  app.add_flag("--narrow", flags.narrow, "--gemm gives int8, requantised, or fp16 (DaVinci cores)");
  app.add_option("--input", flags.inputs, "NAME=FILE: bytes of an .input; else seeded random ones")
      ->allow_extra_args(false);
  app.add_option("--output", flags.outputs, "NAME=FILE: where the bytes of a region go")
      ->allow_extra_args(false);
  app.add_option("--seed", flags.seed, "of the random inputs")->capture_default_str();
  app.add_flag("--timing-only", flags.timing_only, "count cycles, compute nothing");
  app.add_option("--timeline", flags.timeline, "write a trace for https://ui.perfetto.dev");
  app.add_option("--print", flags.print, "write the program as assembly text");
  app.add_option("--binary", flags.binary, "write the program in its binary form");
  app.add_flag("--json", flags.json, "one object on one line instead of tables");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = strata::chips::npu::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "npu_sim: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
