#include "compiler/codegen/nvrtc.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#if STRATA_HAVE_CUDA
#include <nvrtc.h>
#endif

namespace strata::compiler {

#if STRATA_HAVE_CUDA

namespace {

constexpr size_t kMaxLog = 4000;

absl::Status Fault(const char* call, nvrtcResult result) {
  return absl::InternalError(absl::StrCat(call, ": ", nvrtcGetErrorString(result)));
}

// A program, destroyed with its owner.
struct Program {
  ~Program() { nvrtcDestroyProgram(&handle); }
  nvrtcProgram handle = nullptr;
};

std::string LogOf(nvrtcProgram program) {
  size_t size = 0;
  if (nvrtcGetProgramLogSize(program, &size) != NVRTC_SUCCESS || size <= 1) return "";
  std::string log(size, '\0');
  if (nvrtcGetProgramLog(program, &log[0]) != NVRTC_SUCCESS) return "";
  log.resize(std::min(size - 1, kMaxLog));
  return log;
}

}  // namespace

bool HaveNvrtc() { return true; }

absl::StatusOr<std::string> CompileCuda(absl::string_view text, const std::string& isa) {
  Program program;
  const std::string source(text);
  nvrtcResult result =
      nvrtcCreateProgram(&program.handle, source.c_str(), "kernels.cu", 0, nullptr, nullptr);
  if (result != NVRTC_SUCCESS) return Fault("nvrtcCreateProgram", result);
  const std::string architecture = "--gpu-architecture=" + isa;
  const char* options[] = {architecture.c_str(), "--std=c++17"};
  result = nvrtcCompileProgram(program.handle, 2, options);
  if (result != NVRTC_SUCCESS) {
    return absl::InvalidArgumentError(absl::StrCat(
        "NVRTC for ", isa, ": ", nvrtcGetErrorString(result), ": ", LogOf(program.handle)));
  }
  size_t size = 0;
  result = nvrtcGetCUBINSize(program.handle, &size);
  if (result != NVRTC_SUCCESS) return Fault("nvrtcGetCUBINSize", result);
  std::string cubin(size, '\0');
  result = nvrtcGetCUBIN(program.handle, &cubin[0]);
  if (result != NVRTC_SUCCESS) return Fault("nvrtcGetCUBIN", result);
  return cubin;
}

#else

bool HaveNvrtc() { return false; }

absl::StatusOr<std::string> CompileCuda(absl::string_view, const std::string&) {
  return absl::UnavailableError(
      "no CUDA toolkit was found when Strata was built; install one (or set CUDA_HOME) and build "
      "again");
}

#endif

}  // namespace strata::compiler
