// Commits in memory, for ranks that are threads.
#ifndef STRATA_DISTRIBUTED_ELASTIC_MEMORY_COMMITS_H_
#define STRATA_DISTRIBUTED_ELASTIC_MEMORY_COMMITS_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "distributed/elastic/trainee.h"

namespace strata::distributed {

// Commits in the memory of this process, for ranks that are threads. All ranks open a view of the same one.
class MemoryCommits {
 public:
  CommitStoreFactory factory();
  int saves() const { return saves_; }

 private:
  friend class MemoryStore;
  std::mutex mutex_;
  int64_t last_ = 0;
  int saves_ = 0;
  std::map<int64_t, std::map<std::string, std::vector<float>>> tensors_;  // [step][name]: row-major
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_MEMORY_COMMITS_H_
