// A chip as an aligned table for the terminal, each figure with the number of its source.
#ifndef STRATA_CHIPS_SPEC_DESCRIBE_H_
#define STRATA_CHIPS_SPEC_DESCRIBE_H_

#include <string>

#include "chips/spec/chip.pb.h"

namespace strata::chips {

//   h100: NVIDIA H100 SXM5 80GB
//
//   cores             132
//   launch overhead   1 us            [1]
//
//   rate              peak            unit      ridge
//   f32               66.9 TFLOP/s    vector    20 FLOP/B    [2]
//   ...
//   [1] OpenXLA ...
//
// The ridge is the arithmetic intensity from which on the rate, not the main memory, is the limit.
// Lines end in '\n', without trailing blanks. For a valid chip.
std::string DescribeChip(const Chip& chip);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_DESCRIBE_H_
