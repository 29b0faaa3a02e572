#include "chips/spec/validate.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "chips/numerics/dtype.h"

namespace strata::chips {
namespace {

absl::Status Bad(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// `status` of a part whose path starts at `path`: its message starts with a field of that part.
absl::Status Under(absl::string_view path, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path, ".", status.message()));
}

bool IsBlank(absl::string_view text) { return absl::StripAsciiWhitespace(text).empty(); }

std::string Indexed(absl::string_view field, int index) {
  return absl::StrCat(field, "[", index, "]");
}

absl::Status CheckVersion(uint32_t version, uint32_t current) {
  if (version == current) return absl::OkStatus();
  return Bad("version", absl::StrCat("is ", version, "; this build reads version ", current));
}

// `unit` is what the value counts, for the remedy.
absl::Status CheckFigure(absl::string_view path, bool present, const Figure& figure,
                         absl::string_view unit) {
  if (!present)
    return Bad(path, absl::StrCat("is unset; give a value in ", unit, " and its source"));
  if (!std::isfinite(figure.value()) || figure.value() <= 0) {
    return Bad(absl::StrCat(path, ".value"),
               absl::StrCat("is ", figure.value(), "; give a positive finite number of ", unit));
  }
  if (IsBlank(figure.source())) {
    return Bad(absl::StrCat(path, ".source"),
               "is empty; name the data sheet, or say 'measured: <how>'");
  }
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) return Bad("name", "is empty; give the key of the catalogue, such as 'h100'");
  for (const char c : name) {
    if (absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_') continue;
    return Bad("name",
               absl::StrCat("'", name, "' is no key; use lower-case letters, digits, '-' and '_'"));
  }
  return absl::OkStatus();
}

absl::Status CheckRate(const ComputeRate& rate) {
  if (SizeOf(rate.dtype()) == 0) {
    return Bad("dtype", absl::StrCat("is ", rate.dtype() == DTYPE_UNSPECIFIED ? "unset" : "unknown",
                                     "; name a number format such as F32"));
  }
  return CheckFigure("flops_per_second", rate.has_flops_per_second(), rate.flops_per_second(),
                     "FLOP/s");
}

absl::Status CheckRates(const Chip& chip) {
  if (chip.rates().empty()) return Bad("rates", "is empty; give at least one rate");
  std::map<std::pair<DType, bool>, int> seen;
  for (int i = 0; i < chip.rates_size(); ++i) {
    const ComputeRate& rate = chip.rates(i);
    STRATA_RETURN_IF_ERROR(Under(Indexed("rates", i), CheckRate(rate)));
    const auto [first, fresh] = seen.insert({{rate.dtype(), rate.matrix_unit()}, i});
    if (fresh) continue;
    return Bad(Indexed("rates", i),
               absl::StrCat("contradicts rates[", first->second, "]: both are for ",
                            DTypeName(rate.dtype()), rate.matrix_unit() ? " on matrix units" : "",
                            "; keep one"));
  }
  return absl::OkStatus();
}

absl::Status CheckMemory(const MemoryLevel& level) {
  if (IsBlank(level.name())) return Bad("name", "is empty; name the level, such as 'L2'");
  if (level.kind() == MEMORY_KIND_UNSPECIFIED || !MemoryKind_IsValid(level.kind())) {
    return Bad("kind", "is unset or unknown; say REGISTER_FILE, SCRATCHPAD, CACHE or MAIN_MEMORY");
  }
  const Figure& capacity = level.capacity_bytes();
  STRATA_RETURN_IF_ERROR(
      CheckFigure("capacity_bytes", level.has_capacity_bytes(), capacity, "bytes"));
  if (capacity.value() != std::floor(capacity.value())) {
    return Bad("capacity_bytes.value", absl::StrCat("is ", capacity.value(), "; give whole bytes"));
  }
  if (level.has_bandwidth_bytes_per_second() || level.kind() == MAIN_MEMORY) {
    STRATA_RETURN_IF_ERROR(CheckFigure("bandwidth_bytes_per_second",
                                       level.has_bandwidth_bytes_per_second(),
                                       level.bandwidth_bytes_per_second(), "bytes/s"));
  }
  if (level.instances() == 0)
    return Bad("instances", "is 0; say how many the chip has, at least 1");
  return absl::OkStatus();
}

absl::Status CheckMemoryOrder(const Chip& chip) {
  const int last = chip.memories_size() - 1;
  const MemoryLevel& main = chip.memories(last);
  if (main.kind() != MAIN_MEMORY) {
    return Bad(absl::StrCat(Indexed("memories", last), ".kind"),
               "is not MAIN_MEMORY; list the levels nearest first, the main memory last");
  }
  double further_bandwidth = main.bandwidth_bytes_per_second().value();
  for (int i = last - 1; i >= 0; --i) {
    const MemoryLevel& level = chip.memories(i);
    const std::string path = Indexed("memories", i);
    if (level.kind() == MAIN_MEMORY) {
      return Bad(absl::StrCat(path, ".kind"), "is a second MAIN_MEMORY; keep one, the last");
    }
    if (level.capacity_bytes().value() > main.capacity_bytes().value() * main.instances()) {
      return Bad(
          absl::StrCat(path, ".capacity_bytes.value"),
          absl::StrCat("is more than the main memory '", main.name(), "' holds; check the units"));
    }
    if (!level.has_bandwidth_bytes_per_second()) continue;
    const double bandwidth = level.bandwidth_bytes_per_second().value();
    if (bandwidth < further_bandwidth) {
      return Bad(absl::StrCat(path, ".bandwidth_bytes_per_second.value"),
                 absl::StrCat("is ", bandwidth, ", less than the ", further_bandwidth,
                              " of a level further away; give the sum over all instances"));
    }
    further_bandwidth = bandwidth;
  }
  return absl::OkStatus();
}

absl::Status CheckMemories(const Chip& chip) {
  if (chip.memories().empty()) return Bad("memories", "is empty; give at least the main memory");
  std::set<std::string> names;
  for (int i = 0; i < chip.memories_size(); ++i) {
    const MemoryLevel& level = chip.memories(i);
    const std::string path = Indexed("memories", i);
    STRATA_RETURN_IF_ERROR(Under(path, CheckMemory(level)));
    if (names.insert(level.name()).second) continue;
    return Bad(absl::StrCat(path, ".name"),
               absl::StrCat("'", level.name(), "' is used twice; rename one"));
  }
  return CheckMemoryOrder(chip);
}

// A key of the simulator's catalogue, or a path, which is not looked up here.
absl::Status CheckMachine(absl::string_view machine) {
  if (machine.empty() || absl::StrContains(machine, "/") || absl::EndsWith(machine, ".textproto") ||
      CheckName(machine).ok())
    return absl::OkStatus();
  return Bad("npu_machine", absl::StrCat("'", machine,
                                         "' names no machine; give a key of chips/npu's catalogue, "
                                         "such as 'edge_16', or the path of a .textproto"));
}

absl::Status CheckChip(const Chip& chip) {
  STRATA_RETURN_IF_ERROR(CheckVersion(chip.version(), kChipVersion));
  STRATA_RETURN_IF_ERROR(CheckName(chip.name()));
  if (IsBlank(chip.title())) return Bad("title", "is empty; give the name as its maker writes it");
  STRATA_RETURN_IF_ERROR(CheckRates(chip));
  STRATA_RETURN_IF_ERROR(CheckMemories(chip));
  if (chip.has_launch_overhead_seconds()) {
    STRATA_RETURN_IF_ERROR(
        CheckFigure("launch_overhead_seconds", true, chip.launch_overhead_seconds(), "seconds"));
  }
  if (chip.cores() == 0)
    return Bad("cores", "is 0; say over how many units work is spread, at least 1");
  return CheckMachine(chip.npu_machine());
}

absl::Status CheckNetworkLevel(const NetworkLevel& level) {
  if (IsBlank(level.name())) return Bad("name", "is empty; name the network, such as 'nvlink'");
  if (level.size() == 0)
    return Bad("size", "is 0; say how many units this level joins, at least 1");
  STRATA_RETURN_IF_ERROR(CheckFigure("latency_seconds", level.has_latency_seconds(),
                                     level.latency_seconds(), "seconds"));
  return CheckFigure("bandwidth_bytes_per_second", level.has_bandwidth_bytes_per_second(),
                     level.bandwidth_bytes_per_second(), "bytes/s");
}

absl::Status CheckCluster(const Cluster& cluster) {
  STRATA_RETURN_IF_ERROR(CheckVersion(cluster.version(), kClusterVersion));
  STRATA_RETURN_IF_ERROR(CheckName(cluster.name()));
  if (IsBlank(cluster.chip())) return Bad("chip", "is empty; name a chip of the catalogue");
  std::set<std::string> names;
  int64_t chips = 1;
  for (int i = 0; i < cluster.levels_size(); ++i) {
    const NetworkLevel& level = cluster.levels(i);
    const std::string path = Indexed("levels", i);
    STRATA_RETURN_IF_ERROR(Under(path, CheckNetworkLevel(level)));
    if (!names.insert(level.name()).second) {
      return Bad(absl::StrCat(path, ".name"),
                 absl::StrCat("'", level.name(), "' is used twice; rename one"));
    }
    chips *= level.size();  // below 2^24 * 2^32: no overflow
    if (chips > kMaxClusterChips) {
      return Bad(absl::StrCat(path, ".size"), absl::StrCat("makes ", chips, " chips; at most ",
                                                           kMaxClusterChips, " are supported"));
    }
  }
  return absl::OkStatus();
}

std::string Titled(absl::string_view kind, absl::string_view name) {
  return name.empty() ? std::string(kind) : absl::StrCat(kind, " '", name, "'");
}

}  // namespace

absl::Status ValidateChip(const Chip& chip) {
  return Annotate(CheckChip(chip), Titled("chip", chip.name()));
}

absl::Status ValidateCluster(const Cluster& cluster) {
  return Annotate(CheckCluster(cluster), Titled("cluster", cluster.name()));
}

int64_t ChipCount(const Cluster& cluster) {
  int64_t chips = 1;
  for (const NetworkLevel& level : cluster.levels()) chips *= level.size();
  return chips;
}

}  // namespace strata::chips
