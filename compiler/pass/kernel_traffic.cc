#include "compiler/pass/kernel_traffic.h"

#include <algorithm>

namespace strata::compiler {

KernelTraffic::KernelTraffic(const GraphUses& uses, const FusionGroups& groups)
    : uses_(uses),
      groups_of_(At(uses.graph().nodes_size())),
      alone_(groups_of_.size(), false),
      taken_by_(groups_of_.size(), -1) {
  for (int n : groups.alone) alone_[At(n)] = true;
  for (const FusionGroup& group : groups.groups) {
    for (int n : group.members) groups_of_[At(n)].insert(groups_.size());
    groups_.push_back({Nodes(group.members.begin(), group.members.end()),
                       Nodes(group.exports.begin(), group.exports.end())});
  }
}

bool KernelTraffic::IsView(int n) const { return uses_.node(n).op() == "reshape"; }

// The value that a kernel reads in memory where it wants this one: under other dims, or once for
// many elements.
uint32_t KernelTraffic::Root(uint32_t value) const {
  while (uses_.Maker(value, "reshape") != nullptr || uses_.Maker(value, "broadcast_to") != nullptr)
    value = uses_.Maker(value)->inputs(0);
  return value;
}

int64_t KernelTraffic::Bytes(const std::set<uint32_t>& values) const {
  int64_t bytes = 0;
  for (uint32_t value : values) bytes += uses_.type(value).size_bytes();
  return bytes;
}

// What a kernel of these members reads.
std::set<uint32_t> KernelTraffic::Reads(const Nodes& members) const {
  std::set<uint32_t> reads;
  for (int n : members) {
    for (uint32_t id : uses_.node(n).inputs()) {
      const uint32_t root = Root(id);
      const int maker = uses_.maker(root);
      if (maker >= 0 && (members.count(maker) > 0 || uses_.node(maker).op() == "constant"))
        continue;
      reads.insert(root);
    }
  }
  return reads;
}

int64_t KernelTraffic::Traffic(const Nodes& members, const Nodes& exports) const {
  std::set<uint32_t> writes;
  for (int n : exports) writes.insert(Root(Out(n)));
  return Bytes(Reads(members)) + Bytes(writes);
}

// Takes members out of the groups that have them. Groups that only read what they make are listed
// too.
void KernelTraffic::TakeFrom(const Nodes& taken, Change* change) const {
  std::set<int> readers;
  for (int n : taken) {
    for (size_t g : groups_of_[At(n)]) change->rest.emplace(g, groups_[g]);
    for (int reader : uses_.readers(Out(n))) readers.insert(reader);
  }
  for (int reader : readers) {
    for (size_t g : groups_of_[At(reader)]) change->rest.emplace(g, groups_[g]);
  }
  for (auto& [g, group] : change->rest) {
    for (int n : taken) {
      group.members.erase(n);
      group.exports.erase(n);
    }
  }
}

// What the members read and only the inside of a group had, that group has to write.
void KernelTraffic::WriteFor(const Nodes& members, Change* change) const {
  for (uint32_t value : Reads(members)) {
    const int maker = uses_.maker(value);
    if (maker < 0 || alone_[At(maker)] || taken_by_[At(maker)] >= 0 || members.count(maker) > 0)
      continue;
    const std::set<size_t>& makers = groups_of_[At(maker)];
    const bool written = std::any_of(makers.begin(), makers.end(), [&](size_t g) {
      return Rest(g, *change).exports.count(maker) > 0;
    });
    if (written || makers.empty()) continue;
    const size_t g = *makers.begin();
    change->rest.emplace(g, groups_[g]).first->second.exports.insert(maker);
  }
}

// Members of groups that no export needs any more.
void KernelTraffic::DropDead(Change* change) const {
  for (auto& [g, group] : change->rest) {
    Nodes live = group.exports;
    for (auto n = group.members.rbegin(); n != group.members.rend(); ++n) {
      if (live.count(*n) == 0) continue;
      for (uint32_t id : uses_.node(*n).inputs()) {
        const int maker = uses_.maker(id);
        if (group.members.count(maker) > 0) live.insert(maker);
      }
    }
    group.members = std::move(live);
  }
}

const KernelTraffic::Group& KernelTraffic::Rest(size_t group, const Change& change) const {
  const auto it = change.rest.find(group);
  return it == change.rest.end() ? groups_[group] : it->second;
}

// Whether a kernel that is left does the node.
bool KernelTraffic::IsDone(int node, const Change& change) const {
  if (taken_by_[At(node)] >= 0 || alone_[At(node)]) return true;
  const std::set<size_t>& groups = groups_of_[At(node)];
  return std::any_of(groups.begin(), groups.end(),
                     [&](size_t g) { return Rest(g, change).members.count(node) > 0; });
}

// Whether a result or another kernel wants a value, perhaps under other dims.
bool KernelTraffic::IsNeeded(uint32_t value, const Nodes& taken, const Change& change) const {
  if (uses_.is_output(value)) return true;
  const std::vector<int>& readers = uses_.readers(value);
  return std::any_of(readers.begin(), readers.end(), [&](int reader) {
    if (IsView(reader)) return IsNeeded(Out(reader), taken, change);
    return taken.count(reader) == 0 && IsDone(reader, change);
  });
}

int64_t KernelTraffic::TrafficBefore(int product, const Nodes& members,
                                     const Change& change) const {
  int64_t bytes = Bytes({Out(product)});
  for (const auto& [g, rest] : change.rest)
    bytes += Traffic(groups_[g].members, groups_[g].exports);
  for (int n : members) {
    const bool free = IsView(n) || uses_.node(n).op() == "constant";
    if (alone_[At(n)] && !free) bytes += Traffic({n}, {n});
  }
  return bytes;
}

KernelTraffic::Change KernelTraffic::Try(int product, const Nodes& members) const {
  Change change;
  Nodes taken = members;
  taken.insert(product);
  TakeFrom(taken, &change);
  WriteFor(members, &change);
  DropDead(&change);
  for (int n : taken) {
    if (!IsView(n) && IsNeeded(Out(n), taken, change)) change.exports.insert(n);
  }
  std::set<uint32_t> reads = Reads(members);
  reads.erase(Out(product));
  change.buffers = reads.size() + change.exports.size();
  int64_t after = Bytes(reads) + Traffic({}, change.exports);
  for (const auto& [g, rest] : change.rest) after += Traffic(rest.members, rest.exports);
  change.bytes_saved = TrafficBefore(product, members, change) - after;
  return change;
}

void KernelTraffic::Take(int product, const Nodes& members, const Change& change) {
  for (int n : members) {
    taken_by_[At(n)] = product;
    alone_[At(n)] = false;
    groups_of_[At(n)].clear();
  }
  taken_by_[At(product)] = product;
  alone_[At(product)] = false;
  for (const auto& [g, rest] : change.rest) {
    for (int n : groups_[g].members) {
      if (rest.members.count(n) == 0) groups_of_[At(n)].erase(g);
    }
    groups_[g] = rest;
  }
}

}  // namespace strata::compiler
