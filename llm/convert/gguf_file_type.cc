#include "llm/convert/gguf_file_type.h"

#include <map>
#include <string>

namespace strata::llm {
namespace {

struct FileType {
  const char* format;
  uint32_t id;
};

// llama.h's numbers of "mostly" a format; the K formats' are those of the small mixture.
constexpr FileType kFileTypes[] = {{"f32", 0},   {"f16", 1},     {"q4_0", 2},  {"q4_1", 3},
                                   {"q8_0", 7},  {"q5_0", 8},    {"q4_k", 14}, {"q5_k", 16},
                                   {"q6_k", 18}, {"iq4_nl", 25}, {"bf16", 32}, {"mxfp4", 38}};

}  // namespace

void SetGgufFileType(const std::vector<inference::GgufOutput>& tensors,
                     inference::GgufMetadata* metadata) {
  std::map<std::string, int64_t> weights;
  bool quantised = false;
  for (const inference::GgufOutput& tensor : tensors) {
    quantised |= tensor.format->block > 1;
    if (tensor.dims.size() < 2) continue;
    int64_t count = 1;
    for (int64_t dim : tensor.dims) count *= dim;
    weights[tensor.format->name] += count;
  }
  int64_t most = -1;
  for (const FileType& type : kFileTypes) {
    const auto found = weights.find(type.format);
    if (found == weights.end() || found->second <= most) continue;
    most = found->second;
    (*metadata)["general.file_type"] = type.id;
  }
  if (quantised) (*metadata)["general.quantization_version"] = uint32_t{2};
}

}  // namespace strata::llm
