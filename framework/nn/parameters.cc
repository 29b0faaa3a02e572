#include "framework/nn/parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <thread>

#include "absl/strings/str_join.h"

namespace strata::framework {
namespace {

// FNV-1a: a name as 64 bits.
uint64_t HashName(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits that looks
// random.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Number `counter` of the stream `key`.
uint64_t RandomBits(uint64_t key, uint64_t counter) {
  return Mix(key + (counter + 1) * 0x9e3779b97f4a7c15u);
}

// In (0, 1): never 0, whose logarithm is infinite.
double ToUnit(uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53; }

// Elements [begin, end) of a normal array; begin is even. Box-Muller: two uniforms make two
// normals.
template <typename T>
void FillNormal(uint64_t key, double deviation, int64_t begin, int64_t end, T* out) {
  for (int64_t i = begin; i < end; i += 2) {
    const uint64_t counter = static_cast<uint64_t>(i);
    const double radius = deviation * std::sqrt(-2 * std::log(ToUnit(RandomBits(key, counter))));
    const double angle = 2 * std::numbers::pi * ToUnit(RandomBits(key, counter + 1));
    out[i] = static_cast<T>(radius * std::cos(angle));
    if (i + 1 < end) out[i + 1] = static_cast<T>(radius * std::sin(angle));
  }
}

template <typename T>
void FillNormalInParallel(uint64_t key, double deviation, int64_t n, T* out) {
  constexpr int64_t kChunk = int64_t{1} << 16;
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  const int64_t workers =
      std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, std::max<int64_t>(chunks, 1));
  const auto work = [=](int64_t first) {
    for (int64_t chunk = first; chunk < chunks; chunk += workers) {
      FillNormal(key, deviation, chunk * kChunk, std::min(n, (chunk + 1) * kChunk), out);
    }
  };
  std::vector<std::thread> threads;
  for (int64_t worker = 1; worker < workers; ++worker) threads.emplace_back(work, worker);
  work(0);
  for (std::thread& thread : threads) thread.join();
}

// 16-bit floats are rounded from f32, so that all dtypes start from the same numbers.
graph::HostTensor NormalTensor(const ParameterSpec& spec, uint64_t key) {
  const bool wide = spec.dtype == chips::F64;
  graph::HostTensor tensor = graph::HostTensor::Allocate(wide ? chips::F64 : chips::F32, spec.dims);
  const double deviation = spec.init.standard_deviation;
  if (wide) {
    FillNormalInParallel(key, deviation, tensor.elements(), tensor.data<double>());
  } else {
    FillNormalInParallel(key, deviation, tensor.elements(), tensor.data<float>());
  }
  return tensor.Cast(spec.dtype);
}

}  // namespace

graph::HostTensor InitParameter(const ParameterSpec& spec, uint64_t seed) {
  switch (spec.init.kind) {
    case Init::Kind::kNormal:
      return NormalTensor(spec, Mix(Mix(seed) ^ HashName(spec.name)));
    case Init::Kind::kOnes: {
      const graph::HostTensor zeros = graph::HostTensor::Zeros(spec.dtype, spec.dims);
      const size_t n = static_cast<size_t>(zeros.elements());
      return graph::HostTensor::FromDoubles(spec.dtype, spec.dims, std::vector<double>(n, 1.0));
    }
    case Init::Kind::kZeros:
      break;
  }
  return graph::HostTensor::Zeros(spec.dtype, spec.dims);
}

Tensor ParameterSet::Create(const std::string& name, const std::vector<int64_t>& dims,
                            const Init& init) {
  auto [it, fresh] = index_.emplace(name, specs_.size());
  if (!fresh) {
    const ParameterSpec& known = specs_[it->second];
    if (known.dims == dims) return tensors_[it->second];
    builder_.Fail(absl::InvalidArgumentError(
        absl::StrCat("parameter '", name, "' is [", absl::StrJoin(known.dims, ", "),
                     "] and is asked for again as [", absl::StrJoin(dims, ", "), "]")));
    return Tensor(builder_, graph::kNoValue);
  }
  specs_.push_back({name, dims, dtype_, init});
  tensors_.push_back(
      Input(builder_, name, {dtype_, graph::Shape(dims.begin(), dims.end())}, graph::PARAMETER));
  return tensors_.back();
}

std::vector<graph::ValueId> ParameterSet::ids() const {
  std::vector<graph::ValueId> ids;
  for (const Tensor& tensor : tensors_) ids.push_back(tensor.id());
  return ids;
}

int64_t ParameterSet::elements() const {
  int64_t total = 0;
  for (const ParameterSpec& spec : specs_) {
    int64_t n = 1;
    for (int64_t dim : spec.dims) n *= dim;
    total += n;
  }
  return total;
}

}  // namespace strata::framework
