#include <algorithm>
#include <set>
#include <vector>

#include "chips/npu/sim/core.h"

namespace strata::chips::npu {
namespace {

bool IsDeclared(const Program& program, uint64_t begin, uint64_t end) {
  for (const Region& region : program.regions) {
    if (begin >= region.address && end - region.address <= region.bytes && end > region.address) {
      return true;
    }
  }
  return false;
}

absl::Status CheckAccess(const MemorySpec& memory, const Program& program, const Access& access) {
  const char* verb = access.write ? "writes" : "reads";
  const auto bad = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(verb, " ", memory.name, " ", what));
  };
  if (memory.bytes == 0) return bad("which this machine does not have");
  if (access.address < 0 || access.address > memory.bytes) {
    return bad(absl::StrCat("at ", access.address, ", outside its ", memory.bytes, " bytes"));
  }
  const int64_t end = access.address + (access.rows - 1) * access.stride + access.row_bytes;
  if (end > memory.bytes) {
    return bad(
        absl::StrCat("[", access.address, ", ", end, "), beyond its ", memory.bytes, " bytes"));
  }
  const bool rows = access.rows > 1;
  if (access.address % memory.alignment != 0 || (rows && access.stride % memory.alignment != 0)) {
    return bad(absl::StrCat("at ", access.address, " with stride ", access.stride,
                            "; both must be multiples of ", memory.alignment));
  }
  if (access.write && rows && access.stride < access.row_bytes) {
    return bad(absl::StrCat("in rows of ", access.row_bytes, " bytes at a stride of ",
                            access.stride, ": they lie over one another"));
  }
  if (memory.declared &&
      !IsDeclared(program, static_cast<uint64_t>(access.address), static_cast<uint64_t>(end))) {
    return bad(absl::StrCat("[", access.address, ", ", end,
                            "), which lies in no region; declare it with .input, .output or "
                            ".scratch"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRegions(const Core& core, const Program& program) {
  int64_t capacity = 0;
  for (const MemorySpec& memory : core.memories()) {
    if (memory.declared) capacity = memory.bytes;
  }
  std::vector<const Region*> regions;
  std::set<std::string> names;
  for (const Region& region : program.regions) {
    const std::string path = absl::StrCat(program.name, ": region '", region.name, "': ");
    const uint64_t limit = static_cast<uint64_t>(capacity);
    if (region.bytes == 0 || region.address > limit || region.bytes > limit - region.address) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, region.bytes, " bytes at ", region.address, " are not within DRAM's ", capacity));
    }
    if (!names.insert(region.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(path, "is there twice"));
    }
    regions.push_back(&region);
  }
  std::sort(regions.begin(), regions.end(),
            [](const Region* a, const Region* b) { return a->address < b->address; });
  for (size_t i = 1; i < regions.size(); ++i) {
    if (regions[i - 1]->address + regions[i - 1]->bytes <= regions[i]->address) continue;
    return absl::InvalidArgumentError(absl::StrCat(program.name, ": regions '",
                                                   regions[i - 1]->name, "' and '",
                                                   regions[i]->name, "' overlap; move one"));
  }
  return absl::OkStatus();
}

absl::Status CheckAccesses(const Core& core, const Program& program, const Effect& effect) {
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (access.rows == 0 || access.row_bytes == 0) continue;
    STRATA_RETURN_IF_ERROR(
        CheckAccess(core.memories()[static_cast<size_t>(access.memory)], program, access));
  }
  return absl::OkStatus();
}

}  // namespace strata::chips::npu
