// Holds recorded results (vector_file.h) against the modelled units (tensor_core.h).
//
//   STRATA_ASSIGN_OR_RETURN(Score score, CheckVectors(vectors, Generation::kHopper, Format::kBf16));
//   score.matched == score.vectors
#ifndef STRATA_CHIPS_NUMERICS_VECTOR_CHECK_H_
#define STRATA_CHIPS_NUMERICS_VECTOR_CHECK_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "chips/numerics/tensor_core.h"
#include "chips/numerics/vector_file.h"

namespace strata::chips {

// By which instruction the results are taken to have been made.
enum class Recording : uint8_t {
  // As those of arXiv:2512.07004 were: fp8 on Hopper and Blackwell by mma.sync, but Hopper's fp32 results
  // by its own unit with an accumulator of zero, to which nobody added C.
  kPublished,
  kNative,   // the chip's own unit
  kMmaSync,  // mma.sync, which goes through fp16 where there is no unit for it
};

// "recorded", "native", "mma".
absl::StatusOr<Recording> ParseRecording(absl::string_view name);

struct Mismatch {
  int64_t line;
  Format result;
  uint32_t expected, computed;  // fp32 words
};

struct Score {
  int64_t matched = 0, vectors = 0;  // a vector matches when each of its results does
  std::vector<Mismatch> mismatches;
};

// NOT_FOUND when the generation has no such unit.
absl::StatusOr<Score> CheckVectors(absl::Span<const DotVector> vectors, Generation generation,
                                   Format operand, Recording recording = Recording::kPublished);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_VECTOR_CHECK_H_
