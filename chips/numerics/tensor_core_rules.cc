// The tables: which chip is of which generation, and what each generation's units do.
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips {
namespace {

struct Chip {
  const char* name;
  Generation generation;
};

constexpr Chip kChips[] = {
    {"volta", Generation::kVolta},
    {"v100", Generation::kVolta},
    {"titanv", Generation::kVolta},
    {"turing", Generation::kTuring},
    {"t4", Generation::kTuring},
    {"rtx2080ti", Generation::kTuring},
    {"ampere", Generation::kAmpere},
    {"a100", Generation::kAmpere},
    {"a800", Generation::kAmpere},
    {"a2", Generation::kAmpere},
    {"a10", Generation::kAmpere},
    {"a16", Generation::kAmpere},
    {"a30", Generation::kAmpere},
    {"a40", Generation::kAmpere},
    {"a6000", Generation::kAmpere},
    {"rtx3090", Generation::kAmpere},
    {"ada", Generation::kAda},
    {"l4", Generation::kAda},
    {"l40", Generation::kAda},
    {"l40s", Generation::kAda},
    {"rtx4090", Generation::kAda},
    {"rtx6000ada", Generation::kAda},
    {"hopper", Generation::kHopper},
    {"h100", Generation::kHopper},
    {"h200", Generation::kHopper},
    {"h800", Generation::kHopper},
    {"h20", Generation::kHopper},
    {"gh200", Generation::kHopper},
    {"blackwell", Generation::kBlackwell},
    {"b100", Generation::kBlackwell},
    {"b200", Generation::kBlackwell},
    {"gb200", Generation::kBlackwell},
    {"rtxblackwell", Generation::kRtxBlackwell},
    {"rtx5090", Generation::kRtxBlackwell},
    {"rtxpro6000", Generation::kRtxBlackwell},
    {"cdna3", Generation::kCdna3},
    {"mi300", Generation::kCdna3},
    {"mi300a", Generation::kCdna3},
    {"mi300x", Generation::kCdna3},
    {"mi325x", Generation::kCdna3},
};

constexpr const char* kGenerations[] = {"volta",  "turing",    "ampere",       "ada",
                                        "hopper", "blackwell", "rtxblackwell", "cdna3"};

using G = Generation;
using F = Format;
constexpr Instruction kNative = Instruction::kNative, kMmaSync = Instruction::kMmaSync;
constexpr DotAlgorithm kFused = DotAlgorithm::kFused, kThroughF16 = DotAlgorithm::kThroughF16,
                       kLate = DotAlgorithm::kLateAccumulator;

constexpr DotRule kRules[] = {
    // generation, operand, result, instruction, algorithm, F, group, kept bits
    {G::kVolta, F::kF16, F::kF32, kNative, kFused, 23, 4, 23},
    {G::kVolta, F::kF16, F::kF16, kNative, kFused, 23, 4, 10},

    {G::kTuring, F::kF16, F::kF32, kNative, kFused, 24, 8, 23},
    {G::kTuring, F::kF16, F::kF16, kNative, kFused, 24, 8, 10},

    {G::kAmpere, F::kF16, F::kF32, kNative, kFused, 24, 8, 23},
    {G::kAmpere, F::kF16, F::kF16, kNative, kFused, 24, 8, 10},
    {G::kAmpere, F::kBf16, F::kF32, kNative, kFused, 24, 8, 23},
    {G::kAmpere, F::kTf32, F::kF32, kNative, kFused, 24, 4, 23},

    {G::kAda, F::kF16, F::kF32, kNative, kFused, 24, 8, 23},
    {G::kAda, F::kF16, F::kF16, kNative, kFused, 24, 8, 10},
    {G::kAda, F::kBf16, F::kF32, kNative, kFused, 24, 8, 23},
    {G::kAda, F::kTf32, F::kF32, kNative, kFused, 24, 4, 23},
    {G::kAda, F::kE4M3, F::kF32, kNative, kFused, 13, 16, 13},
    {G::kAda, F::kE4M3, F::kF16, kNative, kFused, 13, 16, 10},
    {G::kAda, F::kE5M2, F::kF32, kNative, kFused, 13, 16, 13},
    {G::kAda, F::kE5M2, F::kF16, kNative, kFused, 13, 16, 10},

    {G::kHopper, F::kF16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kHopper, F::kF16, F::kF16, kNative, kFused, 25, 16, 10},
    {G::kHopper, F::kBf16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kHopper, F::kTf32, F::kF32, kNative, kFused, 25, 8, 23},
    {G::kHopper, F::kE4M3, F::kF32, kNative, kFused, 13, 32, 13},
    {G::kHopper, F::kE4M3, F::kF16, kNative, kFused, 13, 32, 10},
    {G::kHopper, F::kE5M2, F::kF32, kNative, kFused, 13, 32, 13},
    {G::kHopper, F::kE5M2, F::kF16, kNative, kFused, 13, 32, 10},
    {G::kHopper, F::kE4M3, F::kF32, kMmaSync, kThroughF16, 25, 16, 23},
    {G::kHopper, F::kE4M3, F::kF16, kMmaSync, kThroughF16, 25, 16, 10},
    {G::kHopper, F::kE5M2, F::kF32, kMmaSync, kThroughF16, 25, 16, 23},
    {G::kHopper, F::kE5M2, F::kF16, kMmaSync, kThroughF16, 25, 16, 10},

    {G::kBlackwell, F::kF16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kBlackwell, F::kF16, F::kF16, kNative, kFused, 25, 16, 10},
    {G::kBlackwell, F::kBf16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kBlackwell, F::kTf32, F::kF32, kNative, kFused, 25, 8, 23},
    {G::kBlackwell, F::kE4M3, F::kF32, kNative, kFused, 25, 32, 23},
    {G::kBlackwell, F::kE4M3, F::kF16, kNative, kFused, 25, 32, 10},
    {G::kBlackwell, F::kE5M2, F::kF32, kNative, kFused, 25, 32, 23},
    {G::kBlackwell, F::kE5M2, F::kF16, kNative, kFused, 25, 32, 10},
    {G::kBlackwell, F::kE4M3, F::kF32, kMmaSync, kThroughF16, 25, 16, 23},
    {G::kBlackwell, F::kE4M3, F::kF16, kMmaSync, kThroughF16, 25, 16, 10},
    {G::kBlackwell, F::kE5M2, F::kF32, kMmaSync, kThroughF16, 25, 16, 23},
    {G::kBlackwell, F::kE5M2, F::kF16, kMmaSync, kThroughF16, 25, 16, 10},

    {G::kRtxBlackwell, F::kF16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kRtxBlackwell, F::kF16, F::kF16, kNative, kFused, 25, 16, 10},
    {G::kRtxBlackwell, F::kBf16, F::kF32, kNative, kFused, 25, 16, 23},
    {G::kRtxBlackwell, F::kTf32, F::kF32, kNative, kFused, 25, 8, 23},
    {G::kRtxBlackwell, F::kE4M3, F::kF32, kNative, kFused, 25, 32, 23},
    {G::kRtxBlackwell, F::kE4M3, F::kF16, kNative, kFused, 25, 32, 10},
    {G::kRtxBlackwell, F::kE5M2, F::kF32, kNative, kFused, 25, 32, 23},
    {G::kRtxBlackwell, F::kE5M2, F::kF16, kNative, kFused, 25, 32, 10},

    {G::kCdna3, F::kF16, F::kF32, kNative, kLate, 24, 8, 23},
    {G::kCdna3, F::kBf16, F::kF32, kNative, kLate, 24, 8, 23},
    {G::kCdna3, F::kTf32, F::kF32, kNative, kLate, 24, 4, 23},
};

}  // namespace

absl::StatusOr<Generation> ParseChip(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  std::string names;
  for (const Chip& chip : kChips) {
    if (lower == chip.name) return chip.generation;
    absl::StrAppend(&names, names.empty() ? "" : ", ", chip.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no chip '", name, "' with known tensor cores; there is: ", names));
}

absl::string_view GenerationName(Generation generation) {
  return kGenerations[static_cast<size_t>(generation)];
}

absl::Span<const DotRule> AllDotRules() { return kRules; }

absl::StatusOr<DotRule> FindDotRule(Generation generation, Format operand, Format result,
                                    Instruction instruction) {
  std::string has;
  for (const DotRule& rule : kRules) {
    if (rule.generation != generation || rule.instruction != instruction) continue;
    if (rule.operand == operand && rule.result == result) return rule;
    absl::StrAppend(&has, has.empty() ? "" : ", ", Row(rule.operand).name, " to ",
                    Row(rule.result).name);
  }
  const char* way = instruction == Instruction::kMmaSync ? " by mma.sync through fp16" : "";
  return absl::NotFoundError(absl::StrCat(GenerationName(generation), " multiplies no ",
                                          Row(operand).name, " to ", Row(result).name, way,
                                          "; it has: ", has.empty() ? "nothing so" : has));
}

std::string DescribeDotRule(const DotRule& rule) {
  std::string text = absl::StrCat(GenerationName(rule.generation), " ", Row(rule.operand).name,
                                  " to ", Row(rule.result).name, ": groups of ", rule.group,
                                  ", aligned to ", rule.alignment_bits, " bits");
  switch (rule.algorithm) {
    case DotAlgorithm::kFused:
      absl::StrAppend(&text, " with C, ",
                      rule.result == Format::kF16
                          ? std::string("rounded to nearest even")
                          : absl::StrCat("cut off to ", rule.kept_bits, " bits"));
      break;
    case DotAlgorithm::kThroughF16:
      absl::StrAppend(&text, " in the fp16 unit (mma.sync), C added last, to nearest even");
      break;
    case DotAlgorithm::kLateAccumulator:
      absl::StrAppend(&text, ", C joins the sum, rounded to nearest even");
      break;
  }
  return text;
}

}  // namespace strata::chips
