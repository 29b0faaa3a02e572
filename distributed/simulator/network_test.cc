#include "distributed/simulator/network.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/simulator/clusters.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Network Named(const std::string& name) { return *Network::Of(*FindCluster(name)); }

TEST(ClustersTest, AllAreValid) {
  EXPECT_EQ(ClusterNames(),
            (std::vector<std::string>{"h100_infiniband", "h100_roce", "infiniband_hosts"}));
  for (const std::string& name : ClusterNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const chips::Cluster cluster, FindCluster(name));
    EXPECT_EQ(cluster.name(), name);
    EXPECT_OK(Network::Of(cluster));
  }
}

TEST(ClustersTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(FindCluster("moon"), StatusIs(absl::StatusCode::kNotFound,
                                            HasSubstr("no cluster named 'moon'; there is: h100_")));
  EXPECT_THAT(FindCluster("no/such.textproto"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such.textproto")));
  const std::string path = testing::TempDir() + "/half.textproto";
  ASSERT_OK(WriteFileAtomic(path, "version: 1 name: \"half\""));
  EXPECT_THAT(FindCluster(path),
              StatusIs(kInvalid, HasSubstr("half.textproto: cluster 'half': chip")));
}

TEST(NetworkTest, RanksFillNodes) {
  const Network network = Named("h100_infiniband");
  EXPECT_EQ(network.ranks(), 256);
  ASSERT_EQ(network.level_count(), 3);
  EXPECT_EQ(network.level_ranks(0), 8);
  EXPECT_EQ(network.level_ranks(1), 32);
  EXPECT_EQ(network.LevelBetween(0, 7), 0);
  EXPECT_EQ(network.LevelBetween(7, 8), 1);
  EXPECT_EQ(network.LevelBetween(31, 0), 1);
  EXPECT_EQ(network.LevelBetween(31, 32), 2);
  EXPECT_EQ(network.LevelBetween(255, 0), 2);
}

TEST(NetworkTest, AMessageTakesAlphaAndBetaOfItsLevel) {
  const Network network = Named("h100_roce");
  EXPECT_DOUBLE_EQ(network.MessageSeconds(0, 1, 0), 3.33e-6);
  EXPECT_DOUBLE_EQ(network.MessageSeconds(1, 0, 370000), 3.33e-6 + 1e-6);
  EXPECT_DOUBLE_EQ(network.MessageSeconds(0, 8, 23750), 5.6e-6 + 1e-6);
  EXPECT_DOUBLE_EQ(network.gamma(), 3 / 3.352e12);
}

TEST(NetworkTest, TheSlowestLinkOfSoManyRanks) {
  const Network network = Named("h100_roce");
  EXPECT_DOUBLE_EQ(network.SlowestLink(8).alpha_seconds, 3.33e-6);
  EXPECT_DOUBLE_EQ(network.SlowestLink(8).beta_seconds_per_byte, 1 / 370e9);
  EXPECT_DOUBLE_EQ(network.SlowestLink(9).alpha_seconds, 5.6e-6);
  EXPECT_DOUBLE_EQ(network.SlowestLink(9).beta_seconds_per_byte, 1 / 23.75e9);
  EXPECT_DOUBLE_EQ(network.SlowestLink(9).gamma_seconds_per_byte, network.gamma());
}

TEST(NetworkTest, OneLinkForAll) {
  const Network network = Network::Uniform({1e-6, 1e-9, 1e-10}, 5);
  EXPECT_EQ(network.ranks(), 5);
  EXPECT_DOUBLE_EQ(network.MessageSeconds(0, 4, 1000), 2e-6);
  EXPECT_DOUBLE_EQ(network.gamma(), 1e-10);
}

TEST(NetworkTest, AChipThatIsNotInTheCatalogueIsNamed) {
  chips::Cluster cluster = *FindCluster("h100_roce");
  cluster.set_chip("abacus");
  EXPECT_THAT(Network::Of(cluster),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no chip named 'abacus'")));
  cluster.set_version(9);
  EXPECT_THAT(Network::Of(cluster), StatusIs(kInvalid, HasSubstr("version")));
}

}  // namespace
}  // namespace strata::distributed
