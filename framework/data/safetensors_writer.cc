#include <utility>

#include "framework/data/safetensors.h"
#include "framework/data/safetensors_stream.h"

namespace strata::framework {

absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, graph::HostTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsOutput> outputs;
  for (const auto& item : tensors) {
    const graph::HostTensor& tensor = item.second;
    outputs.push_back({item.first, tensor.dtype(), tensor.dims(), [&tensor](const ByteSink& sink) {
                         return sink({static_cast<const char*>(tensor.raw()), tensor.size_bytes()});
                       }});
  }
  return StreamSafetensors(path, outputs, metadata);
}

}  // namespace strata::framework
