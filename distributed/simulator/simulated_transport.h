// The simulated transport: ranks are threads of one process, their messages are real, and time is virtual: each rank
// has a clock, which messages move on by what they would take on a Cluster.
//
//   STRATA_ASSIGN_OR_RETURN(const Network network, Network::Of(cluster));
//   STRATA_ASSIGN_OR_RETURN(SimulatedRun run, SimulateRun(network, /*ranks=*/16, {.record = true}));
//   STRATA_RETURN_IF_ERROR(RunRanks(*run.world, [](Transport& transport) { return Train(transport); }));
//   run.Seconds();      // until the last rank was done
//   run.Timeline("training");
//
// The model (link_model.h, with alpha and beta of the level that joins the two ranks):
// - A message of b bytes takes alpha + beta b. A send keeps its rank busy for so long from the moment it is called,
//   whether the receiver is there or not.
// - A receive begins when both are there: at max(the receiver's clock, the sender's clock when it sent), and keeps the
//   receiver busy for alpha + beta b from then on.
// - The two halves of an exchange overlap: a rank sends one message and receives one at a time, so its port is busy in
//   each direction for no longer than that. A level's bandwidth is each chip's own, so ranks do not slow each other.
// - A receive in pieces is one that combines: gamma b more.
// - What the ranks compute takes no time; VirtualClock::Spend says otherwise.
//
// Times depend only on what each rank calls, in its order, never on how threads happen to run. The transport's
// time-out is one of real time, as a rank that hangs does so in real time.
#ifndef STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_TRANSPORT_H_
#define STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_TRANSPORT_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "distributed/simulator/network.h"
#include "distributed/simulator/virtual_clock.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

struct SimulationOptions {
  // False: messages carry only their sizes, what is received stays as it was and `take` is not called. For times of
  // data too large to move.
  bool carry_data = true;
  bool record = false;  // every message, for the timeline
};

struct SimulatedRun {
  std::unique_ptr<World> world;
  std::vector<std::shared_ptr<VirtualClock>>
      clocks;  // by rank; each of its rank's thread until the run is over

  // After the run: of the clock that is furthest.
  double Seconds() const;
  chips::Timeline Timeline(const std::string& name) const;
};

// INVALID_ARGUMENT when the network has not so many chips.
absl::StatusOr<SimulatedRun> SimulateRun(const Network& network, int ranks,
                                         const SimulationOptions& options = {});

inline constexpr char kDefaultCluster[] = "h100_roce";

// Puts "simulated" in WorldRegistry(), over a cluster of this name or path. A cluster that there is not is an error
// when a world is made.
void RegisterSimulatedTransport(const std::string& cluster = kDefaultCluster);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_TRANSPORT_H_
