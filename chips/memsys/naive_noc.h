// The network of noc.h again, flit by flit and cycle by cycle: the oracle of its tests.
#ifndef STRATA_CHIPS_MEMSYS_NAIVE_NOC_H_
#define STRATA_CHIPS_MEMSYS_NAIVE_NOC_H_

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "chips/memsys/noc.h"

namespace strata::chips::memsys {

class NaiveNoc {
 public:
  NaiveNoc(const Noc& noc, const std::vector<Packet>& packets)
      : hop_cycles_(noc.config().hop_cycles),
        packets_(packets),
        links_(static_cast<size_t>(noc.links())),
        delivered_(packets.size()) {
    for (const Packet& packet : packets) {
      Journey journey;
      journey.route = noc.Route(packet.source, packet.destination);
      journey.sent.resize(journey.route.size());
      journey.arrivals.resize(journey.route.size());
      for (int64_t flit = 0; flit < packet.flits; ++flit) {
        journey.arrivals[0].push_back(packet.injected);
      }
      journeys_.push_back(std::move(journey));
    }
  }

  // Cycle of each packet's last flit.
  std::vector<int64_t> Run() {
    for (int64_t now = 0; left_ < packets_.size(); ++now) {
      AskForLinks(now);
      for (size_t link = 0; link < links_.size(); ++link) MoveFlit(link, now);
    }
    return delivered_;
  }

 private:
  static constexpr size_t kNobody = ~size_t{0};

  struct Journey {
    std::vector<int64_t> route;
    std::vector<int64_t> sent;  // [hops] flits that have taken the link
    std::vector<std::vector<int64_t>>
        arrivals;  // [hops] cycle in which each flit is before the link
  };
  struct Link {
    size_t owner = kNobody;
    size_t hop = 0;
    std::set<std::pair<std::pair<int64_t, size_t>, size_t>> queue;  // ((asked, packet), hop)
  };

  void AskForLinks(int64_t now) {
    for (size_t i = 0; i < journeys_.size(); ++i) {
      Journey& journey = journeys_[i];
      for (size_t hop = 0; hop < journey.route.size(); ++hop) {
        if (journey.arrivals[hop].empty() || journey.arrivals[hop][0] != now) continue;
        links_[static_cast<size_t>(journey.route[hop])].queue.insert({{now, i}, hop});
      }
    }
  }

  void MoveFlit(size_t number, int64_t now) {
    Link& link = links_[number];
    if (link.owner == kNobody) {
      if (link.queue.empty()) return;
      link.owner = link.queue.begin()->first.second;
      link.hop = link.queue.begin()->second;
      link.queue.erase(link.queue.begin());
    }
    Journey& journey = journeys_[link.owner];
    int64_t& sent = journey.sent[link.hop];
    const std::vector<int64_t>& here = journey.arrivals[link.hop];
    if (sent == static_cast<int64_t>(here.size()) || here[static_cast<size_t>(sent)] > now) return;
    ++sent;
    Arrive(link.owner, link.hop + 1, now + hop_cycles_);
    if (sent == packets_[link.owner].flits) link.owner = kNobody;
  }

  void Arrive(size_t packet, size_t hop, int64_t time) {
    Journey& journey = journeys_[packet];
    if (hop < journey.route.size()) {
      journey.arrivals[hop].push_back(time);
    } else if (journey.sent[hop - 1] == packets_[packet].flits) {
      delivered_[packet] = time;
      ++left_;
    }
  }

  int64_t hop_cycles_;
  const std::vector<Packet>& packets_;
  std::vector<Journey> journeys_;
  std::vector<Link> links_;
  std::vector<int64_t> delivered_;
  size_t left_ = 0;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_NAIVE_NOC_H_
