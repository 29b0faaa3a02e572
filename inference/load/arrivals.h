// When the requests of a load arrive: Poisson, more or less bursty than Poisson, in bursts, or as a trace says.
//
//   STRATA_ASSIGN_OR_RETURN(std::vector<double> times,
//                           ArrivalTimes({.rate = 8, .burstiness = 0.5}, /*count=*/1000, /*seed=*/1));
//
// Times are seconds since the load began, in order. The definitions are those of `vllm bench serve`: gaps are drawn from
// a gamma distribution of shape `burstiness` and mean 1 / rate (1 is a Poisson process, below 1 is burstier, above 1 more
// regular, infinity a fixed gap), and then scaled so that the last request arrives at count / rate exactly, whatever the
// seed. The same arguments give the same times.
#ifndef STRATA_INFERENCE_LOAD_ARRIVALS_H_
#define STRATA_INFERENCE_LOAD_ARRIVALS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "base/status.h"

namespace strata::inference {

struct ArrivalOptions {
  enum class Kind {
    kGamma,  // single requests
    kBurst   // groups of `burst` requests at one time; the groups come at rate / burst
  };
  Kind kind = Kind::kGamma;
  double rate = std::numeric_limits<double>::infinity();  // requests/s; infinity: all at time 0
  double burstiness = 1;                                  // > 0
  int64_t burst = 8;                                      // >= 1
};

// INVALID_ARGUMENT names the option that is out of its domain. A count of 0 gives no times.
absl::StatusOr<std::vector<double>> ArrivalTimes(const ArrivalOptions& options, int64_t count,
                                                 uint64_t seed);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_ARRIVALS_H_
