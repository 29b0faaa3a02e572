// The conformance suite of compiler::Collectives: whatever passes it can combine the gradients of a
// run.
//
//   INSTANTIATE_TEST_SUITE_P(Mine, CollectivesConformance, testing::Values(CollectivesCase{"mine3",
//   3, MakeWorld, Make}),
//                            CollectivesCaseName());
//
// Where ranks are processes, each process runs the whole suite; every test makes a world of its
// own.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_COLLECTIVES_CONFORMANCE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_COLLECTIVES_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/transport/world.h"
#include "gtest/gtest.h"

namespace strata::distributed {

struct CollectivesCase {
  std::string name;  // letters and digits
  int ranks = 1;
  std::function<absl::StatusOr<std::unique_ptr<World>>()> make_world;
  std::function<absl::StatusOr<std::unique_ptr<compiler::Collectives>>(Transport&)> make;
  bool in_rank_order = false;      // sums are exactly those of adding in the order of ranks
  bool finds_disagreement = true;  // ranks that call with different counts get an error
};

struct CollectivesCaseName {
  std::string operator()(const testing::TestParamInfo<CollectivesCase>& info) const {
    return info.param.name;
  }
};

class CollectivesConformance : public testing::TestWithParam<CollectivesCase> {
 protected:
  using Body = std::function<absl::Status(compiler::Collectives&, Transport&)>;

  // `body` on the local ranks of a new world.
  static absl::Status Run(const Body& body);
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_COLLECTIVES_CONFORMANCE_H_
