#include "courses/lab/timeline_spans.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "courses/lab/plot_format.h"

namespace strata::courses {
namespace {

std::string DetailOf(const chips::TimelineEvent& event) {
  std::vector<std::string> lines;
  if (!event.origin().empty()) lines.push_back(event.origin());
  const double seconds = 1e-9 * static_cast<double>(event.duration_ns());
  const auto work = [&](double amount, const char* unit) {
    const std::string rate =
        seconds > 0 ? absl::StrCat(" (", SiNumber(amount / seconds, absl::StrCat(unit, "/s")), ")")
                    : "";
    if (amount > 0) lines.push_back(absl::StrCat(SiNumber(amount, unit), rate));
  };
  work(event.flops(), "FLOP");
  work(event.bytes(), "B");
  if (!event.reason().empty()) lines.push_back(absl::StrCat("bound by ", event.reason()));
  return absl::StrJoin(lines, "\n");
}

}  // namespace

std::vector<TimelineSpan> SpansOf(const chips::Timeline& timeline) {
  std::vector<TimelineSpan> spans;
  for (const chips::TimelineEvent& event : timeline.events()) {
    const int lane = static_cast<int>(event.lane());
    spans.push_back({.lane = lane < timeline.lanes_size() ? timeline.lanes(lane)
                                                          : absl::StrCat("lane ", event.lane()),
                     .name = event.name(),
                     .category = event.category(),
                     .start = 1e-9 * static_cast<double>(event.start_ns()),
                     .duration = 1e-9 * static_cast<double>(event.duration_ns()),
                     .detail = DetailOf(event)});
  }
  return spans;
}

}  // namespace strata::courses
