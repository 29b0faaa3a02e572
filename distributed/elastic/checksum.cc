#include "distributed/elastic/checksum.h"

#include <algorithm>
#include <cstring>

namespace strata::distributed {
namespace {

constexpr uint64_t kPrime = 0x100000001b3, kStart = 0xcbf29ce484222325;

uint64_t Mix(uint64_t x) {  // the finaliser of splitmix64: a bijection
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

int64_t Checksum(const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  uint64_t lanes[4] = {kStart, kStart + 1, kStart + 2, kStart + 3};
  size_t lane = 0;
  for (size_t done = 0; done < bytes; done += 8, ++lane) {
    uint64_t word = 0;
    std::memcpy(&word, at + done, std::min<size_t>(8, bytes - done));
    lanes[lane % 4] = (lanes[lane % 4] ^ Mix(word)) * kPrime;
  }
  uint64_t all = bytes;
  for (uint64_t value : lanes) all = Mix(all ^ value) + kStart;
  return static_cast<int64_t>(all);
}

std::vector<int> OddOnesOut(absl::Span<const int64_t> values) {
  const auto votes = [&](int64_t value) {
    return 2 * std::count(values.begin(), values.end(), value);
  };
  const auto ranks = static_cast<std::ptrdiff_t>(values.size());
  const auto winner = std::find_if(values.begin(), values.end(),
                                   [&](int64_t value) { return votes(value) > ranks; });
  std::vector<int> odd;
  for (size_t rank = 0; rank < values.size(); ++rank)
    if (winner == values.end() || values[rank] != *winner) odd.push_back(static_cast<int>(rank));
  return odd;
}

int Culprit(absl::Span<const int64_t> values) {
  const std::vector<int> odd = OddOnesOut(values);
  return odd.size() == 1 ? odd[0] : -1;
}

}  // namespace strata::distributed
