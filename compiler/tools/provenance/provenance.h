// Provenance: from where each nanosecond of a plan comes. Links model line <-> graph node <-> kernel (loop nest, source)
// <-> step <-> time, for a page that people click through.
//
//   graph::Graph lowered;                            // after the last pass, from CompileOptions.observer
//   STRATA_ASSIGN_OR_RETURN(Provenance p, TraceProvenance(lowered, plan, chip));
//   SetMeasured(timelines, &p);                      // of runs, if there are any
//   STRATA_RETURN_IF_ERROR(WriteFileAtomic("page.html", ProvenancePage(p)));   // page.h
//
// Links are exact: a step serves the nodes it names (Step.nodes), a node the model lines in its origin and in those of
// its region. A model line's time is that of all steps that serve it, so lines that share a fused step share its time.
#ifndef STRATA_COMPILER_TOOLS_PROVENANCE_PROVENANCE_H_
#define STRATA_COMPILER_TOOLS_PROVENANCE_PROVENANCE_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct Provenance {
  // A line of the lowered graph's text form, without its origin. The lines of a region belong to its node.
  struct Line {
    std::string text;
    std::vector<int> origins;  // indices, rising
    int step = -1;             // -1: no step makes it (inputs, views, constants, braces)
  };
  struct Kernel {
    std::string entry, schedule, loop_nest, source;
  };
  struct Step {
    std::string name, kind, what, reason;  // kind as in a Timeline; what: the routine, op or kernel
    int kernel = -1;
    std::vector<int> origins;
    double flops = 0, bytes = 0;
    double roofline_ns = 0;
    std::string bound;        // what bounds it there: "compute", "memory", "overhead"
    double measured_ns = -1;  // below 0: not measured
  };

  std::string name, chip, target;    // target: "cpu/avx512"
  std::vector<std::string> origins;  // in the order in which the graph first mentions them
  std::vector<Line> lines;
  std::vector<Step> steps;
  std::vector<Kernel> kernels;
  int runs = 0;  // that the measured times are medians of
};

// `lowered` is the verified graph that the plan's steps were made from; where a step names a value that is not in it,
// only the step's own origin is known. The plan is valid. UNIMPLEMENTED when the chip has no rate for a dtype.
absl::StatusOr<Provenance> TraceProvenance(const graph::Graph& lowered, const plan::Plan& plan,
                                           const chips::Chip& chip);

// The median of each step over runs of the plan. INVALID_ARGUMENT when an event names a step that is not there.
absl::Status SetMeasured(absl::Span<const chips::Timeline> runs, Provenance* provenance);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_PROVENANCE_PROVENANCE_H_
