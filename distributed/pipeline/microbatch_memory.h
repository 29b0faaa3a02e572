// MicrobatchMemory: what a rank keeps of the microbatches that are under way, by chunk and microbatch, and how much that
// is at most. A value leaves as soon as no later program of its chunk reads it and it has been sent.
#ifndef STRATA_DISTRIBUTED_PIPELINE_MICROBATCH_MEMORY_H_
#define STRATA_DISTRIBUTED_PIPELINE_MICROBATCH_MEMORY_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

using Tensors = std::map<std::string, graph::HostTensor>;

class MicrobatchMemory {
 public:
  // NOT_FOUND names the value that is not there (or not any more).
  absl::StatusOr<graph::HostTensor> Get(int chunk, int microbatch, const std::string& name) const;
  void Put(int chunk, int microbatch, const std::string& name, graph::HostTensor tensor);

  // Forgets all values of the chunk's microbatch but those named.
  void KeepOnly(int chunk, int microbatch, const std::set<std::string>& names);

  // Passes of forward whose weights have no gradient yet: what papers count as activations.
  void Begin(int chunk, int microbatch);
  void End(int chunk, int microbatch);

  // Between two actions of the rank: what is here now counts for the peak.
  void Settle() { peak_bytes_ = std::max(peak_bytes_, bytes_); }

  int peak_passes() const { return peak_passes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  bool empty() const { return values_.empty(); }

 private:
  using Key = std::pair<int, int>;  // chunk, microbatch

  std::map<Key, Tensors> values_;
  std::set<Key> passes_;
  int peak_passes_ = 0;
  int64_t bytes_ = 0, peak_bytes_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_MICROBATCH_MEMORY_H_
