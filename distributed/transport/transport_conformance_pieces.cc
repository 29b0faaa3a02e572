// Receives in pieces, and what ranks of one address space may do.
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/transport_conformance.h"
#include "distributed/transport/transport_patterns.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

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

}  // namespace

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

}  // namespace strata::distributed
