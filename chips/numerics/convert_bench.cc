// Benchmark: conversions of arrays that no cache holds, beside what the memory gives.
//
//   bazel run -c opt //chips/numerics:convert_bench
//   bazel run -c opt //chips/numerics:convert_bench -- --threads=1 --json
//
// All are taken in turn, --rounds times, and the best time of each is told. Bytes are those that the work
// must move: read and written once. "read" sums an array, "copy" moves one with memcpy: a conversion at the
// memory's speed is as fast as these.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "chips/numerics/block_format.h"
#include "chips/numerics/convert.h"

namespace strata::chips {
namespace {

struct Flags {
  int threads = 0;
  int rounds = 9;
  int64_t mebi = 64;  // of fp32 words' bytes
  bool json = false;
};

struct Work {
  std::string name;
  double bytes;
  std::function<void(size_t begin, size_t end)> part;
  double best_seconds = 1e30;
};

struct Arrays {
  explicit Arrays(size_t count)
      : floats(count, 1.5f),
        copy(count),
        bytes(count),
        halves(count),
        elements(count),
        scales(count / 16 + 1) {
    for (size_t i = 0; i < count; ++i) {
      floats[i] = static_cast<float>(i % 4099) * 0.01f - 20;
      bytes[i] = static_cast<uint8_t>(i * 37 % 120);
      halves[i] = static_cast<uint16_t>(i * 37 % 0x7000);
    }
  }
  std::vector<float> floats, copy;
  std::vector<uint8_t> bytes;
  std::vector<uint16_t> halves;
  std::vector<uint8_t> elements, scales;  // of block formats
  std::vector<uint64_t> sums = std::vector<uint64_t>(1024);
};

template <typename T>
absl::Span<T> Part(std::vector<T>& values, size_t begin, size_t end) {
  return absl::MakeSpan(values).subspan(begin, end - begin);
}

void Sum(Arrays& arrays, size_t begin, size_t end) {
  uint64_t sums[8] = {};
  for (size_t i = begin; i + 16 <= end; i += 16) {
    uint64_t words[8];
    std::memcpy(words, &arrays.floats[i], sizeof words);
    for (int j = 0; j < 8; ++j) sums[j] += words[j];
  }
  for (const uint64_t sum : sums)
    arrays.sums[static_cast<size_t>(omp_get_thread_num()) % 128 * 8] += sum;
}

template <typename Code>
void AddConversions(Arrays& arrays, Format format, std::vector<Code>& codes,
                    std::vector<Work>& works) {
  const double bytes = static_cast<double>(codes.size() * (sizeof(float) + sizeof(Code)));
  const std::string name = Row(format).name;
  works.push_back({"f32 to " + name, bytes, [&, format](size_t begin, size_t end) {
                     (void)FromF32(format, Part(arrays.floats, begin, end),
                                   Part(codes, begin, end));
                   }});
  works.push_back({"f32 to " + name + " stoch.", bytes, [&, format](size_t begin, size_t end) {
                     (void)FromF32Stochastic(format, Part(arrays.floats, begin, end), RandomBits(1),
                                             begin, Part(codes, begin, end));
                   }});
  works.push_back({name + " to f32", bytes, [&, format](size_t begin, size_t end) {
                     (void)ToF32(format, Part(codes, begin, end), Part(arrays.copy, begin, end));
                   }});
}

// Of a block format: elements and scales. The tensor's scale is found in a pass of its own, which is not counted.
void AddBlockConversions(Arrays& arrays, BlockFormat format, std::vector<Work>& works) {
  const size_t block = static_cast<size_t>(Row(format).block), count = arrays.floats.size();
  const double bytes = static_cast<double>(count) * 5 + static_cast<double>(count / block);
  const std::string name = Row(format).name;
  const float tensor_scale = TensorScale(format, arrays.floats);
  const auto quantise = [&arrays, format, block, tensor_scale](Rounding rounding) {
    return [&arrays, format, block, tensor_scale, rounding](size_t begin, size_t end) {
      (void)QuantiseInto(format, Part(arrays.floats, begin, end), tensor_scale,
                         {.rounding = rounding, .first = begin}, Part(arrays.elements, begin, end),
                         Part(arrays.scales, begin / block, (end + block - 1) / block));
    };
  };
  works.push_back({"f32 to " + name, bytes, quantise(Rounding::kNearestEven)});
  works.push_back({"f32 to " + name + " stoch.", bytes, quantise(Rounding::kStochastic)});
  works.push_back(
      {name + " to f32", bytes, [&arrays, format, block, tensor_scale](size_t begin, size_t end) {
         (void)DequantiseInto(format, Part(arrays.elements, begin, end),
                              Part(arrays.scales, begin / block, (end + block - 1) / block),
                              tensor_scale, Part(arrays.copy, begin, end));
       }});
}

std::vector<Work> MakeWorks(Arrays& arrays) {
  const double words = static_cast<double>(arrays.floats.size() * sizeof(float));
  std::vector<Work> works;
  works.push_back({"read", words, [&](size_t begin, size_t end) { Sum(arrays, begin, end); }});
  works.push_back({"copy", 2 * words, [&](size_t begin, size_t end) {
                     std::memcpy(&arrays.copy[begin], &arrays.floats[begin],
                                 (end - begin) * sizeof(float));
                   }});
  AddConversions(arrays, Format::kBf16, arrays.halves, works);
  AddConversions(arrays, Format::kF16, arrays.halves, works);
  for (const Format format :
       {Format::kE4M3, Format::kE5M2, Format::kE4M3Fnuz, Format::kE5M2Fnuz, Format::kE3M2,
        Format::kE2M3, Format::kE2M1, Format::kI8, Format::kI4}) {
    AddConversions(arrays, format, arrays.bytes, works);
  }
  for (const BlockRow& row : AllBlockFormats()) AddBlockConversions(arrays, row.format, works);
  return works;
}

double SecondsOf(const Work& work, size_t count, int threads) {
  const auto start = std::chrono::steady_clock::now();
#pragma omp parallel num_threads(threads)
  {
    const size_t t = static_cast<size_t>(omp_get_thread_num());
    const size_t n = static_cast<size_t>(omp_get_num_threads());
    const auto border = [&](size_t i) { return i * count / n / 64 * 64; };
    work.part(border(t), t + 1 == n ? count : border(t + 1));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void Print(const std::vector<Work>& works, const Flags& flags, int threads) {
  const auto rate = [](const Work& work) { return work.bytes / work.best_seconds / 1e9; };
  const double copy = rate(works[1]);
  if (!flags.json)
    std::printf("%d threads, %lld MiB of fp32\n", threads, static_cast<long long>(flags.mebi));
  for (const Work& work : works) {
    if (flags.json) {
      std::printf(
          "{\"work\": \"%s\", \"threads\": %d, \"gb_per_second\": %.2f, \"of_copy\": %.3f}\n",
          work.name.c_str(), threads, rate(work), rate(work) / copy);
    } else {
      std::printf("%-24s %7.2f GB/s  %5.2f of copy\n", work.name.c_str(), rate(work),
                  rate(work) / copy);
    }
  }
}

void Run(const Flags& flags) {
  const int threads = flags.threads > 0 ? flags.threads : omp_get_max_threads();
  Arrays arrays(static_cast<size_t>(flags.mebi) << 18);
  std::vector<Work> works = MakeWorks(arrays);
  for (int round = 0; round < flags.rounds; ++round) {
    for (Work& work : works) {
      work.best_seconds =
          std::min(work.best_seconds, SecondsOf(work, arrays.floats.size(), threads));
    }
  }
  Print(works, flags, threads);
}

}  // namespace
}  // namespace strata::chips

int main(int argc, char** argv) {
  CLI::App app(
      "Measures conversions between fp32 and the narrow formats beside the memory's speed.");
  strata::chips::Flags flags;
  app.add_option("--threads", flags.threads, "Threads; 0: as many as OpenMP has")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Times that each is done; the best counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--mebi", flags.mebi, "MiB of the fp32 array")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object a line");
  CLI11_PARSE(app, argc, argv);
  strata::chips::Run(flags);
}
