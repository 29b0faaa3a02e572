// HostMemory: a plan's buffers in host memory. Load allocates the arena and the constants; each run binds the caller's
// inputs and fresh outputs.
//
//   STRATA_ASSIGN_OR_RETURN(auto memory, HostMemory::Create(&plan));
//   STRATA_RETURN_IF_ERROR(memory->Bind(inputs));
//   float* x = static_cast<float*>(memory->data(id));
//   return memory->TakeOutputs();
#ifndef STRATA_COMPILER_DEVICE_HOST_MEMORY_H_
#define STRATA_COMPILER_DEVICE_HOST_MEMORY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// INVALID_ARGUMENT names the input whose count, dtype or dims differ from the plan's.
absl::Status CheckInputs(const plan::Plan& plan, absl::Span<const graph::HostTensor> inputs);

class HostMemory {
 public:
  // `plan` must be valid and outlive this. RESOURCE_EXHAUSTED when the arena does not fit.
  static absl::StatusOr<std::unique_ptr<HostMemory>> Create(const plan::Plan* plan);

  // Checks the inputs, then sets all pointers for one run. `inputs` must live until TakeOutputs().
  absl::Status Bind(absl::Span<const graph::HostTensor> inputs);

  // Whether an input that this run updates shares bytes with another of its inputs.
  bool UpdatesOverlap();

  void* data(uint32_t buffer) const { return data_[buffer]; }
  // The buffer as a tensor that does not own its storage.
  graph::HostTensor View(uint32_t buffer) const;

  // The results of the run: updated inputs share the inputs' storage, others have their own. Once after each Bind.
  std::vector<graph::HostTensor> TakeOutputs();

 private:
  explicit HostMemory(const plan::Plan* plan) : plan_(*plan) {}
  absl::Status Allocate();
  void SortBuffers();
  bool FindOverlap() const;

  struct Free {
    void operator()(void* p) const;
  };
  const plan::Plan& plan_;
  std::unique_ptr<void, Free> arena_;
  std::vector<std::vector<int64_t>> dims_;  // by buffer
  std::vector<uint32_t> root_;              // by buffer
  std::vector<bool> updated_;               // by buffer: the root of one that a step writes
  std::vector<void*> data_;                 // by buffer
  std::vector<int> input_of_;               // by buffer: which input it is, or -1
  std::vector<uint32_t> fresh_, views_;  // outputs with storage of their own; views of the caller's
  absl::Span<const graph::HostTensor> inputs_;  // of this run
  std::vector<graph::HostTensor> storage_;      // by root buffer: constants, outputs of this run
  std::vector<const void*> places_;             // of the inputs whose overlap is known
  bool updates_overlap_ = false;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_HOST_MEMORY_H_
