#include "chips/memsys/host_tlb.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace strata::chips::memsys {

HostTlb ReadHostTlb() {
  HostTlb tlb;
#if defined(__x86_64__)
  unsigned eax, first, second, ecx, edx;
  if (__get_cpuid(0x80000005, &eax, &first, &ecx, &edx) == 0 ||
      __get_cpuid(0x80000006, &eax, &second, &ecx, &edx) == 0) {
    return tlb;
  }
  const int64_t first_entries = first >> 16 & 0xff, second_entries = second >> 16 & 0xfff;
  if (first_entries == 0 || second_entries <= first_entries) return tlb;
  tlb = {first_entries, second_entries, true};
#endif
  return tlb;
}

}  // namespace strata::chips::memsys
