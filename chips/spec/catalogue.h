// The catalogue: chips by name. The text protos under chips/spec/catalogue/ are part of the binary.
//
//   STRATA_ASSIGN_OR_RETURN(Chip chip, FindChip("h100"));          // from the catalogue
//   STRATA_ASSIGN_OR_RETURN(Chip mine, FindChip("my.textproto"));  // from a file
//   STRATA_ASSIGN_OR_RETURN(Chip here, FindChip("host"));          // this machine, measured once
//
// Every chip handed out has passed ValidateChip().
#ifndef STRATA_CHIPS_SPEC_CATALOGUE_H_
#define STRATA_CHIPS_SPEC_CATALOGUE_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/chip.pb.h"

namespace strata::chips {

// `name_or_path`: a name of ChipNames(), or a path (it has a '/' or ends in ".textproto").
// NOT_FOUND lists the names; INVALID_ARGUMENT of a file starts with its path.
absl::StatusOr<Chip> FindChip(const std::string& name_or_path);

// Sorted; "host" is among them.
std::vector<std::string> ChipNames();

// Sorted: those with an npu_machine, for which the compiler makes programs that chips/npu simulates.
std::vector<std::string> SimulatedChipNames();

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_CATALOGUE_H_
