// Every implementation that runs in one process, under the conformance suite.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/collectives_conformance.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/collective/reference.h"
#include "distributed/collective/registry.h"
#include "distributed/transport/null_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

void RegisterAll() {
  RegisterAlgorithmCollectives();
  RegisterReferenceCollectives();
  RegisterNullCollectives();
}

CollectivesCase OnThreads(const std::string& implementation, int ranks) {
  CollectivesCase test;
  test.name = absl::StrCat(implementation, ranks);
  test.ranks = ranks;
  test.make_world = [ranks] { return ThreadWorld(ranks); };
  test.make = [implementation](Transport& transport) {
    return CollectivesRegistry().Create(implementation, transport);
  };
  test.in_rank_order = implementation == "reference";
  return test;
}

std::vector<CollectivesCase> Cases() {
  RegisterAll();
  std::vector<CollectivesCase> cases = {OnThreads("null", 1)};
  for (int ranks : {1, 2, 3, 5, 8}) {
    cases.push_back(OnThreads("ring", ranks));
    cases.push_back(OnThreads("auto", ranks));
  }
  for (int ranks : {1, 2, 4}) cases.push_back(OnThreads("reference", ranks));
  cases.push_back(OnThreads("measured", 3));
  CollectivesCase small_blocks = OnThreads("ring", 3);
  small_blocks.name = "ringOfSmallBlocks";
  small_blocks.make = [](Transport& transport) {
    AlgorithmCollectives::Options options;
    options.algorithm = "ring";
    options.tuning.block_bytes = 8 << 10;
    return std::make_unique<AlgorithmCollectives>(transport, options);
  };
  cases.push_back(small_blocks);
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Threads, CollectivesConformance, testing::ValuesIn(Cases()),
                         CollectivesCaseName());

TEST(CollectivesRegistryTest, NamesWhatThereIs) {
  RegisterAll();
  NullTransport transport;
  EXPECT_THAT(CollectivesRegistry().Create("bush", transport),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no collectives named 'bush'")));
  EXPECT_THAT(AlgorithmCollectives::Create(transport, "bush"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("there is: auto, measured")));
}

TEST(NullCollectivesTest, RefusesMoreRanks) {
  RegisterAll();
  EXPECT_OK(RunThreadRanks(2, [](Transport& transport) {
    EXPECT_THAT(CollectivesRegistry().Create("null", transport),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 rank, not 2; use ring")));
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace strata::distributed
