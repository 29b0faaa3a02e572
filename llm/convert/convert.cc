#include "llm/convert/convert.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "framework/data/safetensors.h"
#include "framework/data/safetensors_stream.h"
#include "inference/import/gguf.h"
#include "inference/import/gguf_writer.h"
#include "llm/convert/gguf_file_type.h"
#include "llm/convert/plan.h"
#include "llm/convert/side_files.h"
#include "llm/model/gguf_config.h"
#include "llm/model/hf_config.h"

namespace strata::llm {
namespace {

using chips::WeightFormat;
using framework::SafetensorsFile;
using inference::GgufFile;
using inference::GgufMetadata;

bool IsGgufPath(const std::string& path) { return absl::EndsWith(path, ".gguf"); }

// "dir/model.gguf" -> those of "dir/model-00001-of-00003.gguf" that are there.
std::vector<std::string> PartsThere(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string stem = std::string(absl::StripSuffix(whole.filename().string(), ".gguf"));
  std::vector<std::string> parts;
  std::error_code error;
  const std::filesystem::path folder = whole.has_parent_path() ? whole.parent_path() : ".";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, stem) && name.size() == stem.size() + 20 &&
        name.substr(stem.size() + 6, 4) == "-of-" && IsGgufPath(name)) {
      parts.push_back(entry.path().string());
    }
  }
  return parts;
}

absl::Status CheckNothingThere(const std::string& out) {
  std::vector<std::string> there;
  if (IsGgufPath(out)) {
    there = PartsThere(out);
    if (FileExists(out)) there.push_back(out);
  } else {
    for (const char* file : {"config.json", "model.safetensors", "model.safetensors.index.json"}) {
      if (FileExists(JoinPath(out, file))) there.push_back(JoinPath(out, file));
    }
  }
  if (there.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(there[0], ": is there already; give --force to replace it"));
}

// The format a tensor gets, with a word when it is not the one asked for.
const WeightFormat* TargetInGguf(const PlannedTensor& tensor, const WeightFormat* wanted,
                                 ConvertSummary* summary) {
  const WeightFormat* const f32 = chips::FindGgmlType(0);
  if (tensor.stays_f32) return f32;
  if (wanted == nullptr) wanted = tensor.format;
  const int64_t width = tensor.dims.empty() ? 1 : tensor.dims.back();
  if (width % wanted->block == 0) return wanted;
  const WeightFormat* target = *chips::FindWeightFormat(width % 32 == 0 ? "q8_0" : "f16");
  summary->fallbacks.push_back(absl::StrCat(tensor.name, ": ", target->name, " in place of ",
                                            wanted->name, ", as its rows have ", width,
                                            " weights"));
  return target;
}

const WeightFormat* TargetInHf(const PlannedTensor& tensor, const WeightFormat* wanted) {
  if (wanted != nullptr) return wanted;
  return tensor.format->block == 1 ? tensor.format : chips::FindGgmlType(0);
}

int64_t Elements(const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

// Writes a tensor's rows, and keeps the books.
class Conversion {
 public:
  Conversion(const ConvertOptions& options, size_t count, ConvertSummary* summary)
      : options_(options), count_(count), summary_(*summary) {}

  absl::Status Write(const PlannedTensor& tensor, const WeightFormat& format,
                     const std::function<absl::Status(absl::string_view)>& sink) {
    RowError error;
    STRATA_RETURN_IF_ERROR(WriteRows(tensor.rows(), format, sink, &error));
    const double relative = error.squared_error == 0 ? 0 : error.Relative();
    if (relative > summary_.worst_relative_error) {
      summary_.worst_relative_error = relative;
      summary_.worst_tensor = tensor.name;
    }
    const int64_t weights = Elements(tensor.dims);
    const auto bytes = static_cast<uint64_t>(chips::RowBytes(format, weights));
    ConvertSummary::Format& row = summary_.formats[format.name];
    ++row.tensors;
    row.weights += weights;
    row.bytes += bytes;
    ++index_;
    if (options_.progress) {
      options_.progress(
          {tensor.name, tensor.format->name, format.name, bytes, relative, index_, count_});
    }
    return absl::OkStatus();
  }

 private:
  const ConvertOptions& options_;
  const size_t count_;
  ConvertSummary& summary_;
  size_t index_ = 0;
};

void CountBits(ConvertSummary* summary) {
  int64_t weights = 0;
  uint64_t bytes = 0;
  for (const auto& [name, format] : summary->formats) {
    weights += format.weights;
    bytes += format.bytes;
  }
  if (weights > 0) {
    summary->bits_per_weight = 8.0 * static_cast<double>(bytes) / static_cast<double>(weights);
  }
}

absl::StatusOr<ConvertSummary> WriteAsGguf(const ConversionPlan& plan, GgufMetadata metadata,
                                           const WeightFormat* wanted, const std::string& out,
                                           const ConvertOptions& options) {
  ConvertSummary summary;
  summary.left_out = plan.left_out;
  Conversion conversion(options, plan.tensors.size(), &summary);
  std::vector<inference::GgufOutput> outputs;
  for (const PlannedTensor& tensor : plan.tensors) {
    const WeightFormat* format = TargetInGguf(tensor, wanted, &summary);
    outputs.push_back({tensor.name, format, tensor.dims,
                       [&conversion, &tensor, format](const inference::ByteSink& sink) {
                         return conversion.Write(tensor, *format, sink);
                       }});
  }
  SetGgufFileType(outputs, &metadata);
  const std::vector<std::string> old_parts = PartsThere(out);
  STRATA_ASSIGN_OR_RETURN(summary.paths,
                          WriteGguf(out, metadata, outputs, {.split_bytes = options.split_bytes}));
  // What an earlier model left under names that this one does not use.
  std::set<std::string> stale(old_parts.begin(), old_parts.end());
  stale.insert(out);
  for (const std::string& path : summary.paths) stale.erase(path);
  std::error_code error;
  for (const std::string& path : stale) std::filesystem::remove(path, error);
  CountBits(&summary);
  return summary;
}

absl::StatusOr<ConvertSummary> WriteAsFolder(const ConversionPlan& plan, const WeightFormat* wanted,
                                             const std::string& out,
                                             const ConvertOptions& options) {
  ConvertSummary summary;
  summary.left_out = plan.left_out;
  Conversion conversion(options, plan.tensors.size(), &summary);
  std::vector<framework::SafetensorsOutput> outputs;
  for (const PlannedTensor& tensor : plan.tensors) {
    const WeightFormat* format = TargetInHf(tensor, wanted);
    STRATA_ASSIGN_OR_RETURN(const chips::DType dtype, chips::ParseDType(format->name));
    outputs.push_back({tensor.name, dtype, tensor.dims,
                       [&conversion, &tensor, format](const framework::ByteSink& sink) {
                         return conversion.Write(tensor, *format, sink);
                       }});
  }
  STRATA_ASSIGN_OR_RETURN(summary.paths, WriteSafetensorsFolder(out, outputs,
                                                                {.shard_bytes = options.split_bytes,
                                                                 .metadata = {{"format", "pt"}}}));
  CountBits(&summary);
  return summary;
}

absl::StatusOr<DecoderConfig> ReadConfig(const std::string& folder) {
  const std::string path = JoinPath(folder, "config.json");
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseHfConfig(text, path);
}

std::string ModelName(const std::string& path) {
  const std::filesystem::path clean = std::filesystem::path(path).lexically_normal();
  return clean.has_filename() ? clean.filename().string() : clean.parent_path().filename().string();
}

absl::StatusOr<ConvertSummary> FromFolder(const std::string& in, const std::string& out,
                                          const WeightFormat* wanted,
                                          const ConvertOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const SafetensorsFile file, framework::OpenSafetensors(in));
  if (!IsGgufPath(out)) {
    STRATA_ASSIGN_OR_RETURN(const ConversionPlan plan, PlanHfToHf(file, in));
    STRATA_ASSIGN_OR_RETURN(ConvertSummary summary, WriteAsFolder(plan, wanted, out, options));
    STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> paths, CopySideFiles(in, out));
    summary.paths.insert(summary.paths.end(), paths.begin(), paths.end());
    return summary;
  }
  STRATA_ASSIGN_OR_RETURN(const DecoderConfig config, ReadConfig(in));
  STRATA_ASSIGN_OR_RETURN(const ConversionPlan plan, PlanHfToGguf(config, file, in));
  std::vector<std::string> notes;
  STRATA_ASSIGN_OR_RETURN(GgufMetadata metadata, MetadataOfFolder(in, config.vocab_size(), &notes));
  STRATA_ASSIGN_OR_RETURN(const GgufMetadata entries, GgufConfigEntries(config));
  metadata.insert(entries.begin(), entries.end());
  metadata["general.name"] = ModelName(in);
  STRATA_ASSIGN_OR_RETURN(ConvertSummary summary,
                          WriteAsGguf(plan, std::move(metadata), wanted, out, options));
  summary.fallbacks.insert(summary.fallbacks.begin(), notes.begin(), notes.end());
  return summary;
}

absl::StatusOr<ConvertSummary> FromGguf(const std::string& in, const std::string& out,
                                        const WeightFormat* wanted, const ConvertOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const GgufFile file, inference::OpenGguf(in));
  if (IsGgufPath(out)) {
    STRATA_ASSIGN_OR_RETURN(const ConversionPlan plan, PlanGgufToGguf(file));
    return WriteAsGguf(plan, file.metadata(), wanted, out, options);
  }
  STRATA_ASSIGN_OR_RETURN(const DecoderConfig found, ParseGgufConfig(file));
  const DecoderConfig config = InHfLayout(found);
  STRATA_ASSIGN_OR_RETURN(const ConversionPlan plan, PlanGgufToHf(config, file));
  STRATA_ASSIGN_OR_RETURN(ConvertSummary summary, WriteAsFolder(plan, wanted, out, options));
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                          WriteSideFiles(out, config, file.metadata()));
  summary.paths.insert(summary.paths.end(), paths.begin(), paths.end());
  return summary;
}

}  // namespace

absl::StatusOr<ConvertSummary> Convert(const std::string& in, const std::string& out,
                                       const ConvertOptions& options) {
  const WeightFormat* wanted = nullptr;
  if (!options.quant.empty()) {
    STRATA_ASSIGN_OR_RETURN(wanted, chips::FindWeightFormat(absl::AsciiStrToLower(options.quant)));
    if (!IsGgufPath(out) && wanted->block != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(out, ": a folder of safetensors cannot hold ", wanted->name,
                       "; give f32, f16 or bf16, or an output that ends in .gguf"));
    }
  }
  if (!options.force) STRATA_RETURN_IF_ERROR(CheckNothingThere(out));
  return IsGgufPath(in) ? FromGguf(in, out, wanted, options) : FromFolder(in, out, wanted, options);
}

}  // namespace strata::llm
