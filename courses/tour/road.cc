// Chapter 3: one tensor on its road through the layers: the model line, its nodes, their gradients, the kernel that the
// compiler made of them, and the time that kernel takes here and on chips that are only described.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/model_device.h"
#include "courses/tour/tour.h"
#include "framework/graph/text.h"

namespace strata::courses {
namespace {

// The lines of the graph's text whose origin starts with `origin`.
std::vector<std::string> LinesWithOrigin(const graph::Graph& graph, const std::string& origin) {
  std::vector<std::string> lines;
  const std::string mark = absl::StrCat("@ \"", origin);
  for (absl::string_view line : absl::StrSplit(graph::PrintGraph(graph), '\n')) {
    const size_t at = line.find(mark);
    if (at != absl::string_view::npos)
      lines.push_back(std::string(absl::StripAsciiWhitespace(line.substr(0, at))));
  }
  return lines;
}

// The first line of the scope's forward part among the origins that a step serves; empty when there is none.
std::string ForwardLine(const plan::Step& step, const std::string& scope) {
  for (absl::string_view origin : absl::StrSplit(step.origin(), "; ")) {
    if (absl::StartsWith(origin, scope)) return std::string(origin);
  }
  return "";
}

// The emitted kernel that does the most arithmetic for the forward part of the scope; -1: none. Values
// that the backward pass needs too may carry its lines as well.
int FindStep(const plan::Plan& plan, const std::string& scope) {
  int best = -1;
  for (int i = 0; i < plan.steps_size(); ++i) {
    const plan::Step& step = plan.steps(i);
    const bool forward = !absl::StartsWith(step.origin(), "grad ");
    if (!step.has_launch() || !forward || ForwardLine(step, scope).empty()) continue;
    if (best < 0 || step.flops() > plan.steps(best).flops()) best = i;
  }
  return best;
}

absl::StatusOr<chips::Timeline> Predict(const plan::Plan& plan, const chips::Chip& chip) {
  STRATA_ASSIGN_OR_RETURN(chips::Timeline timeline, compiler::PredictTimeline(plan, chip));
  timeline.set_name(chip.title());
  return timeline;
}

const chips::TimelineEvent* EventOf(const chips::Timeline& timeline, int step) {
  for (const auto& event : timeline.events()) {
    if (event.step() == step) return &event;
  }
  return nullptr;
}

KernelTime TimeOf(const chips::Timeline& timeline, int step, const std::string& machine) {
  const chips::TimelineEvent* event = EventOf(timeline, step);
  KernelTime time{machine, timeline.source() == chips::MEASURED ? "measured" : "modelled", 0, ""};
  if (event == nullptr) return time;
  time.seconds = static_cast<double>(event->duration_ns()) * 1e-9;
  time.bound = event->reason();
  return time;
}

}  // namespace

absl::Status FollowTensor(Tour& tour) {
  const plan::Plan& plan = tour.training.plan;
  const std::string scope = "gpt2.h.1.mlp";
  const int index = FindStep(plan, scope);
  if (index < 0 || tour.training.timelines.empty()) {
    return absl::InternalError(
        absl::StrCat("no emitted kernel serves ", scope, "; the tour has nothing to follow"));
  }
  const plan::Step& step = plan.steps(index);
  TensorRoad& road = tour.road;
  road.model_line = ForwardLine(step, scope);
  road.nodes = LinesWithOrigin(tour.training.graph, road.model_line);
  road.gradients = LinesWithOrigin(tour.training.graph, absl::StrCat("grad ", road.model_line));
  road.step_name = step.name();
  road.reason = step.reason();
  const plan::Kernel& kernel = plan.kernels(static_cast<int>(step.launch().kernel()));
  road.kernel_source = kernel.source();
  road.loop_nest = kernel.loop_nest();
  road.flops = step.flops();
  road.bytes = step.bytes_read() + step.bytes_written();
  road.times.push_back(TimeOf(tour.training.timelines[0], index, "this machine, one rank"));

  STRATA_ASSIGN_OR_RETURN(chips::Timeline host, Predict(plan, tour.host));
  road.times.push_back(TimeOf(host, index, "this machine"));
  tour.predictions.push_back(std::move(host));
  for (const char* name : {"a100", "h100", "h200", "b200"}) {
    STRATA_ASSIGN_OR_RETURN(chips::Chip chip, chips::FindChip(name));
    STRATA_ASSIGN_OR_RETURN(chips::Timeline timeline, Predict(plan, chip));
    road.times.push_back(TimeOf(timeline, index, chip.title()));
    tour.predictions.push_back(std::move(timeline));
  }
  const bool whole = !road.nodes.empty() && !road.gradients.empty() &&
                     !road.kernel_source.empty() && road.times[0].seconds > 0;
  tour.claims.push_back(
      {"One tensor can be followed through every layer", whole,
       absl::StrCat(road.nodes.size(), " nodes and ", road.gradients.size(), " gradient nodes of ",
                    road.model_line, ", in kernel ", road.step_name)});
  return absl::OkStatus();
}

}  // namespace strata::courses
