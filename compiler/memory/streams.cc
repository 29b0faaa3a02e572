#include "compiler/memory/streams.h"

#include <algorithm>
#include <set>
#include <vector>

#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

constexpr uint32_t kCommunication = 1;

uint32_t ContentOf(const MemoryRequest& request, uint32_t id) {
  while (id < request.view_of.size() && request.view_of[id] != kNoBuffer) id = request.view_of[id];
  return id;
}

// What a step that ran on another stream may still be doing.
struct Access {
  std::set<uint32_t> reads, writes;  // roots

  Access(const plan::Plan& plan, const plan::Step& step) {
    for (uint32_t id : step.reads()) reads.insert(plan::RootBuffer(plan, id));
    for (uint32_t id : step.writes()) writes.insert(plan::RootBuffer(plan, id));
  }

  bool Meets(const Access& other) const {
    return Share(writes, other.writes) || Share(writes, other.reads) || Share(reads, other.writes);
  }

 private:
  static bool Share(const std::set<uint32_t>& a, const std::set<uint32_t>& b) {
    return std::any_of(a.begin(), a.end(), [&](uint32_t id) { return b.count(id) > 0; });
  }
};

}  // namespace

bool MovesBytesBetweenRanks(const plan::Step& step) {
  return step.has_collective() && step.collective().kind() != "shard" &&
         step.collective().kind() != "rank_index";
}

int FirstReader(const MemoryRequest& request, const plan::Plan& plan, int step) {
  std::set<uint32_t> made;
  for (uint32_t id : plan.steps(step).writes()) made.insert(ContentOf(request, id));
  for (int i = step + 1; i < plan.steps_size(); ++i) {
    for (uint32_t id : plan.steps(i).reads()) {
      if (made.count(ContentOf(request, id)) > 0) return i;
    }
  }
  return plan.steps_size();
}

void StreamCollectives(const MemoryRequest& request, plan::Plan* plan) {
  bool beside = false;  // a step that computes comes between a collective and its reader
  for (int i = 0; i < plan->steps_size(); ++i) {
    if (!MovesBytesBetweenRanks(plan->steps(i))) continue;
    const int reader = FirstReader(request, *plan, i);
    for (int j = i + 1; j < reader; ++j) beside = beside || !MovesBytesBetweenRanks(plan->steps(j));
  }
  if (!beside) return;
  plan->set_streams(kCommunication + 1);
  for (plan::Step& step : *plan->mutable_steps()) {
    if (MovesBytesBetweenRanks(step)) step.set_stream(kCommunication);
  }
}

void OrderStreams(plan::Plan* plan) {
  if (plan->streams() < 2) return;
  std::vector<Access> access;
  // By stream: the latest step of the other one that it has waited for.
  int waited[kCommunication + 1] = {-1, -1};
  for (int i = 0; i < plan->steps_size(); ++i) {
    plan::Step& step = *plan->mutable_steps(i);
    access.emplace_back(*plan, step);
    for (int j = i - 1; j > waited[step.stream()]; --j) {
      if (plan->steps(j).stream() == step.stream() ||
          !access.back().Meets(access[static_cast<size_t>(j)]))
        continue;
      step.add_wait_for(static_cast<uint32_t>(j));
      waited[step.stream()] = j;
      break;
    }
  }
}

}  // namespace strata::compiler
