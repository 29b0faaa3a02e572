#include "compiler/pass/epilogue_nodes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "compiler/gemm/tile_access.h"

namespace strata::compiler {
namespace {

using graph::Node;

constexpr size_t kMaxMembers = 48;
constexpr size_t kMaxBuffers = 12;  // of what follows the product

bool IsSource(const Node& node) { return node.op() == "constant" || node.op() == "broadcast_to"; }

}  // namespace

EpilogueFinder::EpilogueFinder(const graph::Graph& graph)
    : uses_(graph), traffic_(uses_, FindFusionGroups(graph)) {}

// By value: whether it cannot be had before the product. What a product has taken is done all at
// once.
std::vector<bool> EpilogueFinder::DependOn(int product) const {
  std::vector<bool> dependent(static_cast<size_t>(uses_.graph().values_size()), false);
  std::vector<int> stack = {product};
  std::vector<bool> seen(static_cast<size_t>(uses_.graph().nodes_size()), false);
  seen[static_cast<size_t>(product)] = true;
  const auto push = [&](int n) {
    if (!seen[static_cast<size_t>(n)]) stack.push_back(n);
    seen[static_cast<size_t>(n)] = true;
  };
  while (!stack.empty()) {
    const int n = stack.back();
    stack.pop_back();
    if (n != product && traffic_.taken_by(n) >= 0) {
      for (int other : taken_.at(traffic_.taken_by(n))) push(other);
    }
    for (uint32_t id : uses_.node(n).outputs()) {
      dependent[id] = true;
      for (int reader : uses_.readers(id)) push(reader);
    }
  }
  return dependent;
}

bool EpilogueFinder::Fits(int n) const {
  return traffic_.taken_by(n) < 0 &&
         CheckTileNode(graph::CallOf(uses_.graph(), uses_.node(n)), M_, N_).ok();
}

// Inside of the kernel values are f32; bf16 is what memory holds.
bool EpilogueFinder::ReadsRounded(int n, const Nodes& among) const {
  const Node& node = uses_.node(n);
  return std::any_of(node.inputs().begin(), node.inputs().end(), [&](uint32_t id) {
    return among.count(uses_.maker(id)) > 0 && uses_.type(id).dtype != chips::F32;
  });
}

bool EpilogueFinder::MayFollow(int n, const Nodes& before,
                               const std::vector<bool>& dependent) const {
  const Node& node = uses_.node(n);
  if (IsSource(node) || !Fits(n) || ReadsRounded(n, before)) return false;
  return std::all_of(node.inputs().begin(), node.inputs().end(), [&](uint32_t id) {
    return !dependent[id] || before.count(uses_.maker(id)) > 0;
  });
}

// The nodes that could be done with the product, each with all before it.
EpilogueFinder::Nodes EpilogueFinder::Followers(int product) const {
  const std::vector<bool> dependent = DependOn(product);
  Nodes followers = {product};
  std::set<int> next(uses_.readers(uses_.node(product).outputs(0)).begin(),
                     uses_.readers(uses_.node(product).outputs(0)).end());
  // In order of the graph, so that a node's operands have been met before.
  while (!next.empty() && followers.size() < kMaxMembers) {
    const int n = *next.begin();
    next.erase(next.begin());
    if (!MayFollow(n, followers, dependent)) continue;
    followers.insert(n);
    const std::vector<int>& readers = uses_.readers(uses_.node(n).outputs(0));
    next.insert(readers.begin(), readers.end());
  }
  followers.erase(product);
  return followers;
}

// Followers that something else reads; others would be written for followers that are left out.
EpilogueFinder::Nodes EpilogueFinder::Ends(const Nodes& followers) const {
  Nodes ends;
  for (int n : followers) {
    const uint32_t value = uses_.node(n).outputs(0);
    const std::vector<int>& readers = uses_.readers(value);
    const bool read = std::any_of(readers.begin(), readers.end(),
                                  [&](int reader) { return followers.count(reader) == 0; });
    if (!read && !uses_.is_output(value)) continue;
    int end = n;  // what a view is of
    while (followers.count(end) > 0 && uses_.node(end).op() == "reshape")
      end = uses_.maker(uses_.node(end).inputs(0));
    if (followers.count(end) > 0) ends.insert(end);
  }
  return ends;
}

// The followers that `ends` are made of, and they.
EpilogueFinder::Nodes EpilogueFinder::LeadingTo(const Nodes& ends, const Nodes& followers) const {
  Nodes members = ends;
  for (auto n = followers.rbegin(); n != followers.rend(); ++n) {
    if (members.count(*n) == 0) continue;
    for (uint32_t id : uses_.node(*n).inputs()) {
      if (followers.count(uses_.maker(id)) > 0) members.insert(uses_.maker(id));
    }
  }
  return members;
}

bool EpilogueFinder::IsFeeder(int n, const Nodes& members) const {
  if (n < 0 || members.count(n) > 0 || IsSource(uses_.node(n)) || !Fits(n)) return false;
  const uint32_t value = uses_.node(n).outputs(0);
  const std::vector<int>& readers = uses_.readers(value);
  return !uses_.is_output(value) && uses_.type(value).dtype == chips::F32 &&
         std::all_of(readers.begin(), readers.end(),
                     [&](int reader) { return members.count(reader) > 0; });
}

// With what only they read.
EpilogueFinder::Nodes EpilogueFinder::WithFeeders(int product, Nodes members) const {
  std::vector<int> stack(members.begin(), members.end());
  while (!stack.empty() && members.size() < kMaxMembers) {
    const int n = stack.back();
    stack.pop_back();
    for (uint32_t id : uses_.node(n).inputs()) {
      const int maker = uses_.maker(id);
      if (maker == product || !IsFeeder(maker, members)) continue;
      members.insert(maker);
      stack.push_back(maker);
    }
  }
  return members;
}

// Constants and broadcasts that the members read: every kernel has its own. The product's operands
// are in memory.
std::vector<int> EpilogueFinder::Sources(int product, const Nodes& members) const {
  std::set<int> sources;
  const auto& operands = uses_.node(product).inputs();
  std::vector<int> stack(members.begin(), members.end());
  while (!stack.empty()) {
    const Node& node = uses_.node(stack.back());
    stack.pop_back();
    for (uint32_t id : node.inputs()) {
      const int maker = uses_.maker(id);
      if (maker < 0 || members.count(maker) > 0 || !IsSource(uses_.node(maker))) continue;
      if (uses_.node(maker).op() == "broadcast_to" && !Fits(maker)) continue;
      if (std::find(operands.begin(), operands.end(), id) != operands.end()) continue;
      if (sources.insert(maker).second) stack.push_back(maker);
    }
  }
  return {sources.begin(), sources.end()};
}

Epilogue EpilogueFinder::Keep(int product, const Nodes& members,
                              const KernelTraffic::Change& change) {
  traffic_.Take(product, members, change);
  taken_[product] = members;
  taken_[product].insert(product);
  Epilogue epilogue;
  const std::vector<int> sources = Sources(product, members);
  std::set_union(taken_[product].begin(), taken_[product].end(), sources.begin(), sources.end(),
                 std::back_inserter(epilogue.members));
  epilogue.exports.assign(change.exports.begin(), change.exports.end());
  epilogue.bytes_saved = change.bytes_saved;
  return epilogue;
}

std::optional<Epilogue> EpilogueFinder::Find(int product, int64_t price) {
  const graph::TensorType type = uses_.type(uses_.node(product).outputs(0));
  if (type.dtype != chips::F32 || type.elements() == 0) return std::nullopt;
  N_ = type.dims().back();
  M_ = type.elements() / N_;
  const Nodes followers = Followers(product);
  const Nodes possible_ends = Ends(followers);
  // Ends are added one by one, the one that saves most first.
  Nodes ends, best_members;
  KernelTraffic::Change best;
  for (bool better = true; better;) {
    better = false;
    Nodes best_ends = ends;
    for (int end : possible_ends) {
      if (best_members.count(end) > 0) continue;
      Nodes more = ends;
      more.insert(end);
      Nodes members = WithFeeders(product, LeadingTo(more, followers));
      KernelTraffic::Change change = traffic_.Try(product, members);
      if (change.bytes_saved <= best.bytes_saved || change.buffers > kMaxBuffers) continue;
      best = std::move(change);
      best_members = std::move(members);
      best_ends = std::move(more);
      better = true;
    }
    ends = std::move(best_ends);
  }
  if (best.bytes_saved <= price) return std::nullopt;
  return Keep(product, best_members, best);
}

}  // namespace strata::compiler
