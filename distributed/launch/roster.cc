#include "distributed/launch/roster.h"

#include "distributed/transport/free_port.h"

namespace strata::distributed {
namespace {

class Fixed : public Roster {
 public:
  Fixed(int nodes, int node_rank, const std::string& address, int port)
      : nodes_(nodes), node_rank_(node_rank), address_(address), port_(port) {}

  absl::StatusOr<Generation> Next(int number, int ranks) override {
    Generation next;
    next.number = number;
    next.world_size = nodes_ * ranks;
    next.first_rank = node_rank_ * ranks;
    next.ranks = ranks;
    next.node_rank = node_rank_;
    next.master_address = address_;
    next.master_port = port_;
    if (port_ == 0) {
      STRATA_ASSIGN_OR_RETURN(next.master_port, FreePort());
    }
    return next;
  }

 private:
  const int nodes_, node_rank_;
  const std::string address_;
  const int port_;
};

}  // namespace

std::unique_ptr<Roster> FixedRoster(int nodes, int node_rank, const std::string& master_address,
                                    int master_port) {
  return std::make_unique<Fixed>(nodes, node_rank, master_address, master_port);
}

}  // namespace strata::distributed
