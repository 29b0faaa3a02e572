#include "cli/random_inputs.h"

#include <random>

namespace strata::cli {

std::vector<graph::HostTensor> RandomInputs(const plan::Plan& plan) {
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<float> uniform(0.0f, 0.1f);
  std::vector<graph::HostTensor> inputs;
  for (uint32_t id : plan.inputs()) {
    const plan::Buffer& buffer = plan.buffers(static_cast<int>(id));
    inputs.push_back(
        graph::HostTensor::Zeros(buffer.dtype(), {buffer.dims().begin(), buffer.dims().end()}));
    graph::HostTensor& tensor = inputs.back();
    if (buffer.dtype() == chips::I8) {
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.data<int8_t>()[i] = static_cast<int8_t>(generator());
    } else if (buffer.dtype() == chips::F32) {
      for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = uniform(generator);
    } else if (chips::IsFloat(buffer.dtype()) || chips::IsFloat8(buffer.dtype())) {
      std::vector<double> values(static_cast<size_t>(tensor.elements()));
      for (double& value : values) value = uniform(generator);
      tensor.SetFromDoubles(values);
    }
  }
  return inputs;
}

}  // namespace strata::cli
