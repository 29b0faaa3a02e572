#include "chips/timeline/validate.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace strata::chips {
namespace {

absl::Status Bad(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::Status CheckCount(absl::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return Bad(field, absl::StrCat("is ", value, "; give a finite count, at least 0"));
}

absl::Status CheckEvent(const TimelineEvent& event, int lanes) {
  if (event.name().empty()) return Bad("name", "is empty; name the kernel or collective");
  if (event.lane() >= static_cast<uint32_t>(lanes)) {
    return Bad("lane", absl::StrCat("is ", event.lane(), ", but there are ", lanes,
                                    " lanes; add its name to lanes"));
  }
  if (event.start_ns() < 0)
    return Bad("start_ns", absl::StrCat("is ", event.start_ns(), "; count from 0"));
  if (event.duration_ns() < 0) {
    return Bad("duration_ns", absl::StrCat("is ", event.duration_ns(), "; give at least 0"));
  }
  if (event.duration_ns() > std::numeric_limits<int64_t>::max() - event.start_ns()) {
    return Bad("duration_ns", "ends beyond what 64 bits hold; check the unit");
  }
  if (event.step() < -1)
    return Bad("step", absl::StrCat("is ", event.step(), "; give -1 for none"));
  STRATA_RETURN_IF_ERROR(CheckCount("flops", event.flops()));
  return CheckCount("bytes", event.bytes());
}

// What must hold between an event and those before it. `ends`: by lane, the end of its last event.
absl::Status CheckOrder(const TimelineEvent& event, const TimelineEvent* before,
                        std::vector<int64_t>* ends) {
  if (before != nullptr) {
    if (event.start_ns() < before->start_ns()) {
      return Bad("start_ns",
                 absl::StrCat("is ", event.start_ns(), ", before the ", before->start_ns(),
                              " of the event ahead; sort by start_ns, then lane"));
    }
    if (event.start_ns() == before->start_ns() && event.lane() < before->lane()) {
      return Bad(
          "lane",
          absl::StrCat("is ", event.lane(), ", less than the ", before->lane(),
                       " of the event ahead that starts with it; sort by start_ns, then lane"));
    }
  }
  int64_t& end = (*ends)[event.lane()];
  if (event.start_ns() < end) {
    return Bad("start_ns", absl::StrCat("is ", event.start_ns(), ", while lane ", event.lane(),
                                        " is busy until ", end, "; give it a lane of its own"));
  }
  end = event.start_ns() + event.duration_ns();
  return absl::OkStatus();
}

absl::Status CheckEvents(const Timeline& timeline) {
  std::vector<int64_t> ends(timeline.lanes_size());
  for (int i = 0; i < timeline.events_size(); ++i) {
    const TimelineEvent& event = timeline.events(i);
    absl::Status status = CheckEvent(event, timeline.lanes_size());
    if (status.ok()) status = CheckOrder(event, i > 0 ? &timeline.events(i - 1) : nullptr, &ends);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("events[", i, "].", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTimeline(const Timeline& timeline) {
  if (timeline.version() != kTimelineVersion) {
    return Bad("version", absl::StrCat("is ", timeline.version(), "; this build reads version ",
                                       kTimelineVersion));
  }
  if (timeline.source() == TIMELINE_SOURCE_UNSPECIFIED ||
      !TimelineSource_IsValid(timeline.source())) {
    return Bad("source", "is unset or unknown; say MEASURED, MODELLED or SIMULATED");
  }
  for (int i = 0; i < timeline.lanes_size(); ++i) {
    if (timeline.lanes(i).empty())
      return Bad(absl::StrCat("lanes[", i, "]"), "is empty; name the lane");
  }
  return CheckEvents(timeline);
}

}  // namespace

absl::Status ValidateTimeline(const Timeline& timeline) {
  const std::string& name = timeline.name();
  return Annotate(CheckTimeline(timeline),
                  name.empty() ? "timeline" : absl::StrCat("timeline '", name, "'"));
}

}  // namespace strata::chips
