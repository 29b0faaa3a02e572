// ProgramRunner: emits, builds and runs a program's kernels, for tests and benchmarks.
#ifndef STRATA_COMPILER_SCHEDULE_PROGRAM_RUNNER_H_
#define STRATA_COMPILER_SCHEDULE_PROGRAM_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/plan/plan.pb.h"
#include "compiler/schedule/interpreter.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

class ProgramRunner {
 public:
  static absl::StatusOr<ProgramRunner> Create(const Program& program, const std::string& isa);

  // What Interpret() does, by the kernels; each is called in `parts` ranges. INTERNAL where a kernel writes outside of a
  // buffer.
  absl::Status Run(Values* values, int parts = 1) const;

  const std::vector<plan::Kernel>& kernels() const { return kernels_; }
  KernelEntry* entry(size_t kernel) const { return entries_[kernel]; }

 private:
  Program program_;
  std::vector<plan::Kernel> kernels_;
  std::vector<KernelEntry*> entries_;
  std::shared_ptr<KernelLibrary> library_;
};

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_PROGRAM_RUNNER_H_
