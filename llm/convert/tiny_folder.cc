#include "llm/convert/tiny_folder.h"

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "framework/data/safetensors_stream.h"
#include "llm/convert/tensor_map.h"
#include "llm/model/hf_config.h"

namespace strata::llm {
namespace {

using graph::HostTensor;

// Element `index` of the first dim.
HostTensor Part(const HostTensor& whole, size_t index) {
  std::vector<int64_t> dims(whole.dims().begin() + 1, whole.dims().end());
  HostTensor part = HostTensor::Allocate(chips::F32, dims);
  const float* first = whole.data<float>() + static_cast<int64_t>(index) * part.elements();
  std::copy(first, first + part.elements(), part.data<float>());
  return part;
}

// The decoder's name of all experts together.
std::string StackedName(const MappedTensor& map) {
  std::string name = map.hf[0];
  const size_t at = name.find("experts.0.");
  return map.hf.size() > 1 ? name.erase(at + 8, 2) : name;
}

}  // namespace

absl::Status WriteTinyFolder(const std::string& folder, const DecoderConfig& config,
                             const std::map<std::string, HostTensor>& weights, chips::DType dtype) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<MappedTensor> maps, MapTensors(config));
  std::vector<framework::SafetensorsOutput> outputs;
  for (const MappedTensor& map : maps) {
    const HostTensor& whole = weights.at(StackedName(map));
    for (size_t e = 0; e < map.hf.size(); ++e) {
      const HostTensor tensor = (map.hf.size() > 1 ? Part(whole, e) : whole).Cast(dtype);
      outputs.push_back(
          {map.hf[e], dtype, tensor.dims(), [tensor](const framework::ByteSink& sink) {
             return sink({static_cast<const char*>(tensor.raw()), tensor.size_bytes()});
           }});
    }
  }
  STRATA_RETURN_IF_ERROR(framework::WriteSafetensorsFolder(folder, outputs).status());
  return WriteFileAtomic(JoinPath(folder, "config.json"), WriteHfConfig(config));
}

}  // namespace strata::llm
