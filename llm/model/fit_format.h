// A format for rows of K weights: the wanted one, or where K is no multiple of its block a near one that is.
#ifndef STRATA_LLM_MODEL_FIT_FORMAT_H_
#define STRATA_LLM_MODEL_FIT_FORMAT_H_

#include <cstdint>

#include "chips/numerics/weight_format.h"

namespace strata::llm {

// Blocks of 256 give way to blocks of 32 of no fewer bits (q4_k to q5_0, q5_k and q6_k to q8_0), these to f16.
const chips::WeightFormat& FitFormat(const chips::WeightFormat& wanted, int64_t K);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_FIT_FORMAT_H_
