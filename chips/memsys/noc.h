// Networks on chip: packets on a mesh, torus, ring or crossbar, with contention for links.
//
//   STRATA_ASSIGN_OR_RETURN(const Noc noc, Noc::Make({.kind = NocKind::kMesh, .width = 4, .height = 4}));
//   STRATA_ASSIGN_OR_RETURN(const NocRun run, noc.Send(packets));
//   run.delivered[i];  // cycle in which packet i's last flit arrives
//
// Nodes are numbered row by row: node = y * width + x. A packet of F flits takes links one after another:
//
//   its node's injection link, links between routers, the ejection link of its destination
//
// A link carries one flit a cycle and one packet at a time, in the order in which their heads ask for it
// (at the same time: the lower packet number first). A head that gets a link in cycle t asks for the next
// in cycle t + hop_cycles; the other flits follow it, one a cycle (virtual cut-through; buffers hold all
// that waits). So with nothing in the way
//
//   delivered = injected + links * hop_cycles + F - 1
//
// Routes: mesh: first along x, then along y (XY, free of deadlock). Torus: the same, the shorter way round,
// upwards when both are as long. Ring: a torus of one row. Crossbar: no links between routers; only
// injection and ejection are shared.
//
// Sources: Dally, Towles, "Principles and practices of interconnection networks", 2004, chapters 3, 5, 8, 12;
// Kermani, Kleinrock, "Virtual cut-through", Computer Networks 3(4), 1979.
#ifndef STRATA_CHIPS_MEMSYS_NOC_H_
#define STRATA_CHIPS_MEMSYS_NOC_H_

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace strata::chips::memsys {

enum class NocKind { kMesh, kTorus, kRing, kCrossbar };

struct NocConfig {
  NocKind kind = NocKind::kMesh;
  int64_t width = 1;
  int64_t height = 1;      // 1 for kRing
  int64_t hop_cycles = 1;  // router and link, >= 1
};

struct Packet {
  int64_t source = 0;  // nodes
  int64_t destination = 0;
  int64_t flits = 1;     // >= 1
  int64_t injected = 0;  // cycle in which the head asks for the injection link, >= 0
};

struct NocRun {
  std::vector<int64_t> delivered;  // [packets]
  std::vector<int64_t> carried;    // [links] flits
};

class Noc {
 public:
  // INVALID_ARGUMENT names the field at fault.
  static absl::StatusOr<Noc> Make(const NocConfig& config);

  // INVALID_ARGUMENT: "packets[3].source: ...". Exact, at a cost of O(log packets) a link taken.
  absl::StatusOr<NocRun> Send(const std::vector<Packet>& packets) const;
  absl::Status Check(const std::vector<Packet>& packets) const;

  // Links from source to destination, injection first, ejection last.
  std::vector<int64_t> Route(int64_t source, int64_t destination) const;

  int64_t nodes() const { return config_.width * config_.height; }
  int64_t links() const { return nodes() * kLinksOfNode; }
  const NocConfig& config() const { return config_; }

  int64_t InjectionLink(int64_t node) const { return node * kLinksOfNode + kInject; }
  int64_t EjectionLink(int64_t node) const { return node * kLinksOfNode + kEject; }

 private:
  enum LinkOfNode { kInject, kEject, kRight, kLeft, kUp, kDown, kLinksOfNode };

  explicit Noc(const NocConfig& config) : config_(config) {}

  // Steps and their direction from `from` to `to` on a line or circle of `size` nodes.
  int64_t Steps(int64_t from, int64_t to, int64_t size) const;

  NocConfig config_;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_NOC_H_
