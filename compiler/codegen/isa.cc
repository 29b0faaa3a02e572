#include "compiler/codegen/isa.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#else
#include <sys/utsname.h>
#endif

namespace strata::compiler {

std::string HostIsa() {
  for (const char* isa : {"avx512_bf16", "avx512", "avx2"}) {
    if (HostRuns(isa)) return isa;
  }
  return "generic";
}

bool HostRuns(const std::string& isa) {
  if (isa == "generic") return true;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == "avx2") return avx2;
  if (isa == "avx512_bf16") return HostRuns("avx512") && __builtin_cpu_supports("avx512bf16");
  if (isa == "avx512") {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  }
#endif
  return false;
}

bool HostHasBf16Tiles() {
#if defined(__x86_64__)
  constexpr unsigned kAmxBf16 = 1u << 22;  // CPUID.(7, 0):EDX, Intel SDM volume 2A
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kAmxBf16) != 0;
#else
  return false;
#endif
}

bool IsCudaIsa(const std::string& isa) {
  return isa.size() > 3 && isa.compare(0, 3, "sm_") == 0 &&
         isa.find_first_not_of("0123456789", 3) == std::string::npos;
}

std::string HostCpu() {
  std::string text;
#if defined(__x86_64__)
  unsigned registers[4] = {};
  const auto ask = [&](unsigned leaf) {
    unsigned* r = registers;
    return __get_cpuid(leaf, &r[0], &r[1], &r[2], &r[3]) != 0;
  };
  if (ask(1)) text = absl::StrCat("signature ", absl::Hex(registers[0]));
  char name[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    if (ask(0x80000002u + i)) std::memcpy(name + 16 * i, registers, 16);
  }
  absl::StrAppend(&text, " ", name);
#else
  utsname system = {};
  if (uname(&system) == 0) text = system.machine;
#endif
  for (const char* isa : {"avx2", "avx512", "avx512_bf16"}) {
    if (HostRuns(isa)) absl::StrAppend(&text, " ", isa);
  }
  if (HostHasBf16Tiles()) text += " amx_bf16";
  return text;
}

absl::StatusOr<std::vector<std::string>> IsaFlags(const std::string& isa) {
  if (isa == "generic") return std::vector<std::string>{};
  if (isa == "avx2") return std::vector<std::string>{"-mavx2", "-mfma"};
  if (isa == "avx512") {
    return std::vector<std::string>{"-mavx512f",  "-mavx512bw", "-mavx512vl",
                                    "-mavx512dq", "-mfma",      "-mprefer-vector-width=512"};
  }
  if (isa == "avx512_bf16") {
    STRATA_ASSIGN_OR_RETURN(std::vector<std::string> flags, IsaFlags("avx512"));
    flags.push_back("-mavx512bf16");
    return flags;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no ISA named '", isa, "'; there is: avx512_bf16, avx512, avx2, generic"));
}

}  // namespace strata::compiler
