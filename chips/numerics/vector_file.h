// Recorded results of real matrix units, as text: one dot product a line, operands as fp32 bit patterns.
//
//   a_fp32hex(k words),b_fp32hex(k words),c_fp32hex,d_fp32out_hex,d_fp16out_as_fp32hex
//   3f7aa000 3f87c000,3f194000 bf26a000,3f5091bb,bf794a57,bf794000
//
// The first line names the columns and decides what is read: a, b and c, and one or both results. Without
// it there are 4 columns (d in fp32) or 5. Files may be gzipped. The results in fp16 were made with C
// rounded to fp16. Data of this form: Khattak and Mikaitis, arXiv:2512.07004.
#ifndef STRATA_CHIPS_NUMERICS_VECTOR_FILE_H_
#define STRATA_CHIPS_NUMERICS_VECTOR_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "chips/numerics/format.h"

namespace strata::chips {

struct DotVector {
  int64_t line = 0;                // in the file, from 1
  std::vector<uint32_t> a, b;      // codes of the operand format
  uint32_t c = 0;                  // fp32 word
  absl::optional<uint32_t> d_f32;  // fp32 words: the result in fp32,
  absl::optional<uint32_t> d_f16;  // and the result in fp16, widened
};

// INVALID_ARGUMENT says `name`:line, with a bad word also :column (from 1), what was read and what was expected;
// so do operands that the format cannot hold (tf32 operands lose their low bits, as the hardware cuts them off).
absl::StatusOr<std::vector<DotVector>> ParseVectors(absl::string_view text, Format operand,
                                                    const std::string& name);
absl::StatusOr<std::vector<DotVector>> ReadVectors(const std::string& path, Format operand);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_VECTOR_FILE_H_
