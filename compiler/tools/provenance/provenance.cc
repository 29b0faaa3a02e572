#include "compiler/tools/provenance/provenance.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compiler/device/host_steps.h"
#include "compiler/device/model_device.h"
#include "compiler/plan/explain.h"
#include "framework/graph/text.h"

namespace strata::compiler {
namespace {

class Tracer {
 public:
  Tracer(const plan::Plan& plan, Provenance* result) : plan_(plan), p_(*result) {
    for (int s = 0; s < plan.steps_size(); ++s) {
      for (const std::string& value : plan.steps(s).nodes()) step_of_.emplace(value, s);
    }
  }

  void Lines(const graph::Graph& graph) {
    int step = -1;
    for (absl::string_view text : absl::StrSplit(graph::PrintGraph(graph), '\n')) {
      if (text.empty()) continue;
      const bool statement =
          absl::StartsWith(text, "  ") && !absl::StartsWith(text, "   ") && text[2] != '}';
      if (statement || text[0] != ' ') step = StepOf(text);
      Provenance::Line line;
      line.step = step;
      const std::string origin = TakeOrigin(text, &line.text);
      line.origins = OriginsOf(origin);
      if (step >= 0) serves_[step].insert(line.origins.begin(), line.origins.end());
      p_.lines.push_back(std::move(line));
    }
  }

  void Steps(const chips::Timeline& roofline) {
    for (int s = 0; s < plan_.steps_size(); ++s) {
      const plan::Step& step = plan_.steps(s);
      Provenance::Step row;
      row.name = step.name();
      row.kind = CategoryOf(step);
      row.what = plan::DescribeStep(plan_, step);
      row.reason = step.reason();
      row.flops = step.flops();
      row.bytes = step.bytes_read() + step.bytes_written();
      if (step.has_launch()) row.kernel = static_cast<int>(step.launch().kernel());
      std::set<int>& origins = serves_[s];
      // An origin that was joined of many is cut; the nodes know them all.
      if (origins.empty()) {
        for (int origin : OriginsOf(step.origin())) origins.insert(origin);
      }
      row.origins.assign(origins.begin(), origins.end());
      p_.steps.push_back(std::move(row));
    }
    for (const chips::TimelineEvent& event : roofline.events()) {
      Provenance::Step& row = p_.steps[static_cast<size_t>(event.step())];
      row.roofline_ns = static_cast<double>(event.duration_ns());
      row.bound = event.reason();
    }
  }

  void Kernels() {
    for (const plan::Kernel& kernel : plan_.kernels())
      p_.kernels.push_back(
          {kernel.entry(), kernel.schedule(), kernel.loop_nest(), kernel.source()});
  }

 private:
  // Of a statement's line: the step that makes its first value.
  int StepOf(absl::string_view text) const {
    const size_t mark = text.find('%');
    const size_t colon = text.find(':');
    if (mark != 2 || colon == absl::string_view::npos) return -1;
    const auto step = step_of_.find(std::string(text.substr(3, colon - 3)));
    return step == step_of_.end() ? -1 : step->second;
  }

  // The origin of a line, and the line without it.
  static std::string TakeOrigin(absl::string_view text, std::string* rest) {
    const size_t at = text.rfind(" @ \"");
    size_t end = at;
    if (at != absl::string_view::npos) {
      end = at + 4;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    }
    if (at == absl::string_view::npos || end >= text.size()) {
      *rest = std::string(text);
      return "";
    }
    *rest = absl::StrCat(text.substr(0, at), text.substr(end + 1));
    std::string origin;
    const bool good = absl::CUnescape(text.substr(at + 4, end - at - 4), &origin);
    return good ? origin : std::string(text.substr(at + 4, end - at - 4));
  }

  std::vector<int> OriginsOf(const std::string& origin) {
    std::set<int> found;
    for (absl::string_view part : absl::StrSplit(origin, "; ", absl::SkipEmpty())) {
      const auto [it, fresh] =
          origin_id_.emplace(std::string(part), static_cast<int>(p_.origins.size()));
      if (fresh) p_.origins.push_back(it->first);
      found.insert(it->second);
    }
    return {found.begin(), found.end()};
  }

  const plan::Plan& plan_;
  Provenance& p_;
  std::map<std::string, int> step_of_;  // by name of a graph value
  std::map<std::string, int> origin_id_;
  std::map<int, std::set<int>> serves_;  // origins by step
};

}  // namespace

absl::StatusOr<Provenance> TraceProvenance(const graph::Graph& lowered, const plan::Plan& plan,
                                           const chips::Chip& chip) {
  STRATA_ASSIGN_OR_RETURN(const chips::Timeline roofline, PredictTimeline(plan, chip));
  Provenance result;
  result.name = plan.name();
  result.chip = chip.name();
  result.target = absl::StrCat(plan.target().device(), plan.target().isa().empty() ? "" : "/",
                               plan.target().isa());
  Tracer tracer(plan, &result);
  tracer.Lines(lowered);
  tracer.Steps(roofline);
  tracer.Kernels();
  return result;
}

absl::Status SetMeasured(absl::Span<const chips::Timeline> runs, Provenance* provenance) {
  std::vector<std::vector<double>> durations(provenance->steps.size());
  for (const chips::Timeline& run : runs) {
    for (const chips::TimelineEvent& event : run.events()) {
      if (event.step() < 0) continue;
      if (static_cast<size_t>(event.step()) >= durations.size()) {
        return absl::InvalidArgumentError(absl::StrCat("timeline '", run.name(), "': event '",
                                                       event.name(), "' is of step ", event.step(),
                                                       "; the plan has ", durations.size()));
      }
      durations[static_cast<size_t>(event.step())].push_back(
          static_cast<double>(event.duration_ns()));
    }
  }
  for (size_t s = 0; s < durations.size(); ++s) {
    std::vector<double>& d = durations[s];
    if (d.empty()) continue;
    std::nth_element(d.begin(), d.begin() + static_cast<long>(d.size() / 2), d.end());
    provenance->steps[s].measured_ns = d[d.size() / 2];
  }
  provenance->runs = static_cast<int>(runs.size());
  return absl::OkStatus();
}

}  // namespace strata::compiler
