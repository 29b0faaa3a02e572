// CostModel: how long will this work take on that chip? The interface, and the registry that a flag
// picks from.
//
//   RegisterCostModels();  // register_cost_models.h, once, in main()
//   STRATA_ASSIGN_OR_RETURN(auto model, CostModelRegistry().Create("roofline"));
//   STRATA_ASSIGN_OR_RETURN(Estimate e, model->Predict(chip, {.flops = 2e9, .dtype = BF16, .bytes = 6e6,
//                                                             .matmul = true}));
//
// An implementation passes the suite in cost_model_conformance.h. A Chip handed in has passed
// ValidateChip(); work is checked by the model. Models hold no state: Predict() is thread-safe.
#ifndef STRATA_CHIPS_COST_COST_MODEL_H_
#define STRATA_CHIPS_COST_COST_MODEL_H_

#include "absl/strings/string_view.h"
#include "base/registry.h"
#include "base/status.h"
#include "chips/numerics/dtype.pb.h"
#include "chips/spec/chip.pb.h"

namespace strata::chips {

// What one kernel does.
struct WorkItem {
  double flops = 0;     // finite, >= 0; a multiply-add counts two, integer operations alike
  DType dtype = F32;    // of the multiplied operands; may be unspecified when flops is 0
  double bytes = 0;     // read from and written to the main memory; finite, >= 0
  bool matmul = false;  // can use matrix units
};

// What takes the most of an estimate.
enum class Bound { kOverhead, kMemory, kCompute };

// "overhead", "memory", "compute": the words of TimelineEvent.reason.
absl::string_view BoundName(Bound bound);

struct Estimate {
  double seconds = 0;  // of the whole; the parts below overlap as the model says
  double compute_seconds = 0;
  double memory_seconds = 0;
  double overhead_seconds = 0;
  Bound bound = Bound::kOverhead;
};

class CostModel {
 public:
  virtual ~CostModel() = default;

  // INVALID_ARGUMENT, by field, for work outside its domain; UNIMPLEMENTED when the chip has no rate
  // for the work's dtype and the model needs one.
  virtual absl::StatusOr<Estimate> Predict(const Chip& chip, const WorkItem& work) const = 0;
};

// INVALID_ARGUMENT: "work: bytes: is -1; ...". What every Predict() starts with.
absl::Status ValidateWorkItem(const WorkItem& work);

inline Registry<CostModel>& CostModelRegistry() {
  static auto* const registry = new Registry<CostModel>("cost model");
  return *registry;
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_COST_COST_MODEL_H_
