#include "distributed/simulator/simulated_transport.h"

#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/simulator/clusters.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

TransportCase Registered(int ranks) {
  return {"simulated" + std::to_string(ranks), ranks, [ranks] {
            RegisterSimulatedTransport();
            return WorldRegistry().Create("simulated", std::move(ranks));
          }};
}

INSTANTIATE_TEST_SUITE_P(Simulated, TransportConformance,
                         testing::Values(Registered(1), Registered(2), Registered(3),
                                         Registered(9)),
                         TransportCaseName());

// alpha 10 s, beta 1 s a byte, gamma 0.5 s a byte: times can be read.
Network Slow(int ranks) { return Network::Uniform({10, 1, 0.5}, ranks); }

using Body = std::function<absl::Status(Transport&, VirtualClock&)>;

std::vector<double> TimesOf(const Network& network, int ranks, const Body& body,
                            SimulationOptions options = {}) {
  auto run = SimulateRun(network, ranks, options);
  EXPECT_OK(run);
  EXPECT_OK(RunRanks(*run->world, [&](Transport& t) {
    return body(t, *run->clocks[static_cast<size_t>(t.rank())]);
  }));
  std::vector<double> times;
  for (const auto& clock : run->clocks) times.push_back(clock->now());
  return times;
}

char g_sink[64];

TEST(SimulatedTransportTest, AMessageKeepsBothBusy) {
  const auto body = [](Transport& t, VirtualClock&) {
    const std::vector<char> data(5);
    char here[5];
    return t.rank() == 0 ? t.Send({1, 0, data.data(), 5}) : t.Recv({0, 0, here, 5});
  };
  EXPECT_EQ(TimesOf(Slow(2), 2, body), (std::vector<double>{15, 15}));
}

TEST(SimulatedTransportTest, AReceiveBeginsWhenBothAreThere) {
  for (const bool sender_late : {false, true}) {
    const auto body = [sender_late](Transport& t, VirtualClock& clock) {
      if ((t.rank() == 0) == sender_late) clock.Spend(100, "work");
      char here[5] = {};
      return t.rank() == 0 ? t.Send({1, 0, here, 5}) : t.Recv({0, 0, here, 5});
    };
    EXPECT_EQ(TimesOf(Slow(2), 2, body), (std::vector<double>{sender_late ? 115.0 : 15.0, 115}));
  }
}

TEST(SimulatedTransportTest, TheHalvesOfAnExchangeOverlap) {
  const auto body = [](Transport& t, VirtualClock&) {
    char out[8] = {}, in[8];
    const size_t mine = t.rank() == 0 ? 8 : 2, theirs = 10 - mine;
    return t.SendRecv({1 - t.rank(), 0, out, mine}, {1 - t.rank(), 0, in, theirs});
  };
  EXPECT_EQ(TimesOf(Slow(2), 2, body), (std::vector<double>{18, 18}));
}

TEST(SimulatedTransportTest, APortTakesOneMessageAfterTheOther) {
  const auto body = [](Transport& t, VirtualClock&) -> absl::Status {
    char data[3] = {}, in[3];
    if (t.rank() > 0) return t.Send({0, 0, data, 3});
    for (int from = 1; from < t.size(); ++from) STRATA_RETURN_IF_ERROR(t.Recv({from, 0, in, 3}));
    return absl::OkStatus();
  };
  EXPECT_EQ(TimesOf(Slow(4), 4, body), (std::vector<double>{39, 13, 13, 13}));
}

TEST(SimulatedTransportTest, WhatIsReceivedInPiecesIsCombined) {
  const auto body = [](Transport& t, VirtualClock&) {
    char data[4] = {};
    const auto take = [](size_t, const void* piece, size_t bytes) {
      std::memcpy(g_sink, piece, bytes);
    };
    return t.rank() == 0 ? t.Send({1, 0, data, 4}) : t.RecvPieces({0, 0, 4, take});
  };
  EXPECT_EQ(TimesOf(Slow(2), 2, body), (std::vector<double>{14, 16}));
}

TEST(SimulatedTransportTest, BarriersTakeADisseminationsRounds) {
  const auto body = [](Transport& t, VirtualClock&) { return t.Barrier(); };
  EXPECT_EQ(TimesOf(Slow(5), 5, body), std::vector<double>(5, 30));
}

TEST(SimulatedTransportTest, SizesAloneTakeTheSameTime) {
  const auto body = [](Transport& t, VirtualClock&) {
    char untouched = 'u';
    const auto take = [](size_t, const void*, size_t) { ADD_FAILURE() << "there is no data"; };
    const absl::Status status =
        t.SendRecvPieces({1 - t.rank(), 0, nullptr, 1 << 30}, {1 - t.rank(), 0, 1 << 30, take});
    EXPECT_EQ(untouched, 'u');
    return status;
  };
  const double seconds = 10 + 1.5 * (1 << 30);
  EXPECT_EQ(TimesOf(Slow(2), 2, body, {.carry_data = false}),
            (std::vector<double>{seconds, seconds}));
}

TEST(SimulatedTransportTest, SizesAloneMustAgreeToo) {
  auto run = SimulateRun(Slow(2), 2, {.carry_data = false});
  ASSERT_OK(run);
  EXPECT_THAT(
      RunRanks(*run->world,
               [](Transport& t) {
                 return t.rank() == 0 ? t.Send({1, 3, nullptr, 8}) : t.Recv({0, 3, nullptr, 16});
               }),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("rank 1: receive of 16 bytes from rank 0, tag 3: 8 bytes")));
}

// The same all-reduce with threads that are late in turn.
TEST(SimulatedTransportTest, TimesDoNotDependOnThreads) {
  const Network network = *Network::Of(*FindCluster("h100_roce"));
  std::vector<double> first;
  for (int late = 0; late < 4; ++late) {
    const auto body = [late](Transport& t, VirtualClock&) {
      AlgorithmCollectives collectives(t, {.algorithm = "double_tree"});
      std::vector<float> data(5000, 1.0f);
      if (t.rank() % 4 == late) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      const absl::Status status =
          collectives.AllReduce(data.data(), 5000, chips::F32, compiler::Reduction::kSum);
      EXPECT_EQ(data, std::vector<float>(5000, 11.0f));
      return status;
    };
    const std::vector<double> times = TimesOf(network, 11, body);
    if (late == 0) first = times;
    EXPECT_EQ(times, first);
  }
  EXPECT_GT(first[0], 0);
}

TEST(SimulatedTransportTest, TheTimelineHasALaneARank) {
  auto run = SimulateRun(Slow(3), 3, {.record = true});
  ASSERT_OK(run);
  EXPECT_OK(RunRanks(*run->world, [&](Transport& t) -> absl::Status {
    VirtualClock& clock = *run->clocks[static_cast<size_t>(t.rank())];
    clock.Spend(2, "forward");
    if (t.rank() == 0) return t.Send({2, 0, g_sink, 4});
    if (t.rank() == 2) return t.Recv({0, 0, g_sink + 32, 4});
    return absl::OkStatus();
  }));
  EXPECT_EQ(run->Seconds(), 16);
  const chips::Timeline timeline = run->Timeline("step");
  EXPECT_OK(chips::ValidateTimeline(timeline));
  EXPECT_EQ(timeline.source(), chips::SIMULATED);
  EXPECT_EQ(timeline.lanes_size(), 3);
  ASSERT_EQ(timeline.events_size(), 5);
  EXPECT_EQ(timeline.events(0).name(), "forward");
  EXPECT_EQ(timeline.events(3).name(), "send to 2");
  EXPECT_EQ(timeline.events(4).name(), "receive from 0");
  EXPECT_EQ(timeline.events(4).reason(), "link");
  EXPECT_EQ(timeline.events(4).start_ns(), 2000000000);
  EXPECT_EQ(timeline.events(4).duration_ns(), 14000000000);
}

TEST(SimulatedTransportTest, MoreRanksThanChipsAreRefused) {
  EXPECT_THAT(SimulateRun(Slow(4), 5),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("5 ranks on cluster 'uniform', which has 4 chips")));
  EXPECT_THAT(SimulateRun(Slow(4), 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a run of 0 ranks")));
  RegisterSimulatedTransport("moon");
  EXPECT_THAT(WorldRegistry().Create("simulated", 2),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no cluster named 'moon'")));
}

}  // namespace
}  // namespace strata::distributed
