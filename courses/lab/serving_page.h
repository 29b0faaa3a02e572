// What a load says about a server, as a page: key figures, distributions, and what happened over time.
//
//   const Report page = ServingPage(setting, run, measures);
//   STRATA_RETURN_IF_ERROR(page.Write("page.html"));
//
// The plots are there one by one too, for labs that compare several runs.
#ifndef STRATA_COURSES_LAB_SERVING_PAGE_H_
#define STRATA_COURSES_LAB_SERVING_PAGE_H_

#include <string>
#include <vector>

#include "courses/lab/report.h"
#include "inference/load/load_generator.h"
#include "inference/load/load_report.h"
#include "inference/load/serving_measures.h"

namespace strata::courses {

Report ServingPage(const inference::LoadSetting& setting, const inference::LoadRun& run,
                   const inference::ServingMeasures& measures);

// The share of values at or below x, for each named set. Values in seconds.
struct NamedValues {
  std::string name;
  std::vector<double> values;
};
std::string CumulativePlot(const std::string& title, const std::vector<NamedValues>& sets,
                           bool log = false);

// Requests under way over time.
std::string ConcurrencyPlot(const std::vector<inference::RequestTiming>& timings);

// Streamed chunks in each second.
std::string ThroughputPlot(const std::vector<inference::RequestTiming>& timings);

// A lane a request, of at most `most` of them: the wait for the first token, then the rest.
std::string RequestTimelinePlot(const std::vector<inference::RequestTiming>& timings, size_t most);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_SERVING_PAGE_H_
