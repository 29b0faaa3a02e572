// Interpret: what a Program means, element by element. The oracle of schedules and of emitted code.
//
//   Values values = {{"A", a}, {"B", b}};                      // every input; outputs may be given too
//   STRATA_RETURN_IF_ERROR(Interpret(program, &values));
//   values["C"];                                               // f32[64, 48], row-major
//
// Values are f32 numbers; those of a bf16 buffer lie on bf16's grid (what is given is rounded). Outputs that are not given,
// scratch, and locals at the start of each iteration of their loop are NaN, so that a read of what was never written
// shows. Slow.
#ifndef STRATA_COMPILER_SCHEDULE_INTERPRETER_H_
#define STRATA_COMPILER_SCHEDULE_INTERPRETER_H_

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

using Values = std::map<std::string, std::vector<float>>;  // by buffer

// INVALID_ARGUMENT for a bad program or values of another size; OUT_OF_RANGE names the access and the iteration that
// leave a buffer.
absl::Status Interpret(const Program& program, Values* values);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_INTERPRETER_H_
