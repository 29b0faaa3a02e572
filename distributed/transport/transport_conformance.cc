#include "distributed/transport/transport_conformance.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/transport_patterns.h"

namespace strata::distributed {

absl::Status TransportConformance::Run(const std::function<absl::Status(Transport&)>& body) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<World> world, GetParam().make());
  for (auto& transport : world->local) transport->set_timeout(std::chrono::seconds(60));
  return RunRanks(*world, body);
}

TEST_P(TransportConformance, SaysWhatItIs) {
  EXPECT_OK(Run([](Transport& t) {
    EXPECT_TRUE(absl::StartsWith(GetParam().name, t.name())) << t.name();
    EXPECT_EQ(t.size(), GetParam().ranks);
    EXPECT_GE(t.rank(), 0);
    EXPECT_LT(t.rank(), t.size());
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, EveryRankReachesEveryOther) {
  EXPECT_OK(Run([](Transport& t) {
    // The pairs in one order that all ranks know, so that sends may wait.
    for (int from = 0; from < t.size(); ++from) {
      for (int to = 0; to < t.size(); ++to) {
        if (from == to) continue;
        if (t.rank() == from) STRATA_RETURN_IF_ERROR(SendPattern(t, to, to, 5, 33));
        if (t.rank() == to) STRATA_RETURN_IF_ERROR(ReceivePattern(t, from, to, 5, 33));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, RingShiftsOfAllSizes) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
    int tag = 0;
    for (size_t bytes : kSizes) {
      const std::string mine = Pattern(t.rank(), ++tag, bytes);
      std::string theirs(bytes, '?');
      STRATA_RETURN_IF_ERROR(
          t.SendRecv({next, tag, mine.data(), bytes}, {previous, tag, theirs.data(), bytes}));
      STRATA_RETURN_IF_ERROR(ExpectPattern(theirs, previous, tag));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, SendRecvHalvesMayDiffer) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    // Large against empty, under different tags, between the same two ranks.
    if (t.rank() > 1) return absl::OkStatus();
    const int peer = 1 - t.rank();
    const size_t sizes[] = {kLarge, 0};
    const size_t out = sizes[t.rank()], in = sizes[peer];
    const std::string mine = Pattern(t.rank(), 0, out);
    std::string theirs(in, '?');
    STRATA_RETURN_IF_ERROR(
        t.SendRecv({peer, 10 + t.rank(), mine.data(), out}, {peer, 10 + peer, theirs.data(), in}));
    return ExpectPattern(theirs, peer, 0);
  }));
}

TEST_P(TransportConformance, LargeExchangeDoesNotDeadlock) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
    const std::string mine = Pattern(t.rank(), 1, kLarge);
    std::string theirs(kLarge, '?');
    STRATA_RETURN_IF_ERROR(
        t.SendRecv({next, 1, mine.data(), kLarge}, {previous, 1, theirs.data(), kLarge}));
    return ExpectPattern(theirs, previous, 1);
  }));
}

TEST_P(TransportConformance, MessagesKeepTheirOrder) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    constexpr int kMessages = 200;
    const int last = t.size() - 1;
    for (int i = 0; i < kMessages; ++i) {
      const size_t bytes = kSizes[static_cast<size_t>(i) % 9];
      if (t.rank() == 0) STRATA_RETURN_IF_ERROR(SendPattern(t, last, i, i % 3, bytes));
      if (t.rank() == last) STRATA_RETURN_IF_ERROR(ReceivePattern(t, 0, i, i % 3, bytes));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, RandomTraffic) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    std::mt19937 random(17);  // the same schedule on every rank
    for (int i = 0; i < 300; ++i) {
      const int from = static_cast<int>(random() % static_cast<unsigned>(t.size()));
      const int to =
          (from + 1 + static_cast<int>(random() % static_cast<unsigned>(t.size() - 1))) % t.size();
      const size_t bytes = random() % 20000;
      const int tag = static_cast<int>(random() % 100);
      if (t.rank() == from) STRATA_RETURN_IF_ERROR(SendPattern(t, to, i, tag, bytes));
      if (t.rank() == to) STRATA_RETURN_IF_ERROR(ReceivePattern(t, from, i, tag, bytes));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, Barriers) {
  EXPECT_OK(Run([](Transport& t) {
    for (int i = 0; i < 20; ++i) STRATA_RETURN_IF_ERROR(t.Barrier());
    return absl::OkStatus();
  }));
}

// More messages one way than are kept anywhere, small and large by turns.
TEST_P(TransportConformance, AFastSenderWaitsForASlowReceiver) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() > 1) return absl::OkStatus();
    const auto size = [](int i) { return static_cast<size_t>(i % 7 == 6 ? 300000 : 3000); };
    for (int i = 0; i < 200; ++i) {
      if (t.rank() == 0) STRATA_RETURN_IF_ERROR(SendPattern(t, 1, i, 1, size(i)));
      if (t.rank() == 1 && i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (t.rank() == 1) STRATA_RETURN_IF_ERROR(ReceivePattern(t, 0, i, 1, size(i)));
    }
    return absl::OkStatus();
  }));
}

// Rank 0 is far ahead with sends, then both exchange in place: rank 0 must take what rank 1 sends
// although its own message has to wait.
TEST_P(TransportConformance, AnExchangeBehindUnreadMessagesGoesOn) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() > 1) return absl::OkStatus();
    constexpr int kUnread = 8;  // as many small ones as every transport keeps
    const int peer = 1 - t.rank();
    const size_t bytes = std::min<size_t>(1000, t.capabilities().overwrite_bytes);
    std::string data = Pattern(t.rank(), 77, bytes);
    const auto swap = [&](size_t offset, const void* piece, size_t size) {
      std::memcpy(data.data() + offset, piece, size);
    };
    const IncomingPieces in = {peer, 2, bytes, swap};
    if (t.rank() == 0) {
      for (int i = 0; i < kUnread; ++i) STRATA_RETURN_IF_ERROR(SendPattern(t, 1, i, 1, 1000));
      STRATA_RETURN_IF_ERROR(t.SendRecvPieces({peer, 2, data.data(), bytes}, in));
    } else {
      STRATA_RETURN_IF_ERROR(t.Send({peer, 2, data.data(), bytes}));
      for (int i = 0; i < kUnread; ++i) STRATA_RETURN_IF_ERROR(ReceivePattern(t, 0, i, 1, 1000));
      STRATA_RETURN_IF_ERROR(t.RecvPieces(in));
    }
    return ExpectPattern(data, peer, 77);
  }));
}

}  // namespace strata::distributed
