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
    if (buffer.dtype() != chips::F32) continue;
    float* data = inputs.back().data<float>();
    for (int64_t i = 0; i < inputs.back().elements(); ++i) data[i] = uniform(generator);
  }
  return inputs;
}

}  // namespace strata::cli
