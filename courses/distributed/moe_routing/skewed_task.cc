#include "courses/distributed/moe_routing/skewed_task.h"

#include <cmath>
#include <random>
#include <vector>

#include "framework/nn/parameters.h"

namespace strata::courses {
namespace {

using framework::Init;
using graph::HostTensor;

constexpr float kNoise = 0.7f;  // beside centres of standard deviation 1
constexpr double kZipf = 1.4;   // the frequency of kind n falls as n to this power

HostTensor Normal(const char* name, std::vector<int64_t> dims, double deviation, uint64_t seed) {
  return framework::InitParameter({name, std::move(dims), chips::F32, Init::Normal(deviation)},
                                  seed);
}

}  // namespace

SkewedBatch MakeBatch(const SkewedTask& task, uint64_t step) {
  const int64_t C = task.width;
  const HostTensor centres = Normal("centres", {task.kinds, C}, 1, task.seed);
  const HostTensor maps = Normal("maps", {task.kinds, C, C}, 0.3, task.seed);
  std::vector<double> frequency;
  for (int64_t kind = 0; kind < task.kinds; ++kind)
    frequency.push_back(std::pow(static_cast<double>(kind + 1), -kZipf));
  std::mt19937_64 random(task.seed * 1000003 + step);
  std::discrete_distribution<int64_t> kinds(frequency.begin(), frequency.end());
  SkewedBatch batch;
  batch.x = Normal("noise", {task.groups, task.tokens, C}, kNoise, task.seed * 1000003 + step);
  batch.target = HostTensor::Zeros(chips::F32, batch.x.dims());
  for (int64_t n = 0; n < task.groups * task.tokens; ++n) {
    const int64_t kind = kinds(random);
    float *x = batch.x.data<float>() + n * C, *y = batch.target.data<float>() + n * C;
    for (int64_t c = 0; c < C; ++c) x[c] += centres.data<float>()[kind * C + c];
    const float* map = maps.data<float>() + kind * C * C;
    for (int64_t i = 0; i < C; ++i) {
      for (int64_t c = 0; c < C; ++c) y[i] += map[i * C + c] * x[c];
    }
  }
  return batch;
}

}  // namespace strata::courses
