#include "chips/npu/machine/check_chip.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/machine/peak.h"
#include "chips/numerics/dtype.h"

namespace strata::chips::npu {
namespace {

constexpr double kTolerance = 1e-6;  // of figures that were written in decimals

// What the machine says of one level of the chip.
struct Level {
  std::string name;
  double capacity_bytes;
  double bytes_per_second = 0;  // 0: it does not say
};

class Comparison {
 public:
  Comparison(const Chip& chip, const Machine& machine) : chip_(chip), machine_(machine) {}

  absl::Status Run() const {
    STRATA_RETURN_IF_ERROR(Same("cores", chip_.cores(),
                                machine_.has_davinci() ? 1 : machine_.array().arrays().value(),
                                Unit()));
    for (int i = 0; i < chip_.rates_size(); ++i) {
      STRATA_RETURN_IF_ERROR(CheckRate(absl::StrCat("rates[", i, "]"), chip_.rates(i)));
    }
    for (int i = 0; i < chip_.memories_size(); ++i) {
      STRATA_RETURN_IF_ERROR(CheckLevel(absl::StrCat("memories[", i, "]"), chip_.memories(i)));
    }
    return absl::OkStatus();
  }

 private:
  const char* Unit() const { return machine_.has_davinci() ? "cube" : "array"; }

  absl::Status Contradiction(const std::string& path, const std::string& value,
                             const std::string& reason) const {
    return absl::InvalidArgumentError(absl::StrCat("chip '", chip_.name(), "': ", path, ": ", value,
                                                   " contradicts npu_machine '",
                                                   chip_.npu_machine(), "', ", reason));
  }

  absl::Status Same(const std::string& path, double chip, double machine,
                    const std::string& part) const {
    if (std::abs(chip - machine) <= kTolerance * machine) return absl::OkStatus();
    return Contradiction(
        path, absl::StrFormat("%.10g", chip),
        absl::StrFormat("whose %s gives %.10g; give that figure, or in npu_machine the path of a "
                        "machine that has the chip's",
                        part, machine));
  }

  absl::Status CheckRate(const std::string& path, const ComputeRate& rate) const {
    const std::string value = path + ".flops_per_second.value";
    if (rate.matrix_unit()) {
      if (!HasType(machine_, rate.dtype())) {
        return Contradiction(path + ".dtype", std::string(DTypeName(rate.dtype())),
                             absl::StrCat("whose ", Unit(),
                                          " does not multiply it; remove the rate, or "
                                          "add the type to the machine"));
      }
      return Same(value, rate.flops_per_second().value(),
                  2 * PeakMacsPerCycle(machine_, rate.dtype()) * machine_.clock_hz().value(),
                  Unit());
    }
    if (rate.dtype() != F32 && rate.dtype() != I32) return absl::OkStatus();
    return Same(value, rate.flops_per_second().value(),
                PeakVectorElementsPerCycle(machine_) * machine_.clock_hz().value(), "vector unit");
  }

  std::vector<Level> Levels() const {
    const double clock = machine_.clock_hz().value();
    std::vector<Level> levels;
    const auto add = [&](const char* name, const Memory& memory, double bytes_per_cycle = 0) {
      levels.push_back({name, memory.capacity_bytes().value(), bytes_per_cycle * clock});
    };
    if (machine_.has_davinci()) {
      const DavinciParts& parts = machine_.davinci();
      add("L0A", parts.l0a());
      add("L0B", parts.l0b());
      add("L0C", parts.l0c());
      add("UB", parts.ub());
      add("L1", machine_.l1(), parts.l1_bytes_per_cycle().value());
      return levels;
    }
    add("ACC", machine_.accumulators());
    add("L1", machine_.l1());
    if (machine_.has_l2()) add("L2", machine_.l2(), machine_.l2_bytes_per_cycle().value());
    return levels;
  }

  absl::Status CheckFigures(const std::string& path, const MemoryLevel& level,
                            const Level& want) const {
    STRATA_RETURN_IF_ERROR(Same(path + ".instances", level.instances(), 1, want.name));
    STRATA_RETURN_IF_ERROR(Same(path + ".capacity_bytes.value", level.capacity_bytes().value(),
                                want.capacity_bytes, want.name));
    if (want.bytes_per_second == 0 || !level.has_bandwidth_bytes_per_second())
      return absl::OkStatus();
    return Same(path + ".bandwidth_bytes_per_second.value",
                level.bandwidth_bytes_per_second().value(), want.bytes_per_second, want.name);
  }

  absl::Status CheckLevel(const std::string& path, const MemoryLevel& level) const {
    if (level.kind() == MAIN_MEMORY) {
      return CheckFigures(path, level,
                          {"dram", machine_.dram().capacity_bytes().value(),
                           machine_.dram_bytes_per_second().value()});
    }
    std::vector<std::string> names;
    for (const Level& want : Levels()) {
      names.push_back(want.name);
      if (level.name() != want.name) continue;
      if (level.kind() == SCRATCHPAD) return CheckFigures(path, level, want);
      return Contradiction(path + ".kind", MemoryKind_Name(level.kind()),
                           absl::StrCat("whose ", want.name, " is a SCRATCHPAD; give that"));
    }
    return Contradiction(
        path + ".name", absl::StrCat("'", level.name(), "'"),
        absl::StrCat("which has no such memory; on the chip it has: ", absl::StrJoin(names, ", ")));
  }

  const Chip& chip_;
  const Machine& machine_;
};

}  // namespace

absl::Status CheckChipIsMachine(const Chip& chip, const Machine& machine) {
  return Comparison(chip, machine).Run();
}

}  // namespace strata::chips::npu
