// The conformance suite of Transport: whatever passes it can stand under the collectives.
//
//   INSTANTIATE_TEST_SUITE_P(Mine, TransportConformance, testing::Values(TransportCase{"mine", 2,
//   MakeMyWorld}),
//                            TransportCaseName());
//
// Where ranks are processes, each process runs the whole suite; every test makes a world of its
// own.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_CONFORMANCE_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "distributed/transport/world.h"
#include "gtest/gtest.h"

namespace strata::distributed {

struct TransportCase {
  std::string name;  // letters and digits; the transport's own name comes first
  int ranks = 1;
  std::function<absl::StatusOr<std::unique_ptr<World>>()> make;
};

struct TransportCaseName {
  std::string operator()(const testing::TestParamInfo<TransportCase>& info) const {
    return info.param.name;
  }
};

class TransportConformance : public testing::TestWithParam<TransportCase> {
 protected:
  // `body` on the local ranks of a new world.
  static absl::Status Run(const std::function<absl::Status(Transport&)>& body);
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_CONFORMANCE_H_
