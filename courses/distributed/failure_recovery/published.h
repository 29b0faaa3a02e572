// What has been published about failures and restarts of large runs, each figure with its source.
#ifndef STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_PUBLISHED_H_
#define STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_PUBLISHED_H_

#include <string>
#include <vector>

#include "courses/distributed/failure_recovery/goodput.h"

namespace strata::courses {

struct PublishedFigure {
  std::string what;
  std::string value;
  std::string source;
};

inline std::vector<PublishedFigure> PublishedFigures() {
  const std::string llama = "Llama 3, arXiv:2407.21783, section 3.3.4 and table 5";
  return {
      {"unexpected interruptions of 16384 H100 in 54 days", "419", llama},
      {"mean time between them", "3.09 h", llama + " (54 days / 419)"},
      {"of which faulty GPUs and their memory", "148 + 72", llama},
      {"of which silent data corruption", "6", llama},
      {"effective training time", "> 90 %", llama},
      {"mean time to failure, 16384 GPUs", "1.8 h", "Kokolis et al., arXiv:2410.21680"},
      {"the same, projected to 131072 GPUs", "0.23 h", "Kokolis et al., arXiv:2410.21680"},
      {"time to save BLOOM 176B from 384 A100 (2.3 TB)", "40 s",
       "BigScience, tr11-176B-ml chronicles"},
      {"time to find and diagnose a fault, > 10000 GPUs", "< 10 min",
       "MegaScale, arXiv:2402.15627, section 6.3"},
      {"time to catch up after a restart", "< 15 min", "MegaScale, arXiv:2402.15627, section 6.3"},
      {"silent data corruption, of 678 interruptions at 32K H100", "5.5 %",
       "FT-HSDP, arXiv:2602.00277"},
  };
}

struct Scenario {
  std::string name;
  Machine machine;
};

// Machines made of those figures. The save is BLOOM's 40 s, or a stall of 2 s where it is written in the background (our
// assumption); the restart is MegaScale's 10 min.
inline std::vector<Scenario> PublishedScenarios() {
  const double hour = 3600;
  return {
      {"16384 H100 as in Llama 3, saves of 40 s", {3.09 * hour, 40, 600}},
      {"16384 H100 as in Llama 3, stalls of 2 s", {3.09 * hour, 2, 600}},
      {"16384 GPUs as in Kokolis et al., saves of 40 s", {1.8 * hour, 40, 600}},
      {"131072 GPUs as projected there, saves of 40 s", {0.23 * hour, 40, 600}},
      {"131072 GPUs as projected there, stalls of 2 s, restarts of 60 s", {0.23 * hour, 2, 60}},
  };
}

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_PUBLISHED_H_
