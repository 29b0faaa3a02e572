// A Timeline as what TimelinePlot() draws.
//
//   TimelinePlot({.title = "One step"}, SpansOf(timeline))
#ifndef STRATA_COURSES_LAB_TIMELINE_SPANS_H_
#define STRATA_COURSES_LAB_TIMELINE_SPANS_H_

#include <vector>

#include "chips/timeline/timeline.pb.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {

// One span an event: lanes by name, seconds from the timeline's own zero, the rest (origin, work, bound) as tooltip.
std::vector<TimelineSpan> SpansOf(const chips::Timeline& timeline);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_TIMELINE_SPANS_H_
