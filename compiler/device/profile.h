// Profile: a run of a plan beside its roof, a row a kernel.
//
//   chips::Timeline timeline;
//   STRATA_RETURN_IF_ERROR(executable->Run(inputs, {&timeline}).status());
//   STRATA_ASSIGN_OR_RETURN(std::vector<ProfileRow> rows, ProfileByKernel(plan, timeline, chip));
//   std::fputs(ProfileTable(rows).c_str(), stdout);
//   std::fputs(RooflinePlot(rows, chip, chips::F32).c_str(), stdout);
//
// The roof of a step is what the roofline model gives its exact FLOPs and bytes on the chip (chips/cost/roofline.h).
#ifndef STRATA_COMPILER_DEVICE_PROFILE_H_
#define STRATA_COMPILER_DEVICE_PROFILE_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "chips/spec/chip.pb.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// All runs of one kernel in a step: an emitted kernel, or a routine at one size.
struct ProfileRow {
  std::string kernel;
  int calls = 0;
  double seconds = 0;       // measured
  double roof_seconds = 0;  // the least the chip could take
  double flops = 0, bytes = 0;
  bool compute_bound = false;  // by the model
  std::string note;            // where the roof is missed: why; else empty

  double RoofFraction() const { return seconds > 0 ? roof_seconds / seconds : 0; }
};

// Below this fraction of its roof a row has a note.
inline constexpr double kNearRoof = 0.8;

// By seconds, longest first. `measured` is a timeline of `plan`; `chip` has rates and a main memory.
absl::StatusOr<std::vector<ProfileRow>> ProfileByKernel(const plan::Plan& plan,
                                                        const chips::Timeline& measured,
                                                        const chips::Chip& chip);

// Kernel, calls, time, share, GFLOP/s, GB/s, fraction of the roof; the notes below.
std::string ProfileTable(const std::vector<ProfileRow>& rows);

// FLOPs a byte against GFLOP/s, both logarithmic, the roof of `dtype`'s matrix products drawn; letters name the rows of
// the table (a is the first). Plain text for a terminal. Williams, Waterman, Patterson, CACM 52(4), 2009.
absl::StatusOr<std::string> RooflinePlot(const std::vector<ProfileRow>& rows,
                                         const chips::Chip& chip, chips::DType dtype);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_PROFILE_H_
