#include "distributed/transport/recorded_collectives.h"

#include <signal.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/collectives_conformance.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/transport/fork_ranks.h"
#include "distributed/transport/shm_transport.h"
#include "distributed/transport/tcp_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;
using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadline = absl::StatusCode::kDeadlineExceeded;

absl::StatusOr<std::unique_ptr<compiler::Collectives>> Auto(Transport& transport) {
  return AlgorithmCollectives::Create(transport, "auto");
}

using Recorded = absl::StatusOr<std::unique_ptr<RecordedCollectives>>;

Recorded Record(Transport& transport, RecordedCollectives::Options options = {}) {
  return RecordedCollectives::Create(transport, std::move(options), Auto);
}

// Recording changes nothing that the suite of collectives sees.
CollectivesCase RecordedCase(int ranks) {
  CollectivesCase test;
  test.name = absl::StrCat("recorded", ranks);
  test.ranks = ranks;
  test.make_world = [ranks] { return ThreadWorld(ranks); };
  test.make = [](Transport& transport) -> absl::StatusOr<std::unique_ptr<compiler::Collectives>> {
    return Record(transport);
  };
  return test;
}
INSTANTIATE_TEST_SUITE_P(Recorded, CollectivesConformance,
                         testing::Values(RecordedCase(1), RecordedCase(3)), CollectivesCaseName());

using Body = std::function<absl::Status(RecordedCollectives&)>;

// What each rank's body returned.
std::vector<absl::Status> Outcomes(absl::StatusOr<std::unique_ptr<World>> world, const Body& body,
                                   RecordedCollectives::Options options = {}) {
  std::vector<absl::Status> outcomes((*world)->local.size());
  RunRanks(**world, [&](Transport& transport) -> absl::Status {
    transport.set_timeout(std::chrono::milliseconds(400));
    STRATA_ASSIGN_OR_RETURN(const auto collectives, Record(transport, options));
    return outcomes[static_cast<size_t>(transport.rank())] = body(*collectives);
  }).IgnoreError();
  return outcomes;
}

// 12 operations that go well, then `last`.
Body After12(const Body& last) {
  return [last](RecordedCollectives& c) -> absl::Status {
    std::vector<float> data(8, 1.0f);
    for (int i = 0; i < 12; ++i) {
      STRATA_RETURN_IF_ERROR(c.AllReduce(data.data(), 8, chips::F32, Reduction::kMax));
    }
    return last(c);
  };
}

// Two calls that do not fit: as rank 0 and as the others make them.
struct Mismatch {
  const char* what;
  std::function<absl::Status(compiler::Collectives&, float*)> zero, others;
  const char *zero_says, *others_say;
};

std::vector<Mismatch> Mismatches() {
  using C = compiler::Collectives;
  const auto sum = [](int64_t count) {
    return [count](C& c, float* d) { return c.AllReduce(d, count, chips::F32, Reduction::kSum); };
  };
  return {
      {"verb", sum(10), [](C& c, float* d) { return c.AllGather(d, d + 100, 10, chips::F32); },
       "all_reduce of 10 f32 (sum) #13", "all_gather of 10 f32 #13"},
      {"size", sum(10), sum(20), "all_reduce of 10 f32 (sum) #13",
       "all_reduce of 20 f32 (sum) #13"},
      {"reduction", sum(10),
       [](C& c, float* d) { return c.AllReduce(d, 10, chips::F32, Reduction::kMax); },
       "all_reduce of 10 f32 (sum) #13", "all_reduce of 10 f32 (max) #13"},
      {"dtype", sum(10),
       [](C& c, float* d) { return c.AllReduce(d, 10, chips::I32, Reduction::kSum); },
       "all_reduce of 10 f32 (sum) #13", "all_reduce of 10 i32 (sum) #13"},
      {"root",
       [](C& c, float* d) {  // roots only send, so two of them fail in their next call
         STRATA_RETURN_IF_ERROR(c.Broadcast(d, 10, chips::F32, 0));
         return c.Barrier();
       },
       [](C& c, float* d) {
         STRATA_RETURN_IF_ERROR(c.Broadcast(d, 10, chips::F32, 1));
         return c.Barrier();
       },
       "barrier #14", "barrier #14"},
      {"one call more",
       [sum](C& c, float* d) {
         STRATA_RETURN_IF_ERROR(sum(10)(c, d));
         return sum(10)(c, d);
       },
       [sum](C& c, float* d) {
         STRATA_RETURN_IF_ERROR(sum(10)(c, d));
         STRATA_RETURN_IF_ERROR(c.Barrier());
         return sum(10)(c, d);
       },
       "all_reduce of 10 f32 (sum) #14", "barrier #14"},
  };
}

TEST(RecordedCollectivesTest, CallsThatDoNotFitEndOnAllRanksByName) {
  for (const Mismatch& mismatch : Mismatches()) {
    for (int ranks : {2, 3}) {
      SCOPED_TRACE(absl::StrCat(mismatch.what, ", ", ranks, " ranks"));
      const auto outcomes =
          Outcomes(ThreadWorld(ranks), After12([&](RecordedCollectives& c) -> absl::Status {
                     std::vector<float> data(1000);
                     return (c.rank() == 0 ? mismatch.zero : mismatch.others)(c, data.data());
                   }));
      for (int rank = 0; rank < ranks; ++rank) {
        const absl::Status& outcome = outcomes[static_cast<size_t>(rank)];
        EXPECT_FALSE(outcome.ok());
        EXPECT_THAT(std::string(outcome.message()),
                    AllOf(HasSubstr(absl::StrCat("rank ", rank, ": ")),
                          HasSubstr(absl::StrCat("rank 0: ", mismatch.zero_says)),
                          HasSubstr(absl::StrCat("rank 1: ", mismatch.others_say))));
      }
    }
  }
}

TEST(RecordedCollectivesTest, AMissingRankIsNamedByAll) {
  std::atomic<int> ended = 0;
  const auto outcomes = Outcomes(
      ThreadWorld(4), After12([&](RecordedCollectives& c) -> absl::Status {
        if (c.rank() == 2) {  // elsewhere until the others have given up
          while (ended < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          return absl::OkStatus();
        }
        std::vector<float> data(1000);
        const absl::Status status = c.AllReduce(data.data(), 1000, chips::F32, Reduction::kSum);
        ++ended;
        return status;
      }),
      {.grace = std::chrono::milliseconds(300)});
  for (int rank : {0, 1, 3}) {
    const absl::Status& outcome = outcomes[static_cast<size_t>(rank)];
    EXPECT_TRUE(outcome.code() == kDeadline || outcome.code() == kUnavailable) << outcome;
    EXPECT_THAT(std::string(outcome.message()),
                AllOf(HasSubstr(absl::StrCat("rank ", rank, ": all_reduce of 1000 f32 (sum) #13")),
                      HasSubstr("no word from rank 2: does it hang")));
  }
}

TEST(RecordedCollectivesTest, ARankThatFinishedEarlyIsNamed) {
  const auto outcomes =
      Outcomes(ThreadWorld(3), After12([](RecordedCollectives& c) -> absl::Status {
                 return c.rank() == 2 ? absl::OkStatus() : c.Barrier();
               }));
  for (int rank : {0, 1}) {
    EXPECT_THAT(
        outcomes[static_cast<size_t>(rank)],
        StatusIs(kUnavailable, AllOf(HasSubstr(absl::StrCat("rank ", rank, ": barrier #13")),
                                     HasSubstr("it has finished"))));
  }
}

TEST(RecordedCollectivesTest, AKilledProcessIsNamedByAll) {
  for (const auto make : {&ShmWorld, &TcpWorld}) {
    const auto ends = ForkRanks(3, [&](const LaunchEnv& env) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const auto world, make(env));
      STRATA_ASSIGN_OR_RETURN(const auto collectives, Record(*world->local[0]));
      std::vector<float> data(100000);
      for (int i = 1;; ++i) {
        if (env.rank == 1 && i == 7) raise(SIGKILL);
        STRATA_RETURN_IF_ERROR(
            collectives->AllReduce(data.data(), 100000, chips::F32, Reduction::kMean));
      }
    });
    EXPECT_EQ(ends[1].signal, SIGKILL);
    for (int rank : {0, 2}) {
      EXPECT_THAT(ends[static_cast<size_t>(rank)].status,
                  StatusIs(kUnavailable, AllOf(HasSubstr(absl::StrCat("rank ", rank,
                                                                      ": all_reduce of 100000 f32 "
                                                                      "(mean) #7")),
                                               HasSubstr("killed?"), HasSubstr("rank 1"))));
    }
  }
}

TEST(RecordedCollectivesTest, BadArgumentsDoNotEndTheRun) {
  const auto outcomes = Outcomes(ThreadWorld(2), [](RecordedCollectives& c) -> absl::Status {
    float data[2] = {1, 2};
    EXPECT_THAT(c.AllReduce(data, -1, chips::F32, Reduction::kSum),
                StatusIs(kInvalid, HasSubstr("all_reduce of")));
    EXPECT_EQ(c.recorder().last()->state, FlightRecord::State::kFailed);
    return c.AllReduce(data, 2, chips::F32, Reduction::kSum);
  });
  for (const absl::Status& outcome : outcomes) EXPECT_OK(outcome);
}

TEST(RecordedCollectivesTest, GroupsCountTheirOwnCalls) {
  EXPECT_OK(RunThreadRanks(4, [](Transport& transport) -> absl::Status {
    RegisterAlgorithmCollectives();
    STRATA_ASSIGN_OR_RETURN(const auto c,
                            RecordedCollectives::Create(transport, {}, [](Transport& t) {
                              return absl::StatusOr<std::unique_ptr<compiler::Collectives>>(
                                  MeshCollectives::Create(t, {{"dp", 2}, {"tp", 2}}, "auto"));
                            }));
    STRATA_ASSIGN_OR_RETURN(compiler::Collectives * tp, c->Group("tp"));
    float data[4] = {1, 1, 1, 1};
    // Ranks of dp 1 make one more call among themselves: no concern of the others.
    STRATA_RETURN_IF_ERROR(tp->AllReduce(data, 4, chips::F32, Reduction::kSum));
    if (transport.rank() >= 2) {
      STRATA_RETURN_IF_ERROR(tp->AllReduce(data, 4, chips::F32, Reduction::kSum));
    }
    STRATA_RETURN_IF_ERROR(c->AllReduce(data, 4, chips::F32, Reduction::kSum));
    EXPECT_EQ(data[0], 12);  // 2 + 2 + 4 + 4
    const auto records = c->recorder().records();
    EXPECT_EQ(Describe(records[0]->operation), "all_reduce of 4 f32 (sum), group 'tp' #1");
    EXPECT_EQ(Describe(records.back()->operation), "all_reduce of 4 f32 (sum) #1");
    const int peer = transport.rank() ^ 1;  // between two ranks: no number in the sequence
    if (transport.rank() % 2 == 0) STRATA_RETURN_IF_ERROR(c->Send(data, 4, chips::F32, peer));
    if (transport.rank() % 2 == 1) STRATA_RETURN_IF_ERROR(c->Recv(data, 4, chips::F32, peer));
    return c->Barrier();
  }));
}

TEST(RecordedCollectivesTest, TheRecordIsWrittenWhenTheRunEnds) {
  const std::string directory = testing::TempDir() + "/recorded";
  Outcomes(ThreadWorld(2), After12([](RecordedCollectives& c) -> absl::Status {
             return c.rank() == 0 ? absl::OkStatus() : c.Barrier();
           }),
           {.dump_directory = directory});
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(directory + "/flight_rank1.txt"));
  EXPECT_THAT(text, AllOf(HasSubstr("rank 1: the last 13 of 13 operations"),
                          HasSubstr("barrier #13"), HasSubstr("failed")));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string json, ReadFile(directory + "/flight_rank1.json"));
  EXPECT_THAT(json, HasSubstr("\"state\": \"failed\""));
}

}  // namespace
}  // namespace strata::distributed
