// The buffers against versions of them that hold their words in plain sets and rows.
#include "chips/npu/systolic/sram_buffers.h"

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

// Half a buffer of lines at a time, each line a set, searched one after another.
class NaivePrefetchedBuffer {
 public:
  NaivePrefetchedBuffer(int64_t size, int64_t bandwidth, const std::vector<int32_t>& list)
      : rows_((size / 2 + bandwidth - 1) / bandwidth), lines_(1) {
    const int64_t line_size = (size + 99) / 100;
    int64_t in_line = 0;
    for (const int32_t word : list) {
      if (word < 0) continue;
      lines_.back().insert(word);
      if (++in_line < line_size) continue;
      lines_.emplace_back();
      in_line = 0;
    }
    const size_t half = static_cast<size_t>((size / 2 + line_size - 1) / line_size);
    active_ = std::min(half, lines_.size());
    step_ = std::min(half, lines_.size() - active_);
  }

  // How long the line waits.
  int64_t Line(int64_t cycle, const std::vector<int64_t>& words) {
    if (!fetched_) fetched_ = cycle - 1;
    int64_t delay = 0;
    for (const int64_t word : words) {
      while (!Holds(word)) {
        begin_ = (begin_ + step_) % lines_.size();
        *fetched_ += rows_ + 1;
        const int64_t wait = *fetched_ - (cycle + 1 + delay);
        delay += wait;
        if (wait > 0) delay += wait;
      }
    }
    return delay;
  }

 private:
  bool Holds(int64_t word) const {
    for (size_t i = 0; i < active_; ++i) {
      if (lines_[(begin_ + i) % lines_.size()].count(static_cast<int32_t>(word)) > 0) return true;
    }
    return false;
  }

  int64_t rows_;
  std::vector<std::set<int32_t>> lines_;
  size_t active_ = 0, step_ = 0, begin_ = 0;
  std::optional<int64_t> fetched_;
};

// Lists in which words are missing and come several times, as a convolution's do; and few and many lines.
TEST(PrefetchedReadBuffer, WaitsAsTheNaiveOneDoes) {
  std::mt19937 random(11);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random()) % n; };
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t size = 100 + 2 * below(300), bandwidth = 1 + below(20), words = 1 + below(800);
    std::vector<int32_t> list;
    for (int64_t w = 0; w < words; ++w) list.push_back(static_cast<int32_t>(w));
    for (int64_t i = below(1500); i > 0; --i) {
      list.push_back(below(8) == 0 ? -1 : static_cast<int32_t>(below(words)));
    }
    std::shuffle(list.begin(), list.end(), random);
    PrefetchedReadBuffer buffer(size, bandwidth, list, words);
    NaivePrefetchedBuffer naive(size, bandwidth, list);
    int64_t now = below(5);
    for (int line = 0; line < 200; ++line) {
      std::vector<int64_t> asked;
      for (int64_t i = below(4); i > 0; --i) asked.push_back(below(words));
      buffer.BeginLine(now);
      for (const int64_t word : asked) buffer.Read(word);
      const int64_t waited = buffer.EndLine();
      ASSERT_EQ(waited, naive.Line(now, asked)) << "trial " << trial << " line " << line;
      now += 1 + std::max<int64_t>(waited, 0);
    }
  }
}

TEST(PrefetchedReadBuffer, FetchesHalfABufferBeforeTheArrayStarts) {
  std::vector<int32_t> list(300);
  for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int32_t>(i);
  PrefetchedReadBuffer large(1000, 10, list, 300);  // all of it fits
  large.BeginLine(0);
  EXPECT_EQ(large.Finish().first_cycle, -30);
  EXPECT_EQ(large.Finish().last_cycle, -1);
  EXPECT_EQ(large.Finish().words, 300);
  PrefetchedReadBuffer small(200, 10, list, 300);  // 100 words at a time
  small.BeginLine(0);
  EXPECT_EQ(small.Finish().first_cycle, -10);
  small.Read(150);
  EXPECT_EQ(small.EndLine(), 2 * 9);  // the second half comes at -1 + 10 + 1, a word then takes one
  EXPECT_EQ(small.Finish().last_cycle, 10);
}

// Every word in a row of a table; rows are closed when full or when a drain begins.
class NaiveWriteBuffer {
 public:
  NaiveWriteBuffer(int64_t size, int64_t bandwidth)
      : size_(size), bandwidth_(static_cast<size_t>(bandwidth)), free_(size) {}

  int64_t Write(int64_t cycle, int64_t words) {
    for (int64_t i = 0; i < words; ++i) {
      open_.push_back(1);
      if (open_.size() == bandwidth_) rows_.push_back(std::exchange(open_, {}));
      --free_;
      if (cycle < busy_until_) {
        if (free_ <= 0) cycle = busy_until_;
      } else if (free_ < size_ / 2) {
        if (!open_.empty()) rows_.push_back(std::exchange(open_, {}));
        busy_until_ = Drain(cycle);
      }
    }
    return cycle;
  }

  int64_t LastCycle(int64_t cycle) {
    if (!open_.empty()) rows_.push_back(std::exchange(open_, {}));
    while (next_ < rows_.size()) cycle = Drain(cycle) + 1;
    return last_;
  }
  int64_t words() const { return drained_; }

 private:
  int64_t Drain(int64_t cycle) {
    const size_t most = (static_cast<size_t>(size_ / 2) + bandwidth_ - 1) / bandwidth_;
    int64_t now = cycle - 1;
    for (size_t i = 0; i < most && next_ < rows_.size(); ++i, ++next_, ++now) {
      // A row that is not full counts as full unless it is the batch's last.
      const bool last = i + 1 == most || next_ + 1 == rows_.size();
      const size_t words = last ? rows_[next_].size() : bandwidth_;
      drained_ += static_cast<int64_t>(words);
      free_ += static_cast<int64_t>(words);
    }
    last_ = std::max(last_, now);
    return now;
  }

  int64_t size_;
  size_t bandwidth_, next_ = 0;
  int64_t free_, busy_until_ = 0, drained_ = 0, last_ = INT64_MIN;
  std::vector<int> open_;
  std::vector<std::vector<int>> rows_;
};

TEST(WriteBuffer, WaitsAsTheNaiveOneDoes) {
  std::mt19937 random(12);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random()) % n; };
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t size = 100 + 2 * below(200), bandwidth = 1 + below(30), most = 1 + below(40);
    WriteBuffer buffer(size, bandwidth);
    NaiveWriteBuffer naive(size, bandwidth);
    int64_t now = 0;
    for (int line = 0; line < 300; ++line) {
      const int64_t words = line == 0 ? 1 : below(most + 1);
      const int64_t written = buffer.Write(now, words);
      ASSERT_EQ(written, naive.Write(now, words)) << "trial " << trial << " line " << line;
      now = written + 1;
    }
    const DramTraffic traffic = buffer.Finish(now);
    ASSERT_EQ(traffic.last_cycle, naive.LastCycle(now)) << "trial " << trial;
    ASSERT_EQ(traffic.words, naive.words()) << "trial " << trial;
  }
}

// The same buffer with sets that are sets.
TEST(EstimatedReadBuffer, CountsTheWordsThatANaiveOneFetches) {
  constexpr int64_t kSize = 400, kWords = 1500;
  EstimatedReadBuffer buffer(kSize, kWords);
  std::vector<std::set<int64_t>> full;
  std::set<int64_t> current;
  size_t active = 0;
  int64_t words = 0;
  uint64_t state = 1;
  for (int64_t cycle = 0; cycle < 20000; ++cycle) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int64_t address = static_cast<int64_t>((state >> 33) % kWords);
    buffer.Read(cycle, address);
    bool held = current.count(address) > 0;
    for (size_t i = active; i < full.size(); ++i) held = held || full[i].count(address) > 0;
    if (held) continue;
    ++words;
    current.insert(address);
    if (current.size() < kSize / 100) continue;
    full.push_back(std::exchange(current, {}));
    if (full.size() == active + 50) active += 50;
  }
  const DramTraffic traffic = buffer.Finish();
  EXPECT_EQ(traffic.words, words);
  EXPECT_EQ(traffic.first_cycle, -(50 * (kSize / 100)) / 10);
}

}  // namespace
}  // namespace strata::chips::systolic
