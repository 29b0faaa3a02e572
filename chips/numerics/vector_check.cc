#include "chips/numerics/vector_check.h"

#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace strata::chips {
namespace {

struct Unit {
  DotRule rule;
  bool has_c = true;
};

absl::StatusOr<Unit> FindUnit(Generation generation, Format operand, Format result,
                              Recording recording) {
  const bool hopper = generation == Generation::kHopper;
  const bool two_ways = (operand == Format::kE4M3 || operand == Format::kE5M2) &&
                        (hopper || generation == Generation::kBlackwell);
  const bool without_c =
      recording == Recording::kPublished && two_ways && hopper && result == Format::kF32;
  const bool native = !two_ways || recording == Recording::kNative || without_c;
  STRATA_ASSIGN_OR_RETURN(const DotRule rule,
                          FindDotRule(generation, operand, result,
                                      native ? Instruction::kNative : Instruction::kMmaSync));
  return Unit{rule, !without_c};
}

// The result as a file has it: an fp32 word. C is rounded to fp16 where the result is fp16.
uint32_t Compute(const Unit& unit, const DotVector& vector) {
  const uint32_t c = unit.has_c ? vector.c : 0;
  if (unit.rule.result == Format::kF32) return TensorCoreDot(unit.rule, vector.a, vector.b, c);
  const uint32_t narrow = Encode(Format::kF16, std::bit_cast<float>(c));
  const uint32_t d = TensorCoreDot(unit.rule, vector.a, vector.b, narrow);
  if (IsNanCode(Format::kF16, d)) return (d & 0x8000) << 16 | 0x7f800000 | (d & 0x3ff) << 13;
  return Encode(Format::kF32, Decode(Format::kF16, d));
}

bool Matches(const Unit& unit, const DotVector& vector, uint32_t expected, Score& score) {
  const uint32_t computed = Compute(unit, vector);
  if (computed == expected) return true;
  score.mismatches.push_back({vector.line, unit.rule.result, expected, computed});
  return false;
}

}  // namespace

absl::StatusOr<Recording> ParseRecording(absl::string_view name) {
  if (name == "recorded") return Recording::kPublished;
  if (name == "native") return Recording::kNative;
  if (name == "mma") return Recording::kMmaSync;
  return absl::InvalidArgumentError(
      absl::StrCat("no instruction '", name, "'; there is: recorded, native, mma"));
}

absl::StatusOr<Score> CheckVectors(absl::Span<const DotVector> vectors, Generation generation,
                                   Format operand, Recording recording) {
  absl::optional<Unit> wide, narrow;
  Score score;
  for (const DotVector& vector : vectors) {
    bool matches = true;
    if (vector.d_f32.has_value()) {
      if (!wide.has_value()) {
        STRATA_ASSIGN_OR_RETURN(wide, FindUnit(generation, operand, Format::kF32, recording));
      }
      matches = Matches(*wide, vector, *vector.d_f32, score);
    }
    if (vector.d_f16.has_value()) {
      if (!narrow.has_value()) {
        STRATA_ASSIGN_OR_RETURN(narrow, FindUnit(generation, operand, Format::kF16, recording));
      }
      matches = Matches(*narrow, vector, *vector.d_f16, score) && matches;
    }
    ++score.vectors;
    score.matched += matches;
  }
  return score;
}

}  // namespace strata::chips
