#include "distributed/transport/shm_ring.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

constexpr size_t kCapacity = 256;

class ShmRingTest : public testing::Test {
 protected:
  ShmRingTest() : memory_(new (std::align_val_t{64}) char[ShmRing::SizeOf(kCapacity)]()) {}
  ~ShmRingTest() override { ::operator delete[](memory_, std::align_val_t{64}); }

  ShmRing& ring() { return *reinterpret_cast<ShmRing*>(memory_); }
  size_t Write(const std::string& text) {
    const ShmRing::Bytes parts[] = {{text.data(), text.size()}};
    return ring().Write(parts, kCapacity);
  }
  std::string Peek() {
    const ShmRing::Bytes come = ring().Peek(kCapacity);
    return std::string(come.data(), come.size());
  }

 private:
  char* memory_;
};

TEST_F(ShmRingTest, ZeroBitsAreAnEmptyRing) {
  EXPECT_FALSE(ring().HasBytes());
  EXPECT_TRUE(ring().HasRoom(kCapacity));
  EXPECT_EQ(Peek(), "");
}

TEST_F(ShmRingTest, TakesWhatThereIsRoomFor) {
  size_t written = 0;
  while (ring().HasRoom(kCapacity)) written += Write(std::string(100, 'x'));
  EXPECT_EQ(written, kCapacity);
  EXPECT_EQ(Write("y"), 0u);
  EXPECT_EQ(Peek(), std::string(kCapacity / 4, 'x'));  // the writer is to go on meanwhile
  ring().Skip(10);
  EXPECT_EQ(Write("0123456789abc"), 10u);
}

TEST_F(ShmRingTest, PartsFollowEachOther) {
  const std::string a = "head", b = "body";
  const ShmRing::Bytes parts[] = {{a.data(), a.size()}, {}, {b.data(), b.size()}};
  EXPECT_EQ(ring().Write(parts, kCapacity), 8u);
  EXPECT_EQ(Peek(), "headbody");
}

// A writer and a reader who take random amounts; what comes is what was sent.
TEST_F(ShmRingTest, AStreamAcrossThreads) {
  constexpr size_t kTotal = 50000;
  const auto byte_at = [](size_t i) { return static_cast<char>(i * 131 + i / 251); };
  std::thread writer([&] {
    std::mt19937 random(1);
    for (size_t at = 0; at < kTotal;) {
      std::string some(std::min<size_t>(kTotal - at, random() % 90), '\0');
      for (size_t i = 0; i < some.size(); ++i) some[i] = byte_at(at + i);
      const size_t written = Write(some);
      at += written;
      if (written == 0) std::this_thread::yield();
    }
  });
  std::mt19937 random(2);
  size_t wrong = 0;
  for (size_t at = 0; at < kTotal;) {
    const ShmRing::Bytes come = ring().Peek(kCapacity);
    const size_t some = std::min<size_t>(come.size(), random() % 90);
    for (size_t i = 0; i < some; ++i) wrong += come[i] != byte_at(at + i);
    ring().Skip(some);
    at += some;
    if (come.empty()) std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_FALSE(ring().HasBytes());
}

}  // namespace
}  // namespace strata::distributed
