#include "chips/npu/sim/shadow.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

// The same, byte by byte.
struct NaiveByte {
  bool written = false;
  Stamp writer;
  std::vector<Stamp> readers;
};

bool Known(const Stamp& earlier, const Stamp& later, const Clock& clock) {
  return earlier.number == 0 || earlier.unit == later.unit ||
         clock[static_cast<size_t>(earlier.unit)] >= earlier.number;
}

bool NaiveIsFine(const std::vector<NaiveByte>& bytes, int64_t begin, int64_t end, bool write,
                 const Stamp& stamp, const Clock& clock) {
  for (int64_t i = begin; i < end; ++i) {
    const NaiveByte& byte = bytes[static_cast<size_t>(i)];
    if (!write && !byte.written) return false;
    if (byte.written && !Known(byte.writer, stamp, clock)) return false;
    if (!write) continue;
    for (const Stamp& reader : byte.readers) {
      if (!Known(reader, stamp, clock)) return false;
    }
  }
  return true;
}

TEST(Shadow, AgreesWithEveryByte) {
  constexpr int64_t kBytes = 40;
  std::mt19937_64 random(1);
  int faults = 0;
  for (int round = 0; round < 300; ++round) {
    Shadow shadow;
    std::vector<NaiveByte> bytes(kBytes);
    Clock done = {}, known = {};
    for (int step = 0; step < 60; ++step) {
      const int64_t begin = static_cast<int64_t>(random() % kBytes);
      const int64_t end = begin + 1 + static_cast<int64_t>(random() % (kBytes - begin));
      const bool write = random() % 2 == 0;
      Stamp stamp = {static_cast<int>(random() % 3), 0, static_cast<size_t>(step), step};
      stamp.number = ++done[static_cast<size_t>(stamp.unit)];
      if (random() % 3 != 0) known = done;
      const bool fine = NaiveIsFine(bytes, begin, end, write, stamp, known);
      const Finding finding =
          write ? shadow.Write(begin, end, stamp, known) : shadow.Read(begin, end, stamp, known);
      ASSERT_EQ(finding.hazard == Hazard::kNone, fine);
      if (!fine) {
        EXPECT_LT(finding.begin, end);
        EXPECT_GT(finding.end, begin);
        ++faults;
        break;  // a program stops here
      }
      for (int64_t i = begin; i < end; ++i) {
        NaiveByte& byte = bytes[static_cast<size_t>(i)];
        if (write) byte = {true, stamp, {}};
        if (!write) byte.readers.push_back(stamp);
      }
    }
  }
  EXPECT_GT(faults, 100);
}

TEST(Shadow, NamesTheHazard) {
  Shadow shadow;
  const Clock none = {};
  EXPECT_EQ(shadow.Read(0, 4, {1, 1, 0, 0}, none).hazard, Hazard::kUnwritten);
  shadow.Fill(0, 8);
  EXPECT_EQ(shadow.Read(0, 8, {1, 1, 0, 0}, none).hazard, Hazard::kNone);
  const Finding late = shadow.Write(4, 12, {2, 1, 5, 0}, none);
  EXPECT_EQ(late.hazard, Hazard::kWriteAfterRead);
  EXPECT_EQ(late.earlier.unit, 1);
  EXPECT_EQ(shadow.Write(8, 12, {2, 1, 5, 0}, none).hazard, Hazard::kNone);
  EXPECT_EQ(shadow.Write(8, 12, {3, 1, 6, 0}, none).hazard, Hazard::kWriteAfterWrite);
  const Finding early = shadow.Read(8, 12, {3, 1, 6, 0}, none);
  EXPECT_EQ(early.hazard, Hazard::kReadAfterWrite);
  EXPECT_EQ(early.earlier.index, 5u);
}

}  // namespace
}  // namespace strata::chips::npu
