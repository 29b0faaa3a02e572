// For tests that feed parsers with faulty input.
//
//   std::mt19937_64 random(1);
//   for (int round = 0; round < 1000; ++round) Check(Parse(Spoil(good, random)));
#ifndef STRATA_BASE_SPOIL_H_
#define STRATA_BASE_SPOIL_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace strata {

// `text` with one to four faults, each at a random place: a byte becomes any byte, up to 8 bytes are
// dropped, or up to 15 stand there twice. The same generator state gives the same faults.
inline std::string Spoil(std::string text, std::mt19937_64& random) {
  for (uint64_t count = 1 + random() % 4; count > 0 && !text.empty(); --count) {
    const size_t at = random() % text.size();
    switch (random() % 3) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 8);
        break;
      default:
        text.insert(at, text.substr(at, random() % 16));
    }
  }
  return text;
}

// `text` with a fault that leaves its form mostly whole, so that it comes past the parser more often: a line is
// dropped or stands there twice, or a digit becomes another one.
inline std::string SpoilLine(std::string text, std::mt19937_64& random) {
  if (text.empty()) return text;
  const size_t at = random() % text.size();
  const uint64_t fault = random() % 4;
  if (fault < 2) {
    const size_t digit = text.find_first_of("0123456789", at);
    if (digit != std::string::npos) text[digit] = static_cast<char>('0' + random() % 10);
    return text;
  }
  const size_t before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const size_t end = text.find('\n', begin);
  const size_t length = end == std::string::npos ? text.size() - begin : end - begin + 1;
  if (fault == 2) return text.erase(begin, length);
  return text.insert(begin, text.substr(begin, length));
}

}  // namespace strata

#endif  // STRATA_BASE_SPOIL_H_
