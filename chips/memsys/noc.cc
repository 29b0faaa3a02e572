#include "chips/memsys/noc.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <queue>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace strata::chips::memsys {
namespace {

constexpr int64_t kMaxSide = 1 << 12;

// A head asks for the link at `hop` of its route. Ordered by time, then by packet.
struct Ask {
  int64_t time;
  size_t packet;
  size_t hop;

  bool operator>(const Ask& other) const {
    return std::tie(time, packet) > std::tie(other.time, other.packet);
  }
};

absl::Status CheckRange(const std::string& field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, " is outside [", least, ", ", most, "]"));
}

}  // namespace

absl::StatusOr<Noc> Noc::Make(const NocConfig& config) {
  STRATA_RETURN_IF_ERROR(CheckRange("width", config.width, 1, kMaxSide));
  STRATA_RETURN_IF_ERROR(CheckRange("height", config.height, 1, kMaxSide));
  STRATA_RETURN_IF_ERROR(CheckRange("hop_cycles", config.hop_cycles, 1, INT32_MAX));
  if (config.kind == NocKind::kRing && config.height != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("height: ", config.height, "; a ring has one row: give width alone"));
  }
  return Noc(config);
}

int64_t Noc::Steps(int64_t from, int64_t to, int64_t size) const {
  if (config_.kind == NocKind::kMesh) return to - from;
  const int64_t up = (to - from + size) % size;
  return 2 * up <= size ? up : up - size;
}

std::vector<int64_t> Noc::Route(int64_t source, int64_t destination) const {
  std::vector<int64_t> route = {InjectionLink(source)};
  if (config_.kind != NocKind::kCrossbar) {
    const int64_t width = config_.width, height = config_.height;
    int64_t x = source % width, y = source / width;
    const auto walk = [&](int64_t steps, int64_t size, LinkOfNode up, LinkOfNode down,
                          int64_t* at) {
      for (int64_t i = std::abs(steps); i > 0; --i) {
        route.push_back((y * width + x) * kLinksOfNode + (steps > 0 ? up : down));
        *at = (*at + (steps > 0 ? 1 : size - 1)) % size;
      }
    };
    walk(Steps(x, destination % width, width), width, kRight, kLeft, &x);
    walk(Steps(y, destination / width, height), height, kUp, kDown, &y);
  }
  route.push_back(EjectionLink(destination));
  return route;
}

absl::Status Noc::Check(const std::vector<Packet>& packets) const {
  for (size_t i = 0; i < packets.size(); ++i) {
    const std::string path = absl::StrCat("packets[", i, "].");
    STRATA_RETURN_IF_ERROR(CheckRange(path + "source", packets[i].source, 0, nodes() - 1));
    STRATA_RETURN_IF_ERROR(
        CheckRange(path + "destination", packets[i].destination, 0, nodes() - 1));
    STRATA_RETURN_IF_ERROR(CheckRange(path + "flits", packets[i].flits, 1, INT32_MAX));
    STRATA_RETURN_IF_ERROR(CheckRange(path + "injected", packets[i].injected, 0, INT64_MAX / 4));
  }
  return absl::OkStatus();
}

absl::StatusOr<NocRun> Noc::Send(const std::vector<Packet>& packets) const {
  STRATA_RETURN_IF_ERROR(Check(packets));
  NocRun run;
  run.delivered.resize(packets.size());
  run.carried.resize(static_cast<size_t>(links()));
  std::vector<int64_t> free(run.carried.size());  // first cycle in which each link takes a packet
  std::vector<std::vector<int64_t>> routes;
  std::priority_queue<Ask, std::vector<Ask>, std::greater<Ask>> asks;
  for (size_t i = 0; i < packets.size(); ++i) {
    routes.push_back(Route(packets[i].source, packets[i].destination));
    asks.push({packets[i].injected, i, 0});
  }
  while (!asks.empty()) {
    const Ask ask = asks.top();
    asks.pop();
    const size_t link = static_cast<size_t>(routes[ask.packet][ask.hop]);
    const int64_t flits = packets[ask.packet].flits;
    const int64_t start = std::max(ask.time, free[link]);
    free[link] = start + flits;
    run.carried[link] += flits;
    const int64_t arrived = start + config_.hop_cycles;
    if (ask.hop + 1 < routes[ask.packet].size()) {
      asks.push({arrived, ask.packet, ask.hop + 1});
    } else {
      run.delivered[ask.packet] = arrived + flits - 1;
    }
  }
  return run;
}

}  // namespace strata::chips::memsys
