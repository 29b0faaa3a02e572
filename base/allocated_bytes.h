// For tests that hold what a parser allocates against what it was given: a program that links this counts every byte
// asked of operator new.
//
//   const size_t before = AllocatedBytes();
//   (void)Parse(bad);
//   EXPECT_LE(AllocatedBytes() - before, 16 * bad.size());
#ifndef STRATA_BASE_ALLOCATED_BYTES_H_
#define STRATA_BASE_ALLOCATED_BYTES_H_

#include <cstddef>

namespace strata {

// Since the program began, by all threads; what was freed counts too.
size_t AllocatedBytes();

}  // namespace strata

#endif  // STRATA_BASE_ALLOCATED_BYTES_H_
