#include "chips/npu/sim/shadow.h"

#include <algorithm>
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

std::vector<int64_t> BytesOf(const Rows& rows) {
  std::vector<int64_t> bytes;
  for (int64_t r = 0; r < rows.rows; ++r) {
    for (int64_t i = 0; i < rows.bytes; ++i) bytes.push_back(rows.begin + r * rows.stride + i);
  }
  return bytes;
}

bool NaiveIsFine(const std::vector<NaiveByte>& bytes, const Rows& rows, bool write,
                 const Stamp& stamp, const Clock& clock) {
  for (const int64_t i : BytesOf(rows)) {
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

constexpr int64_t kBytes = 40;

// Rows within kBytes; those of a write do not overlap.
Rows RandomRows(std::mt19937_64& random, bool write) {
  Rows rows;
  do {
    rows.begin = static_cast<int64_t>(random() % kBytes);
    rows.bytes = 1 + static_cast<int64_t>(random() % (random() % 2 == 0 ? 4 : 20));
    rows.rows = 1 + static_cast<int64_t>(random() % 5);
    rows.stride = static_cast<int64_t>(random() % 12);
  } while (rows.end() > kBytes || (write && rows.rows > 1 && rows.stride < rows.bytes));
  return rows;
}

TEST(FirstOverlap, AgreesWithEveryByte) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 3000; ++round) {
    const Rows a = RandomRows(random, false), b = RandomRows(random, false);
    const std::vector<int64_t> in_a = BytesOf(a), in_b = BytesOf(b);
    const bool shared = std::any_of(in_a.begin(), in_a.end(), [&](int64_t i) {
      return std::find(in_b.begin(), in_b.end(), i) != in_b.end();
    });
    const Overlap overlap = FirstOverlap(a, b);
    ASSERT_EQ(overlap.begin < overlap.end, shared);
    for (int64_t i = overlap.begin; i < overlap.end; ++i) {
      EXPECT_NE(std::find(in_a.begin(), in_a.end(), i), in_a.end());
      EXPECT_NE(std::find(in_b.begin(), in_b.end(), i), in_b.end());
    }
  }
}

TEST(Shadow, AgreesWithEveryByte) {
  std::mt19937_64 random(1);
  int faults = 0, steps = 0;
  for (int round = 0; round < 600; ++round) {
    Shadow shadow;
    std::vector<NaiveByte> bytes(kBytes);
    Clock done = {}, known = {};
    if (round % 2 == 0) {
      shadow.Fill(0, kBytes);
      for (NaiveByte& byte : bytes) byte.written = true;
    }
    for (int step = 0; step < 60; ++step, ++steps) {
      const bool write = random() % 2 == 0;
      const Rows rows = RandomRows(random, write);
      Stamp stamp = {static_cast<int>(random() % 3), 0, static_cast<size_t>(step), step};
      stamp.number = ++done[static_cast<size_t>(stamp.unit)];
      if (random() % 8 != 0) known = done;
      if (random() % 5 == 0) shadow.Forget(known);
      const bool fine = NaiveIsFine(bytes, rows, write, stamp, known);
      const Finding finding =
          write ? shadow.Write(rows, stamp, known) : shadow.Read(rows, stamp, known);
      ASSERT_EQ(finding.hazard == Hazard::kNone, fine);
      if (!fine) {
        EXPECT_LT(finding.begin, finding.end);
        ++faults;
        break;  // a program stops here
      }
      for (const int64_t i : BytesOf(rows)) {
        NaiveByte& byte = bytes[static_cast<size_t>(i)];
        if (write) byte = {true, stamp, {}};
        if (!write) byte.readers.push_back(stamp);
      }
    }
  }
  EXPECT_GT(faults, 200);
  EXPECT_GT(steps, 2000);
}

TEST(Shadow, NamesTheHazard) {
  Shadow shadow;
  const Clock none = {};
  EXPECT_EQ(shadow.Read({0, 1, 4, 0}, {1, 1, 0, 0}, none).hazard, Hazard::kUnwritten);
  shadow.Fill(0, 8);
  EXPECT_EQ(shadow.Read({0, 1, 8, 0}, {1, 1, 0, 0}, none).hazard, Hazard::kNone);
  const Finding late = shadow.Write({4, 1, 8, 0}, {2, 1, 5, 0}, none);
  EXPECT_EQ(late.hazard, Hazard::kWriteAfterRead);
  EXPECT_EQ(late.earlier.unit, 1);
  EXPECT_EQ(shadow.Write({8, 1, 4, 0}, {2, 1, 5, 0}, none).hazard, Hazard::kNone);
  EXPECT_EQ(shadow.Write({8, 1, 4, 0}, {3, 1, 6, 0}, none).hazard, Hazard::kWriteAfterWrite);
  const Finding early = shadow.Read({8, 1, 4, 0}, {3, 1, 6, 0}, none);
  EXPECT_EQ(early.hazard, Hazard::kReadAfterWrite);
  EXPECT_EQ(early.earlier.index, 5u);
}

}  // namespace
}  // namespace strata::chips::npu
