#include "distributed/pipeline/microbatch_memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::distributed {

using graph::HostTensor;

absl::StatusOr<HostTensor> MicrobatchMemory::Get(int chunk, int microbatch,
                                                 const std::string& name) const {
  const auto entry = values_.find({chunk, microbatch});
  if (entry != values_.end()) {
    const auto value = entry->second.find(name);
    if (value != entry->second.end()) return value->second;
  }
  return absl::NotFoundError(absl::StrCat("'", name, "' of microbatch ", microbatch, ", chunk ",
                                          chunk, " is not in memory"));
}

void MicrobatchMemory::Put(int chunk, int microbatch, const std::string& name, HostTensor tensor) {
  HostTensor& place = values_[{chunk, microbatch}][name];
  bytes_ += static_cast<int64_t>(tensor.size_bytes()) - static_cast<int64_t>(place.size_bytes());
  place = std::move(tensor);
}

void MicrobatchMemory::KeepOnly(int chunk, int microbatch, const std::set<std::string>& names) {
  const auto entry = values_.find({chunk, microbatch});
  if (entry == values_.end()) return;
  std::erase_if(entry->second, [&](const auto& value) {
    if (names.count(value.first) > 0) return false;
    bytes_ -= static_cast<int64_t>(value.second.size_bytes());
    return true;
  });
  if (entry->second.empty()) values_.erase(entry);
}

void MicrobatchMemory::Begin(int chunk, int microbatch) {
  passes_.insert({chunk, microbatch});
  peak_passes_ = std::max(peak_passes_, static_cast<int>(passes_.size()));
}

void MicrobatchMemory::End(int chunk, int microbatch) { passes_.erase({chunk, microbatch}); }

}  // namespace strata::distributed
