// The verb on model files: convert.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "llm/convert/convert.h"

namespace strata::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string quant;
  std::string split_size;
  bool force = false;
  bool quiet = false;
  bool json = false;
};

// "2G", "500M", "64K" or bytes; empty is 0.
absl::StatusOr<uint64_t> ParseSize(const std::string& text) {
  if (text.empty()) return uint64_t{0};
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string unit(end);
  const double factor = unit.empty()  ? 1
                        : unit == "K" ? 1e3
                        : unit == "M" ? 1e6
                        : unit == "G" ? 1e9
                                      : 0;
  if (end == text.c_str() || factor == 0 || !(number > 0) || number * factor > 1e18) {
    return absl::InvalidArgumentError(
        absl::StrCat("--split-size: '", text, "' is no size; give one such as 2G or 500M"));
  }
  return static_cast<uint64_t>(number * factor);
}

void PrintProgress(const llm::ConvertedTensor& tensor) {
  std::fprintf(stderr, "[%zu/%zu] %-48s %6s -> %-6s %9.2f MB", tensor.index, tensor.count,
               tensor.name.c_str(), tensor.from.c_str(), tensor.to.c_str(),
               static_cast<double>(tensor.bytes) * 1e-6);
  if (tensor.relative_error > 0) std::fprintf(stderr, "  error %.2g", tensor.relative_error);
  std::fputc('\n', stderr);
}

void PrintText(const llm::ConvertSummary& summary) {
  for (const auto& [name, format] : summary.formats) {
    std::printf("%-6s  %5" PRId64 " tensors  %14" PRId64 " weights  %12.2f MB\n", name.c_str(),
                format.tensors, format.weights, static_cast<double>(format.bytes) * 1e-6);
  }
  std::printf("%.3f bits a weight\n", summary.bits_per_weight);
  if (summary.worst_tensor.empty()) {
    std::printf("no value changed\n");
  } else {
    std::printf("worst relative error %.3g, of %s\n", summary.worst_relative_error,
                summary.worst_tensor.c_str());
  }
  for (const std::string& fallback : summary.fallbacks) std::printf("%s\n", fallback.c_str());
  for (const std::string& name : summary.left_out) std::printf("left out: %s\n", name.c_str());
  for (const std::string& path : summary.paths) std::printf("wrote %s\n", path.c_str());
}

// One object; names come from files, which may hold any characters.
void PrintJson(const llm::ConvertSummary& summary) {
  using Json = nlohmann::ordered_json;
  Json formats = Json::object();
  for (const auto& [name, format] : summary.formats) {
    formats[name] = {
        {"tensors", format.tensors}, {"weights", format.weights}, {"bytes", format.bytes}};
  }
  const Json json = {{"formats", formats},
                     {"bits_per_weight", summary.bits_per_weight},
                     {"worst_relative_error", summary.worst_relative_error},
                     {"worst_tensor", summary.worst_tensor},
                     {"fallbacks", summary.fallbacks},
                     {"left_out", summary.left_out},
                     {"paths", summary.paths}};
  PrintLine(json);
}

absl::Status Convert(const Options& o) {
  llm::ConvertOptions options{.quant = o.quant, .force = o.force};
  STRATA_ASSIGN_OR_RETURN(options.split_bytes, ParseSize(o.split_size));
  if (!o.quiet && isatty(STDERR_FILENO) == 1) options.progress = PrintProgress;
  STRATA_ASSIGN_OR_RETURN(const llm::ConvertSummary summary, llm::Convert(o.in, o.out, options));
  o.json ? PrintJson(summary) : PrintText(summary);
  return absl::OkStatus();
}

}  // namespace

void AddConvertCommand(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App* verb = AddVerb(app, action, "convert",
                           "Models between Hugging Face folders and GGUF files, and between "
                           "number formats",
                           options, Convert);
  verb->footer(
      "\n  strata convert models/llama llama.q4_k.gguf --quant=q4_k\n"
      "  strata convert llama.gguf models/llama --quant=bf16\n");
  verb->add_option("in", o.in,
                   "a folder with config.json and safetensors, or a .gguf file (of a "
                   "split one the first part)")
      ->required();
  verb->add_option("out", o.out, "a path that ends in .gguf, or a folder")->required();
  verb->add_option(
      "--quant", o.quant,
      "format of all matrices: f32, f16, bf16; in GGUF also q8_0, q4_0, q4_1, q5_0, "
      "q4_k, q5_k, q6_k, iq4_nl, mxfp4; unset: each keeps its own (in a folder: f32 "
      "where it cannot). Rows that are no whole blocks get q8_0 or f16, and are named");
  verb->add_option("--split-size", o.split_size,
                   "most weights of a file, such as 2G or 500M (powers of ten): more make parts");
  verb->add_flag("--force", o.force, "replace a model that is there");
  verb->add_flag("--quiet", o.quiet, "no line a tensor; without a terminal there is none anyway");
  verb->add_flag("--json", o.json, "the summary as one object");
}

}  // namespace strata::cli
