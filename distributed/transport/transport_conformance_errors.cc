// Bad arguments, wrong messages, time-outs and peers that leave.
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

using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDeadline = absl::StatusCode::kDeadlineExceeded;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

}  // namespace

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
