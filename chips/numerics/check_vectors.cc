// Holds the tensor cores of tensor_core.h against recorded results of real chips.
//
//   bazel run -c opt //chips/numerics:check_vectors -- --chip=h100 --type=bf16 H100_bf16.csv.gz
//
// Prints the first mismatches bit by bit, a line a file, and last `matched N of M` over all of them. A
// vector matches when each of its results does. Exit code 0 when all match, 1 when some do not, 2 for bad
// input.
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/numerics/tensor_core.h"
#include "chips/numerics/vector_check.h"
#include "chips/numerics/vector_file.h"

namespace strata::chips {
namespace {

struct Flags {
  std::string chip, type;
  std::string instruction = "recorded";
  std::vector<std::string> files;
  int show = 3;
  bool json = false;
};

// "0 01111110 00101100..." of an fp32 word, with a mark below each bit that differs.
std::string Bits(uint32_t word, uint32_t marks) {
  std::string text;
  for (int i = 31; i >= 0; --i) {
    text += marks == 0 ? ((word >> i & 1) != 0 ? '1' : '0') : ((marks >> i & 1) != 0 ? '^' : ' ');
    if (i == 31 || i == 23) text += ' ';
  }
  return text;
}

void PrintMismatches(const std::string& file, const Score& score, int show) {
  for (size_t i = 0; i < score.mismatches.size() && static_cast<int>(i) < show; ++i) {
    const Mismatch& m = score.mismatches[i];
    std::printf(
        "%s:%lld: the result in %s differs\n  recorded %08x  %s\n  computed %08x  %s\n"
        "                     %s\n",
        file.c_str(), static_cast<long long>(m.line), Row(m.result).name, m.expected,
        Bits(m.expected, 0).c_str(), m.computed, Bits(m.computed, 0).c_str(),
        Bits(0, m.expected ^ m.computed).c_str());
  }
}

void PrintJson(const std::string& file, const Flags& flags, const Score& score) {
  std::string mismatches;
  for (size_t i = 0; i < score.mismatches.size() && static_cast<int>(i) < flags.show; ++i) {
    const Mismatch& m = score.mismatches[i];
    absl::StrAppendFormat(&mismatches,
                          "%s{\"line\": %d, \"result\": \"%s\", \"recorded\": \"%08x\", "
                          "\"computed\": \"%08x\"}",
                          i == 0 ? "" : ", ", m.line, Row(m.result).name, m.expected, m.computed);
  }
  std::string escaped;
  for (const char c : file) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  std::printf(
      "{\"file\": \"%s\", \"chip\": \"%s\", \"type\": \"%s\", \"matched\": %lld, "
      "\"vectors\": %lld, \"mismatches\": [%s]}\n",
      escaped.c_str(), flags.chip.c_str(), flags.type.c_str(),
      static_cast<long long>(score.matched), static_cast<long long>(score.vectors),
      mismatches.c_str());
}

// CDNA3's 8-bit floats are the FNUZ pair: what is named after OCP's is taken for these there.
Format OperandOn(Generation generation, Format format) {
  if (generation != Generation::kCdna3) return format;
  return format == Format::kE4M3   ? Format::kE4M3Fnuz
         : format == Format::kE5M2 ? Format::kE5M2Fnuz
                                   : format;
}

absl::StatusOr<Score> Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const Generation generation, ParseChip(flags.chip));
  STRATA_ASSIGN_OR_RETURN(const Format named, ParseFormat(flags.type));
  const Format operand = OperandOn(generation, named);
  STRATA_ASSIGN_OR_RETURN(const Recording recording, ParseRecording(flags.instruction));
  Score total;
  for (const std::string& file : flags.files) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<DotVector> vectors, ReadVectors(file, operand));
    STRATA_ASSIGN_OR_RETURN(const Score score,
                            CheckVectors(vectors, generation, operand, recording));
    if (flags.json) {
      PrintJson(file, flags, score);
    } else {
      PrintMismatches(file, score, flags.show);
      std::printf("%s: %lld of %lld\n", file.c_str(), static_cast<long long>(score.matched),
                  static_cast<long long>(score.vectors));
    }
    total.matched += score.matched;
    total.vectors += score.vectors;
  }
  if (flags.json) {
    std::printf("{\"matched\": %lld, \"vectors\": %lld}\n", static_cast<long long>(total.matched),
                static_cast<long long>(total.vectors));
  } else {
    std::printf("matched %lld of %lld\n", static_cast<long long>(total.matched),
                static_cast<long long>(total.vectors));
  }
  return total;
}

}  // namespace
}  // namespace strata::chips

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  CLI::App app(
      "Holds the modelled tensor cores against recorded results of real chips; the last line is "
      "`matched N of M`.");
  strata::chips::Flags flags;
  app.add_option("--chip", flags.chip, "Chip or generation: v100, a100, l40s, h100, b200, ...")
      ->required();
  app.add_option("--type", flags.type, "Operand format: fp16, bf16, tf32, e4m3, e5m2")->required();
  app.add_option("--instruction", flags.instruction,
                 "recorded: as the published files were made; native: the chip's own unit; mma: "
                 "mma.sync")
      ->check(CLI::IsMember({"recorded", "native", "mma"}))
      ->capture_default_str();
  app.add_option("--show", flags.show, "Mismatches shown a file")->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object a file, and one for all");
  app.add_option("files", flags.files, "Vector files (csv, may be gzipped)")->required();
  CLI11_PARSE(app, argc, argv);
  const auto score = strata::chips::Run(flags);
  if (!score.ok()) {
    std::fprintf(stderr, "check_vectors: %s\n", std::string(score.status().message()).c_str());
    return strata::ExitCode(score.status());
  }
  return score->matched == score->vectors ? 0 : 1;
}
