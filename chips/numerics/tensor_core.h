// What tensor cores really compute: D = A·B + C of one element, bit for bit, by chip generation.
//
//   STRATA_ASSIGN_OR_RETURN(Generation hopper, ParseChip("h100"));
//   STRATA_ASSIGN_OR_RETURN(DotRule rule, FindDotRule(hopper, Format::kBf16));
//   uint32_t d = TensorCoreDot(rule, a, b, c);   // a, b: bf16 codes; c, d: fp32 words
//
// NVIDIA's cores take the products of a group exactly, line them and C up at the largest exponent, cut each
// off (toward zero) `alignment_bits` below it, add without error, and cut the sum off once. Groups follow
// one another: the result of one is the C of the next. No rounding to nearest, and no order within a group.
//
// Sources: MMA-Sim (arXiv:2511.10909), "bitwise equal to hardware on >1M tests"; Khattak and Mikaitis,
// "Accurate Models of NVIDIA Tensor Cores" (arXiv:2512.07004), whose recorded results of real chips
// check_vectors.cc reads; Li et al., "FTTN" (arXiv:2403.00232). AMD's rules are MMA-Sim's alone, and no recorded
// results were at hand for them: of CDNA1 its first version had pairwise sums, the present one the exact sum used here;
// of CDNA3's fp8 its first version cuts off downward, as here, a later one toward zero.
#ifndef STRATA_CHIPS_NUMERICS_TENSOR_CORE_H_
#define STRATA_CHIPS_NUMERICS_TENSOR_CORE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "chips/numerics/format.h"

namespace strata::chips {

enum class Generation : uint8_t {
  kVolta,
  kTuring,
  kAmpere,
  kAda,
  kHopper,
  kBlackwell,     // data centre: B200
  kRtxBlackwell,  // RTX 50, RTX PRO
  kCdna1,         // AMD MI100
  kCdna2,         // AMD MI200
  kCdna3,         // AMD MI300
};

// "v100", "a100", "l40s", "gh200", "mi300x", ... or a generation: "hopper". Case, spaces, dashes, the maker's name and
// the form are not looked at: "NVIDIA A100-SXM4-80GB", "GeForce RTX 4090". INVALID_ARGUMENT lists what there is.
absl::StatusOr<Generation> ParseChip(absl::string_view name);
absl::string_view GenerationName(Generation generation);

// Hopper's and Blackwell's fp8 units are reached by their own instructions (wgmma, tcgen05); the older
// mma.sync is not wired to them there: the compiler turns fp8 into fp16 and uses that unit.
enum class Instruction : uint8_t { kNative, kMmaSync };

enum class DotAlgorithm : uint8_t {
  kFused,  // NVIDIA: products and C in one aligned sum
  kThroughF16,  // mma.sync of fp8 without a unit for it: two chained fp16 groups, then C, rounded to nearest
  kLateAccumulator,  // CDNA3: products in one aligned sum; C joins it, both cut off downward; then to nearest
  kLateInterleaved,  // CDNA3's fp8: the same of two sums, of even and of odd k, put together downward
  kExact,            // CDNA1: products and C without error, then to nearest
  kPairwise,  // CDNA2: fp32 sums of pairs, of pairs of these, then C; subnormals are flushed at each step
};

struct DotRule {
  Generation generation;
  Format operand;  // of A and B
  Format result;   // of C and D: kF32 or kF16
  Instruction instruction;
  DotAlgorithm algorithm;
  int alignment_bits;  // F: fractional bits kept below the largest exponent
  int group;           // products added at once
  int kept_bits;       // mantissa bits of an fp32 result that are not zero
};

// NOT_FOUND when the generation has no such unit, with the operand formats that it has.
absl::StatusOr<DotRule> FindDotRule(Generation generation, Format operand,
                                    Format result = Format::kF32,
                                    Instruction instruction = Instruction::kNative);
absl::Span<const DotRule> AllDotRules();
std::string DescribeDotRule(const DotRule& rule);

// One element of D. `a` and `b` are codes of rule.operand and equally long, of any length: what is missing
// in the last group counts as zero. `c` and the result are codes of rule.result.
// A NaN, inf * 0 or inf - inf gives NVIDIA's one NaN (0x7fffffff, 0x7fff); a sum of zero is +0; a result
// beyond the largest is infinity, also where results are cut off.
uint32_t TensorCoreDot(const DotRule& rule, absl::Span<const uint32_t> a,
                       absl::Span<const uint32_t> b, uint32_t c);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_TENSOR_CORE_H_
