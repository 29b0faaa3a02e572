#include "compiler/memory/execution.h"

#include <utility>

namespace strata::compiler {
namespace {

size_t At(int i) { return static_cast<size_t>(i); }

}  // namespace

std::vector<int> MakersOf(const OrderProblem& problem) {
  std::vector<int> maker(problem.bytes.size(), -1);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    for (int content : problem.nodes[n].writes) maker[At(content)] = static_cast<int>(n);
  }
  return maker;
}

Execution::Execution(const OrderProblem& problem)
    : problem_(&problem), readers_left_(problem.bytes.size(), 0), waits_(problem.nodes.size(), 0) {
  const std::vector<int> maker = MakersOf(problem);
  auto followers = std::make_shared<std::vector<std::vector<int>>>(problem.nodes.size());
  const auto wait = [&](int before, size_t node) {
    ++waits_[node];
    (*followers)[At(before)].push_back(static_cast<int>(node));
  };
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    for (int content : problem.nodes[n].reads) {
      ++readers_left_[At(content)];
      if (maker[At(content)] >= 0) wait(maker[At(content)], n);
    }
    for (int before : problem.nodes[n].after) wait(before, n);
  }
  followers_ = std::move(followers);
  for (size_t c = 0; c < problem.bytes.size(); ++c) {
    if (maker[c] < 0) live_ += problem.bytes[c];
  }
}

Execution::Bytes Execution::Look(int node) const {
  const OrderProblem::Node& n = problem_->nodes[At(node)];
  const auto dies = [&](int content) {
    return readers_left_[At(content)] == 1 && !problem_->kept[At(content)];
  };
  Bytes bytes{live_ + FreshBytes(*problem_, node, dies), live_};
  for (int content : n.writes) {
    const bool read = readers_left_[At(content)] > 0 || problem_->kept[At(content)];
    if (read) bytes.after += problem_->bytes[At(content)];
  }
  for (int content : n.reads) {
    if (dies(content)) bytes.after -= problem_->bytes[At(content)];
  }
  return bytes;
}

void Execution::Run(int node) {
  live_ = Look(node).after;
  for (int content : problem_->nodes[At(node)].reads) --readers_left_[At(content)];
  for (int follower : Followers(node)) --waits_[At(follower)];
}

}  // namespace strata::compiler
