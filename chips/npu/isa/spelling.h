// What the messages of the assembler offer instead of a name that is not there.
#ifndef STRATA_CHIPS_NPU_ISA_SPELLING_H_
#define STRATA_CHIPS_NPU_ISA_SPELLING_H_

#include <string>

#include "absl/strings/string_view.h"
#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

// The instruction whose name takes the fewest edits (Levenshtein); the first of equals.
std::string NearestInstruction(const Isa& isa, absl::string_view name);

// "there is: load, move, ...": the units that have a queue.
std::string UnitNames(const Isa& isa);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_SPELLING_H_
