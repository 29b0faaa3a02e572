#include "distributed/simulator/virtual_clock.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

int64_t Nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

chips::TimelineEvent ToEvent(const VirtualClock::Span& span, uint32_t lane) {
  chips::TimelineEvent event;
  event.set_name(span.name);
  event.set_category(span.category);
  event.set_lane(lane);
  event.set_start_ns(Nanoseconds(span.start));
  event.set_duration_ns(Nanoseconds(span.end) - Nanoseconds(span.start));
  event.set_step(-1);
  event.set_bytes(span.bytes);
  event.set_reason(span.link);
  return event;
}

}  // namespace

chips::Timeline ToTimeline(const std::string& name, absl::Span<const VirtualClock* const> ranks) {
  chips::Timeline timeline;
  timeline.set_version(1);
  timeline.set_name(name);
  timeline.set_source(chips::SIMULATED);
  std::vector<chips::TimelineEvent> events;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    timeline.add_lanes(absl::StrCat("rank ", rank));
    for (const VirtualClock::Span& span : ranks[rank]->spans())
      events.push_back(ToEvent(span, static_cast<uint32_t>(rank)));
  }
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.start_ns(), a.lane()) < std::make_pair(b.start_ns(), b.lane());
  });
  for (chips::TimelineEvent& event : events) *timeline.add_events() = std::move(event);
  return timeline;
}

}  // namespace strata::distributed
