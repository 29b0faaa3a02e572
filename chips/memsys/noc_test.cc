#include "chips/memsys/noc.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "base/status_matchers.h"
#include "chips/memsys/naive_noc.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr NocKind kKinds[] = {NocKind::kMesh, NocKind::kTorus, NocKind::kRing, NocKind::kCrossbar};

Noc Make(NocKind kind, int64_t width, int64_t height = 1, int64_t hop_cycles = 1) {
  return *Noc::Make({kind, width, height, hop_cycles});
}

NocRun Send(const Noc& noc, const std::vector<Packet>& packets) { return *noc.Send(packets); }

int64_t Last(const NocRun& run) {
  return *std::max_element(run.delivered.begin(), run.delivered.end());
}

int64_t Hops(const Noc& noc, int64_t source, int64_t destination) {
  return static_cast<int64_t>(noc.Route(source, destination).size()) - 2;
}

TEST(Noc, RoutesAreAsLongAsTheDistance) {
  const Noc mesh = Make(NocKind::kMesh, 5, 4), torus = Make(NocKind::kTorus, 5, 4);
  const Noc ring = Make(NocKind::kRing, 20), crossbar = Make(NocKind::kCrossbar, 20);
  const auto around = [](int64_t distance, int64_t size) {
    return std::min(std::abs(distance), size - std::abs(distance));
  };
  for (int64_t a = 0; a < 20; ++a) {
    for (int64_t b = 0; b < 20; ++b) {
      const int64_t dx = b % 5 - a % 5, dy = b / 5 - a / 5;
      EXPECT_EQ(Hops(mesh, a, b), std::abs(dx) + std::abs(dy));
      EXPECT_EQ(Hops(torus, a, b), around(dx, 5) + around(dy, 4));
      EXPECT_EQ(Hops(ring, a, b), around(b - a, 20));
      EXPECT_EQ(Hops(crossbar, a, b), 0);
    }
  }
}

// Along x in row 0, then along y in column 2: the links are those that the two halves take alone.
TEST(Noc, XComesFirst) {
  const Noc mesh = Make(NocKind::kMesh, 3, 3);
  const std::vector<int64_t> route = mesh.Route(0, 8);
  const std::vector<int64_t> x = mesh.Route(0, 2), y = mesh.Route(2, 8);
  EXPECT_THAT(route, ElementsAre(x[0], x[1], x[2], y[1], y[2], y[3]));
}

TEST(Noc, APacketAloneTakesItsDistanceAndItsLength) {
  for (const NocKind kind : kKinds) {
    const Noc noc = kind == NocKind::kRing ? Make(kind, 12, 1, 3) : Make(kind, 4, 3, 3);
    for (int64_t to = 0; to < 12; ++to) {
      const NocRun run = Send(noc, {{.source = 5, .destination = to, .flits = 7, .injected = 10}});
      EXPECT_EQ(run.delivered[0], 10 + (Hops(noc, 5, to) + 2) * 3 + 7 - 1);
    }
  }
}

// Every node to the next: no two packets share a link, on a ring, a torus and a crossbar.
TEST(Noc, NeighbourShiftIsFreeOfContention) {
  for (const NocKind kind : {NocKind::kRing, NocKind::kTorus, NocKind::kCrossbar}) {
    const Noc noc = Make(kind, 8, 1, 2);
    std::vector<Packet> packets;
    for (int64_t i = 0; i < 8; ++i) packets.push_back({i, (i + 1) % 8, 16, 0});
    const int64_t links = kind == NocKind::kCrossbar ? 2 : 3;
    EXPECT_THAT(Send(noc, packets).delivered, Each(links * 2 + 15));
  }
}

// The link into the destination carries all flits, and never rests once the first head is there.
TEST(Noc, AllToOneIsBoundByTheEjectionLink) {
  for (const NocKind kind : kKinds) {
    const int64_t flits = 9;
    const Noc noc = kind == NocKind::kRing ? Make(kind, 16) : Make(kind, 4, 4);
    std::vector<Packet> packets;
    for (int64_t i = 1; i < 16; ++i) packets.push_back({i, 0, flits, 0});
    const NocRun run = Send(noc, packets);
    const int64_t first_head = kind == NocKind::kCrossbar ? 1 : 2;
    EXPECT_EQ(Last(run), first_head + 15 * flits + 1 - 1) << static_cast<int>(kind);
    EXPECT_EQ(run.carried[static_cast<size_t>(noc.EjectionLink(0))], 15 * flits);
  }
}

// The left half of a line sends to the right half: all of it through the link in the middle.
TEST(Noc, HalfShiftOnALineIsBoundByTheMiddle) {
  for (const int64_t half : {1, 2, 4, 8}) {
    const Noc noc = Make(NocKind::kMesh, 2 * half);
    std::vector<Packet> packets;
    for (int64_t i = 0; i < half; ++i) packets.push_back({i, i + half, 5, 0});
    const NocRun run = Send(noc, packets);
    EXPECT_EQ(*std::max_element(run.carried.begin(), run.carried.end()), 5 * half);
    // Node 0's packet is the last there; before it one link, behind it one and its own flits.
    EXPECT_EQ(Last(run), 3 + half * 5 - 1);
  }
}

// Uniform all-to-all on a ring of n (odd): each direction of each link carries (n^2 - 1) / 8 packets.
TEST(Noc, AllToAllLoadsARingEvenly) {
  for (const int64_t n : {3, 5, 9}) {
    const Noc ring = Make(NocKind::kRing, n);
    std::vector<Packet> packets;
    for (int64_t a = 0; a < n; ++a) {
      for (int64_t b = 0; b < n; ++b) {
        if (a != b) packets.push_back({a, b, 4, 0});
      }
    }
    const NocRun run = Send(ring, packets);
    for (int64_t node = 0; node < n; ++node) {
      EXPECT_EQ(run.carried[static_cast<size_t>(ring.Route(node, (node + 1) % n)[1])],
                4 * (n * n - 1) / 8);
    }
    EXPECT_EQ(std::accumulate(run.carried.begin(), run.carried.end(), int64_t{0}),
              4 * (2 * n * (n * n - 1) / 8 + 2 * n * (n - 1)));
  }
}

TEST(Noc, EqualsTheNaiveOneOnRandomTraffic) {
  std::mt19937 random(4);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random()) % n; };
  for (int trial = 0; trial < 120; ++trial) {
    const NocKind kind = kKinds[trial % 4];
    const int64_t height = kind == NocKind::kRing ? 1 : 1 + below(4);
    const Noc noc = Make(kind, 1 + below(5), height, 1 + below(4));
    std::vector<Packet> packets;
    for (int i = 0; i < 40; ++i) {
      packets.push_back({below(noc.nodes()), below(noc.nodes()), 1 + below(6), below(30)});
    }
    ASSERT_EQ(Send(noc, packets).delivered, NaiveNoc(noc, packets).Run()) << "trial " << trial;
  }
}

TEST(Noc, NothingToSendIsNothing) {
  const NocRun run = Send(Make(NocKind::kMesh, 2, 2), {});
  EXPECT_TRUE(run.delivered.empty());
  EXPECT_THAT(run.carried, Each(0));
}

TEST(Noc, RefusesWhatIsNotThere) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Noc::Make({NocKind::kMesh, 0, 1}), StatusIs(kInvalid, HasSubstr("width: 0")));
  EXPECT_THAT(Noc::Make({NocKind::kMesh, 1, 5000}), StatusIs(kInvalid, HasSubstr("height: 5000")));
  EXPECT_THAT(Noc::Make({NocKind::kRing, 4, 2}), StatusIs(kInvalid, HasSubstr("one row")));
  EXPECT_THAT(Noc::Make({NocKind::kMesh, 4, 2, 0}), StatusIs(kInvalid, HasSubstr("hop_cycles: 0")));
  const Noc noc = Make(NocKind::kMesh, 2, 2);
  EXPECT_THAT(noc.Send({{0, 1, 1, 0}, {4, 0, 1, 0}}),
              StatusIs(kInvalid, HasSubstr("packets[1].source: 4 is outside [0, 3]")));
  EXPECT_THAT(noc.Send({{0, -1, 1, 0}}), StatusIs(kInvalid, HasSubstr("destination: -1")));
  EXPECT_THAT(noc.Send({{0, 1, 0, 0}}), StatusIs(kInvalid, HasSubstr("flits: 0")));
  EXPECT_THAT(noc.Send({{0, 1, 1, -3}}), StatusIs(kInvalid, HasSubstr("injected: -3")));
}

}  // namespace
}  // namespace strata::chips::memsys
