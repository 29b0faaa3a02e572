// Machines by name, checked: array cores and cores of DaVinci kind. The text protos under chips/npu/machine/catalogue/ are
// part of the binary.
//
//   STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine("edge_16"));
//   STRATA_ASSIGN_OR_RETURN(const Machine mine, FindMachine("my.textproto"));
#ifndef STRATA_CHIPS_NPU_MACHINE_MACHINE_H_
#define STRATA_CHIPS_NPU_MACHINE_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

inline constexpr uint32_t kMachineVersion = 1;

// A name of MachineNames(), or a path (it has a '/' or ends in ".textproto"). NOT_FOUND lists the
// names; INVALID_ARGUMENT starts with the path and names the field.
absl::StatusOr<Machine> FindMachine(const std::string& name_or_path);

std::vector<std::string> MachineNames();  // sorted

// INVALID_ARGUMENT: "array.rows: is unset; ...": figures that are missing, without source, not whole,
// out of range, or in contradiction.
absl::Status ValidateMachine(const Machine& machine);

bool HasType(const Machine& machine, DType type);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_MACHINE_MACHINE_H_
