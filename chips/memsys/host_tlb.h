// How many translations this CPU's data TLBs hold, as CPUID tells them.
#ifndef STRATA_CHIPS_MEMSYS_HOST_TLB_H_
#define STRATA_CHIPS_MEMSYS_HOST_TLB_H_

#include <cstdint>

namespace strata::chips::memsys {

struct HostTlb {
  int64_t first_entries = 64;  // of 4 KiB pages; what is not told is as here
  int64_t second_entries = 1536;
  bool told = false;
};

// AMD: leaves 80000005h and 80000006h (APM volume 3, appendix E.4); others do not tell it there.
HostTlb ReadHostTlb();

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_HOST_TLB_H_
