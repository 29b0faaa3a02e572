// Timelines as Chrome's trace event JSON, for https://ui.perfetto.dev and chrome://tracing.
//
//   STRATA_RETURN_IF_ERROR(WriteFileAtomic("trace.json", ToChromeTrace({measured, modelled})));
//
// A timeline becomes a process, named after it and its source ("step 3 (measured)"), so that measured,
// modelled and simulated runs lie under one another; a lane becomes a thread, in the order of lanes.
// What an event says of itself (flops, bytes, origin, reason, step) becomes its args; fields that are
// not set are left out. Times are exact to the nanosecond.
#ifndef STRATA_CHIPS_TIMELINE_CHROME_TRACE_H_
#define STRATA_CHIPS_TIMELINE_CHROME_TRACE_H_

#include <string>

#include "absl/types/span.h"
#include "chips/timeline/timeline.pb.h"

namespace strata::chips {

// For valid timelines; whatever the strings hold, the result is valid JSON (what is not UTF-8 becomes
// U+FFFD). One event a line.
std::string ToChromeTrace(absl::Span<const Timeline> timelines);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_TIMELINE_CHROME_TRACE_H_
