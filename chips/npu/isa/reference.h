// The reference document of an instruction set, made of its table: Markdown.
#ifndef STRATA_CHIPS_NPU_ISA_REFERENCE_H_
#define STRATA_CHIPS_NPU_ISA_REFERENCE_H_

#include <string>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

std::string ReferenceMarkdown(const Isa& isa);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_REFERENCE_H_
