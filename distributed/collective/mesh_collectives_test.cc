#include "distributed/collective/mesh_collectives.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/group_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Collectives;
using compiler::Reduction;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// `body` on every rank of a mesh.
absl::Status OnMesh(const std::vector<MeshAxis>& mesh,
                    const std::function<absl::Status(MeshCollectives&)>& body) {
  RegisterAlgorithmCollectives();
  int64_t ranks = 1;
  for (const MeshAxis& axis : mesh) ranks *= axis.size;
  return RunThreadRanks(static_cast<int>(ranks), [&](Transport& transport) -> absl::Status {
    transport.set_timeout(std::chrono::seconds(30));
    STRATA_ASSIGN_OR_RETURN(auto collectives, MeshCollectives::Create(transport, mesh, "auto"));
    return body(*collectives);
  });
}

// The ranks of a group, gathered by the group itself.
absl::StatusOr<std::vector<int32_t>> RanksOf(MeshCollectives& world, absl::string_view axes) {
  STRATA_ASSIGN_OR_RETURN(Collectives* const group, world.Group(axes));
  const int32_t rank = world.rank();
  std::vector<int32_t> ranks(static_cast<size_t>(group->size()), -1);
  STRATA_RETURN_IF_ERROR(group->AllGather(&rank, ranks.data(), 1, chips::I32));
  EXPECT_EQ(ranks[static_cast<size_t>(group->rank())], rank);
  return ranks;
}

// As a device does whose collectives run beside its computation.
TEST(MeshCollectivesTest, TwoThreadsMayAskForGroups) {
  EXPECT_OK(OnMesh({{"a", 2}, {"b", 2}, {"c", 1}}, [](MeshCollectives& world) -> absl::Status {
    const std::vector<std::string> groups = {"a",   "b",   "c",    "b,a",   "a,c",   "c,b",
                                             "c,a", "b,c", "a, b", "b,a,c", "c,b,a", "b,c,a"};
    std::vector<Collectives*> found[2];
    const auto ask = [&](size_t who) {
      for (const std::string& axes : groups) found[who].push_back(world.Group(axes).value());
    };
    std::thread other(ask, 1);
    ask(0);
    other.join();
    EXPECT_EQ(found[0], found[1]);
    return world.Barrier();
  }));
}

TEST(MeshCollectivesTest, GroupsHoldTheRanksOfARow) {
  EXPECT_OK(OnMesh({{"dp", 2}, {"cp", 2}, {"tp", 3}}, [](MeshCollectives& world) -> absl::Status {
    const int r = world.rank(), dp = r / 6, cp = r / 3 % 2, tp = r % 3;
    STRATA_ASSIGN_OR_RETURN(const int64_t at, world.Coordinate("cp"));
    EXPECT_EQ(at, cp);
    const auto rank = [](int d, int c, int t) { return d * 6 + c * 3 + t; };
    STRATA_ASSIGN_OR_RETURN(auto ranks, RanksOf(world, "tp"));
    EXPECT_THAT(ranks, ElementsAreArray({rank(dp, cp, 0), rank(dp, cp, 1), rank(dp, cp, 2)}));
    STRATA_ASSIGN_OR_RETURN(ranks, RanksOf(world, "dp"));
    EXPECT_THAT(ranks, ElementsAreArray({rank(0, cp, tp), rank(1, cp, tp)}));
    STRATA_ASSIGN_OR_RETURN(ranks, RanksOf(world, "dp,cp"));
    EXPECT_THAT(ranks,
                ElementsAreArray({rank(0, 0, tp), rank(0, 1, tp), rank(1, 0, tp), rank(1, 1, tp)}));
    STRATA_ASSIGN_OR_RETURN(ranks, RanksOf(world, "cp, dp"));
    EXPECT_THAT(ranks,
                ElementsAreArray({rank(0, 0, tp), rank(1, 0, tp), rank(0, 1, tp), rank(1, 1, tp)}));
    STRATA_ASSIGN_OR_RETURN(ranks, RanksOf(world, "dp,cp,tp"));
    EXPECT_EQ(ranks.size(), 12u);
    EXPECT_EQ(ranks[7], 7);
    STRATA_ASSIGN_OR_RETURN(ranks, RanksOf(world, ""));
    EXPECT_EQ(ranks.size(), 12u);
    return absl::OkStatus();
  }));
}

TEST(MeshCollectivesTest, GroupsReduceAmongThemselvesInTurnWithAll) {
  EXPECT_OK(OnMesh({{"dp", 2}, {"tp", 3}}, [](MeshCollectives& world) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(Collectives* const dp, world.Group("dp"));
    STRATA_ASSIGN_OR_RETURN(Collectives* const tp, world.Group("tp"));
    STRATA_ASSIGN_OR_RETURN(Collectives* const again, world.Group("tp"));
    EXPECT_EQ(tp, again);
    for (int64_t count : {1, 1000, 40000}) {
      std::vector<float> data(static_cast<size_t>(count), static_cast<float>(world.rank()));
      STRATA_RETURN_IF_ERROR(tp->AllReduce(data.data(), count, chips::F32, Reduction::kSum));
      EXPECT_EQ(data.back(), static_cast<float>(9 * (world.rank() / 3) + 3));  // 0+1+2 or 3+4+5
      STRATA_RETURN_IF_ERROR(dp->AllReduce(data.data(), count, chips::F32, Reduction::kSum));
      EXPECT_EQ(data.back(), 15);
      STRATA_RETURN_IF_ERROR(world.AllReduce(data.data(), count, chips::F32, Reduction::kMean));
      EXPECT_EQ(data.back(), 15);
      STRATA_RETURN_IF_ERROR(dp->Barrier());
    }
    return absl::OkStatus();
  }));
}

TEST(MeshCollectivesTest, AxisOfOneRankIsAGroupOfOne) {
  EXPECT_OK(OnMesh({{"dp", 2}, {"pp", 1}}, [](MeshCollectives& world) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(Collectives* const pp, world.Group("pp"));
    EXPECT_EQ(pp->size(), 1);
    float value = 3;
    STRATA_RETURN_IF_ERROR(pp->AllReduce(&value, 1, chips::F32, Reduction::kMean));
    EXPECT_EQ(value, 3);
    return absl::OkStatus();
  }));
}

TEST(MeshCollectivesTest, RefusesBadAxes) {
  EXPECT_OK(OnMesh({{"dp", 2}, {"tp", 1}}, [](MeshCollectives& world) -> absl::Status {
    EXPECT_THAT(world.Group("ep"),
                StatusIs(kInvalid, HasSubstr("no axis 'ep' in the mesh {dp: 2, tp: 1}")));
    EXPECT_THAT(world.Group("dp,dp"), StatusIs(kInvalid, HasSubstr("dp is there twice")));
    EXPECT_THAT(world.Coordinate("x"), StatusIs(kInvalid, HasSubstr("no axis 'x'")));
    return absl::OkStatus();
  }));
}

TEST(MeshCollectivesTest, RefusesBadMeshes) {
  RegisterAlgorithmCollectives();
  EXPECT_OK(RunThreadRanks(2, [](Transport& t) -> absl::Status {
    EXPECT_THAT(MeshCollectives::Create(t, {{"dp", 3}}, "ring"),
                StatusIs(kInvalid, HasSubstr("has 3 ranks, but the run has 2")));
    EXPECT_THAT(MeshCollectives::Create(t, {{"dp", 2}, {"dp", 1}}, "ring"),
                StatusIs(kInvalid, HasSubstr("a name of its own")));
    EXPECT_THAT(MeshCollectives::Create(t, {{"a,b", 2}}, "ring"),
                StatusIs(kInvalid, HasSubstr("without comma")));
    EXPECT_THAT(MeshCollectives::Create(t, {{"dp", 2}, {"tp", 0}}, "ring"),
                StatusIs(kInvalid, HasSubstr("axis tp must have at least 1")));
    return absl::OkStatus();
  }));
}

TEST(GroupTransportTest, TranslatesRanksAndKeepsErrors) {
  EXPECT_OK(RunThreadRanks(4, [](Transport& t) -> absl::Status {
    EXPECT_THAT(GroupTransport::Create(t, {}), StatusIs(kInvalid, HasSubstr("at most once")));
    EXPECT_THAT(GroupTransport::Create(t, {0, 4}), StatusIs(kInvalid, HasSubstr("in [0, 4)")));
    EXPECT_THAT(GroupTransport::Create(t, {t.rank(), t.rank()}),
                StatusIs(kInvalid, HasSubstr("at most once")));
    EXPECT_THAT(GroupTransport::Create(t, {(t.rank() + 1) % 4}),
                StatusIs(kInvalid, HasSubstr("this rank is not in it")));
    if (t.rank() == 0 || t.rank() == 2) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(auto pair, GroupTransport::Create(t, {3, 1}));
    EXPECT_EQ(pair->rank(), t.rank() == 3 ? 0 : 1);
    int mine = t.rank(), theirs = -1;
    STRATA_RETURN_IF_ERROR(
        pair->SendRecv({1 - pair->rank(), 5, &mine, 4}, {1 - pair->rank(), 5, &theirs, 4}));
    EXPECT_EQ(theirs, 4 - t.rank());
    EXPECT_THAT(pair->Send({2, 5, &mine, 4}), StatusIs(kInvalid, HasSubstr("outside [0, 2)")));
    pair->Leave(absl::OkStatus());  // the run below goes on
    return t.SendRecv({4 - t.rank(), 6, &mine, 4}, {4 - t.rank(), 6, &theirs, 4});
  }));
}

}  // namespace
}  // namespace strata::distributed
