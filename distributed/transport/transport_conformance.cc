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

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDeadline = absl::StatusCode::kDeadlineExceeded;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

constexpr size_t kSizes[] = {0, 1, 2, 3, 7, 64, 1000, 4095, 4097, 65537, (1 << 20) + 1};
constexpr size_t kLarge = 8 << 20;  // more than any transport keeps in buffers of its own

// Bytes that tell who sent them and which message it was.
std::string Pattern(int sender, int serial, size_t bytes) {
  std::string data(bytes, '\0');
  uint32_t state = static_cast<uint32_t>(sender * 7919 + serial * 104729 + 1);
  for (char& c : data) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return data;
}

absl::Status ExpectPattern(const std::string& data, int sender, int serial) {
  if (data == Pattern(sender, serial, data.size())) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("message ", serial, " of rank ", sender, " is not what was sent"));
}

absl::Status ReceivePattern(Transport& t, int sender, int serial, int tag, size_t bytes) {
  std::string data(bytes, '?');
  STRATA_RETURN_IF_ERROR(t.Recv({sender, tag, data.data(), bytes}));
  return ExpectPattern(data, sender, serial);
}

absl::Status SendPattern(Transport& t, int receiver, int serial, int tag, size_t bytes) {
  const std::string data = Pattern(t.rank(), serial, bytes);
  return t.Send({receiver, tag, data.data(), bytes});
}

// Memory for sends that fail: some transports cannot recall them.
const std::string& Forever() {
  static const auto* data = new std::string(kLarge, 'x');
  return *data;
}

#define STRATA_NEEDS_PEERS() \
  if (GetParam().ranks < 2) GTEST_SKIP() << "one rank has nobody to talk to"

}  // namespace

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

// What comes in, checked piece by piece against the contract of `take`.
class Pieces {
 public:
  explicit Pieces(size_t bytes) : data_(bytes, '?') {}

  void Take(size_t offset, const void* piece, size_t bytes) {
    in_order_ = in_order_ && offset == taken_ && bytes > 0 && offset + bytes <= data_.size() &&
                (bytes % kPieceUnit == 0 || offset + bytes == data_.size());
    if (in_order_) std::memcpy(data_.data() + offset, piece, bytes);
    taken_ += bytes;
  }
  absl::Status Expect(int sender, int serial) const {
    if (!in_order_ || taken_ != data_.size()) {
      return absl::InternalError(
          absl::StrCat("pieces out of order or too few: ", taken_, " of ", data_.size()));
    }
    return ExpectPattern(data_, sender, serial);
  }

 private:
  std::string data_;
  size_t taken_ = 0;
  bool in_order_ = true;
};

TEST_P(TransportConformance, PiecesOfAllSizes) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
    int tag = 0;
    for (size_t bytes : kSizes) {
      const std::string mine = Pattern(t.rank(), ++tag, bytes);
      Pieces theirs(bytes);
      const auto take = [&](size_t offset, const void* piece, size_t size) {
        theirs.Take(offset, piece, size);
      };
      STRATA_RETURN_IF_ERROR(
          t.SendRecvPieces({next, tag, mine.data(), bytes}, {previous, tag, bytes, take}));
      STRATA_RETURN_IF_ERROR(theirs.Expect(previous, tag));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, PiecesMixWithWholeMessages) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    for (int i = 0; i < 40; ++i) {
      const size_t bytes = kSizes[static_cast<size_t>(i) % 10] + static_cast<size_t>(i);
      if (t.rank() == 0) STRATA_RETURN_IF_ERROR(SendPattern(t, 1, i, 7, bytes));
      if (t.rank() != 1) continue;
      if (i % 3 == 0) {
        STRATA_RETURN_IF_ERROR(ReceivePattern(t, 0, i, 7, bytes));
        continue;
      }
      Pieces pieces(bytes);
      const auto take = [&](size_t offset, const void* piece, size_t size) {
        pieces.Take(offset, piece, size);
      };
      STRATA_RETURN_IF_ERROR(t.RecvPieces({0, 7, bytes, take}));
      STRATA_RETURN_IF_ERROR(pieces.Expect(0, i));
    }
    return absl::OkStatus();
  }));
}

// What recursive doubling does in place.
TEST_P(TransportConformance, SmallMessagesMayBeOverwrittenByWhatComes) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int peer = t.rank() ^ 1;
    if (peer >= t.size()) return absl::OkStatus();
    for (size_t bytes : kSizes) {
      if (bytes > t.capabilities().overwrite_bytes) continue;
      for (int round = 0; round < 20; ++round) {
        std::string data = Pattern(t.rank(), round, bytes);
        const auto swap = [&](size_t offset, const void* piece, size_t size) {
          std::memcpy(data.data() + offset, piece, size);
        };
        STRATA_RETURN_IF_ERROR(
            t.SendRecvPieces({peer, 9, data.data(), bytes}, {peer, 9, bytes, swap}));
        STRATA_RETURN_IF_ERROR(ExpectPattern(data, peer, round));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, AddressesMayBeSentWhereTheyMeanSomething) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (!t.capabilities().one_address_space) return absl::OkStatus();
    const int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
    int value = t.rank();
    int* mine = &value;
    int* theirs = nullptr;
    STRATA_RETURN_IF_ERROR(
        t.SendRecv({next, 1, &mine, sizeof(mine)}, {previous, 1, &theirs, sizeof(theirs)}));
    EXPECT_EQ(*theirs, previous);
    *theirs += 100;
    STRATA_RETURN_IF_ERROR(t.Barrier());
    EXPECT_EQ(value, t.rank() + 100);
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, WrongSizeOfPiecesIsAnError) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() == 0) {
      const absl::Status status = SendPattern(t, 1, 0, 3, 32);
      EXPECT_TRUE(status.ok() || status.code() == kInvalid) << status;
    } else if (t.rank() == 1) {
      const auto take = [](size_t, const void*, size_t) { ADD_FAILURE() << "was given a piece"; };
      EXPECT_THAT(t.RecvPieces({0, 3, 16, take}),
                  StatusIs(kInvalid, HasSubstr("32 bytes with tag 3 came")));
    }
    return absl::OkStatus();
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

TEST_P(TransportConformance, RefusesBadArguments) {
  EXPECT_OK(Run([](Transport& t) {
    char byte = 0;
    const int someone = (t.rank() + 1) % t.size();
    EXPECT_THAT(t.Send({t.size(), 0, &byte, 1}),
                StatusIs(kInvalid, HasSubstr(absl::StrCat("peer ", t.size()))));
    EXPECT_THAT(t.Recv({-1, 0, &byte, 1}), StatusIs(kInvalid, HasSubstr("peer -1 is outside")));
    EXPECT_THAT(t.Send({t.rank(), 0, &byte, 1}), StatusIs(kInvalid, HasSubstr("this rank itself")));
    EXPECT_THAT(t.SendRecv({t.rank(), 0, &byte, 1}, {someone, 0, &byte, 1}),
                StatusIs(kInvalid, HasSubstr("peer")));
    if (t.size() > 1) {
      EXPECT_THAT(t.Send({someone, -1, &byte, 1}), StatusIs(kInvalid, HasSubstr("tag -1")));
      EXPECT_THAT(t.Recv({someone, kMaxTag + 2, &byte, 1}), StatusIs(kInvalid, HasSubstr("tag")));
    }
    return t.Barrier();
  }));
}

TEST_P(TransportConformance, WrongSizeIsAnError) {
  STRATA_NEEDS_PEERS();
  for (size_t sent : {size_t{0}, size_t{8}, size_t{32}, kLarge}) {
    EXPECT_OK(Run([sent](Transport& t) {
      if (t.rank() == 0) {
        const absl::Status status = SendPattern(t, 1, 0, 3, sent);
        EXPECT_TRUE(status.ok() || status.code() == kInvalid) << status;
      } else if (t.rank() == 1) {
        EXPECT_THAT(
            ReceivePattern(t, 0, 0, 3, 16),
            StatusIs(kInvalid, AllOf(HasSubstr("rank 1: receive of 16 bytes from rank 0, tag 3"),
                                     HasSubstr(absl::StrCat(sent, " bytes with tag 3 came")))));
      }
      return absl::OkStatus();
    }));
  }
}

TEST_P(TransportConformance, WrongTagIsAnError) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() == 0) {
      const absl::Status status = SendPattern(t, 1, 0, 4, 16);
      EXPECT_TRUE(status.ok() || status.code() == kInvalid) << status;
    } else if (t.rank() == 1) {
      EXPECT_THAT(ReceivePattern(t, 0, 0, 3, 16),
                  StatusIs(kInvalid, HasSubstr("16 bytes with tag 4 came")));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, ReceiveTimesOutAndMayBeTriedAgain) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() == 0) {  // says nothing until it is told
      STRATA_RETURN_IF_ERROR(ReceivePattern(t, 1, 0, 1, 4));
      return SendPattern(t, 1, 1, 2, 4);
    }
    if (t.rank() > 1) return absl::OkStatus();
    const Transport::Duration patient = t.timeout();
    t.set_timeout(std::chrono::milliseconds(20));
    EXPECT_THAT(
        ReceivePattern(t, 0, 1, 2, 4),
        StatusIs(
            kDeadline,
            HasSubstr("rank 1: receive of 4 bytes from rank 0, tag 2: not done after 0.02 s")));
    t.set_timeout(patient);
    STRATA_RETURN_IF_ERROR(SendPattern(t, 0, 0, 1, 4));
    return ReceivePattern(t, 0, 1, 2, 4);
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

TEST_P(TransportConformance, SendTimesOut) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() > 1) return absl::OkStatus();
    // Both send and nobody receives: the impatient one gives up, the other hears of it.
    const Outgoing message = {1 - t.rank(), 2, Forever().data(), Forever().size()};
    if (t.rank() == 0) {
      EXPECT_THAT(t.Send(message), StatusIs(kUnavailable, HasSubstr("rank 1 has left the run")));
    } else {
      t.set_timeout(std::chrono::milliseconds(20));
      EXPECT_THAT(
          t.Send(message),
          StatusIs(
              kDeadline,
              HasSubstr("rank 1: send of 8388608 bytes to rank 0, tag 2: not done after 0.02 s")));
    }
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, PeerThatLeftIsNamed) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int dead = t.size() - 1;
    if (t.rank() == dead) {
      t.Leave(absl::DataLossError("disk on fire"));
      return absl::OkStatus();
    }
    char byte = 0;
    EXPECT_THAT(t.Recv({dead, 1, &byte, 1}),
                StatusIs(kUnavailable, HasSubstr(absl::StrCat("rank ", dead,
                                                              " has left the run: disk on fire"))));
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, WhoLeavesHearsWhyTheOthersDo) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const absl::Status mine = absl::InternalError(absl::StrCat("trouble of ", t.rank()));
    const std::vector<std::string> said = t.LeaveAndListen(mine, std::chrono::seconds(60));
    EXPECT_EQ(said.size(), static_cast<size_t>(t.size()));
    for (int rank = 0; rank < t.size(); ++rank) {
      EXPECT_EQ(said[static_cast<size_t>(rank)],
                rank == t.rank() ? "" : absl::StrCat("trouble of ", rank));
    }
    EXPECT_THAT(t.Barrier(), StatusIs(kFailedPrecondition, HasSubstr("has left the run")));
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, WhoHasNotLeftSaysNothing) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() != 0) {
      char byte = 0;
      EXPECT_THAT(t.Recv({0, 1, &byte, 1}), StatusIs(kUnavailable, HasSubstr("enough")));
      return absl::OkStatus();
    }
    const std::vector<std::string> said =
        t.LeaveAndListen(absl::InternalError("enough"), std::chrono::milliseconds(5));
    EXPECT_EQ(said.size(), static_cast<size_t>(t.size()));
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, SendToPeerThatLeftFails) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    const int dead = t.size() - 1;
    if (t.rank() == dead) return absl::OkStatus();
    EXPECT_THAT(t.Send({dead, 1, Forever().data(), Forever().size()}),
                StatusIs(kUnavailable, HasSubstr(absl::StrCat(
                                           "rank ", dead, " has left the run: it has finished"))));
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, LastWordsArriveBeforeLeaving) {
  STRATA_NEEDS_PEERS();
  EXPECT_OK(Run([](Transport& t) {
    if (t.rank() == 1) return SendPattern(t, 0, 0, 1, 100);
    if (t.rank() == 0) return ReceivePattern(t, 1, 0, 1, 100);
    return absl::OkStatus();
  }));
}

TEST_P(TransportConformance, NothingWorksAfterLeaving) {
  EXPECT_OK(Run([](Transport& t) {
    t.Leave(absl::OkStatus());
    t.Leave(absl::InternalError("the first call counts"));
    char byte = 0;
    EXPECT_THAT(t.Send({0, 1, &byte, 1}),
                StatusIs(kFailedPrecondition, HasSubstr("has left the run")));
    EXPECT_THAT(t.Barrier(), StatusIs(kFailedPrecondition, HasSubstr("has left the run")));
    return absl::OkStatus();
  }));
}

}  // namespace strata::distributed
