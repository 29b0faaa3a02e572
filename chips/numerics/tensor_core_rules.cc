// The tables: which chip is of which generation, and what each generation's units do.
#include <initializer_list>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips {
namespace {

// Names without spaces and dashes.
struct GenerationChips {
  Generation generation;
  std::initializer_list<const char*> names;
};

const GenerationChips kChips[] = {
    {Generation::kVolta, {"volta", "v100", "v100s", "gv100", "titanv"}},
    {Generation::kTuring,
     {"turing", "t4", "t4g", "titanrtx", "rtx2060", "rtx2070", "rtx2080", "rtx2080ti", "rtx8000"}},
    {Generation::kAmpere,
     {"ampere",   "a100",      "a800",    "a2",       "a10",       "a10g",     "a16",
      "a30",      "a40",       "a4000",   "a5000",    "a6000",     "rtxa4000", "rtxa5000",
      "rtxa6000", "rtx30",     "rtx3050", "rtx3060",  "rtx3060ti", "rtx3070",  "rtx3070ti",
      "rtx3080",  "rtx3080ti", "rtx3090", "rtx3090ti"}},
    {Generation::kAda, {"ada",     "adalovelace",  "l4",         "l20",        "l40",
                        "l40s",    "rtx40",        "rtx4050",    "rtx4060",    "rtx4060ti",
                        "rtx4070", "rtx4070super", "rtx4070ti",  "rtx4080",    "rtx4080super",
                        "rtx4090", "rtx4090d",     "rtx4000ada", "rtx5000ada", "rtx6000ada"}},
    {Generation::kHopper, {"hopper", "h100", "h200", "h800", "h20", "gh200"}},
    {Generation::kBlackwell, {"blackwell", "b100", "b200", "gb200"}},
    {Generation::kRtxBlackwell,
     {"rtxblackwell", "rtx50", "rtx5050", "rtx5060", "rtx5060ti", "rtx5070", "rtx5070ti", "rtx5080",
      "rtx5090", "rtx5090d", "rtxpro6000"}},
    {Generation::kCdna1, {"cdna1", "mi100"}},
    {Generation::kCdna2, {"cdna2", "mi200", "mi210", "mi250", "mi250x"}},
    {Generation::kCdna3, {"cdna3", "mi300", "mi300a", "mi300x", "mi308x", "mi325x"}},
};

// Words of a chip's full name that say who made it, and how it is mounted.
bool IsForm(absl::string_view word) {
  for (const char* name : {"nvidia", "amd", "geforce", "tesla", "quadro", "instinct", "generation",
                           "edition", "server", "workstation", "nvl", "pcie", "oam"}) {
    if (word == name) return true;
  }
  return absl::StartsWith(word, "sxm") || absl::StartsWith(word, "hbm") ||
         (absl::EndsWith(word, "gb") && word.size() > 2 && absl::ascii_isdigit(word[0]));
}

// "NVIDIA A100-SXM4-80GB" -> "a100".
std::string ShortName(absl::string_view name) {
  std::string joined;
  for (absl::string_view word :
       absl::StrSplit(absl::AsciiStrToLower(name), absl::ByAnyChar(" -_"), absl::SkipEmpty())) {
    if (!IsForm(word)) absl::StrAppend(&joined, word);
  }
  return joined;
}

constexpr const char* kGenerations[] = {"volta",     "turing",       "ampere", "ada",   "hopper",
                                        "blackwell", "rtxblackwell", "cdna1",  "cdna2", "cdna3"};

using G = Generation;
using F = Format;
constexpr Instruction kNative = Instruction::kNative, kMmaSync = Instruction::kMmaSync;
constexpr DotAlgorithm kFused = DotAlgorithm::kFused, kThroughF16 = DotAlgorithm::kThroughF16,
                       kLate = DotAlgorithm::kLateAccumulator,
                       kLateInterleaved = DotAlgorithm::kLateInterleaved,
                       kExact = DotAlgorithm::kExact, kPairwise = DotAlgorithm::kPairwise;

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

    {G::kCdna1, F::kF16, F::kF32, kNative, kExact, 0, 4, 23},
    {G::kCdna1, F::kBf16, F::kF32, kNative, kExact, 0, 2, 23},

    {G::kCdna2, F::kF16, F::kF32, kNative, kPairwise, 0, 4, 23},
    {G::kCdna2, F::kBf16, F::kF32, kNative, kPairwise, 0, 4, 23},  // of the instructions named _1k

    {G::kCdna3, F::kF16, F::kF32, kNative, kLate, 24, 8, 23},
    {G::kCdna3, F::kBf16, F::kF32, kNative, kLate, 24, 8, 23},
    {G::kCdna3, F::kTf32, F::kF32, kNative, kLate, 24, 4, 23},
    {G::kCdna3, F::kE4M3Fnuz, F::kF32, kNative, kLateInterleaved, 24, 16, 23},
    {G::kCdna3, F::kE5M2Fnuz, F::kF32, kNative, kLateInterleaved, 24, 16, 23},
};

}  // namespace

absl::StatusOr<Generation> ParseChip(absl::string_view name) {
  const std::string wanted = ShortName(name);
  std::string names;
  for (const GenerationChips& chips : kChips) {
    for (const char* chip : chips.names) {
      if (wanted == chip) return chips.generation;
      absl::StrAppend(&names, names.empty() ? "" : ", ", chip);
    }
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
                                  " to ", Row(rule.result).name, ": groups of ", rule.group);
  if (rule.algorithm == DotAlgorithm::kExact) {
    return absl::StrCat(text, ", exact sums with C, rounded to nearest even");
  }
  if (rule.algorithm == DotAlgorithm::kPairwise) {
    return absl::StrCat(text, ", pairwise in fp32, then C; subnormals are flushed to zero");
  }
  absl::StrAppend(&text, ", aligned to ", rule.alignment_bits, " bits");
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
    case DotAlgorithm::kLateInterleaved:
      absl::StrAppend(&text, " by even and odd k, C joins the sum, rounded to nearest even");
      break;
    case DotAlgorithm::kExact:
    case DotAlgorithm::kPairwise:
      break;
  }
  return text;
}

}  // namespace strata::chips
