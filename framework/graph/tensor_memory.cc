#include "framework/graph/tensor_memory.h"

#include <cstddef>
#include <utility>

namespace strata::graph {
namespace internal {

using AllocationHook = std::shared_ptr<const void> (*)(std::shared_ptr<const void>, size_t);
extern constinit thread_local AllocationHook allocation_hook;  // host_tensor.cc

}  // namespace internal

constinit thread_local const TensorMemory* TensorMemory::current_ = nullptr;

void TensorMemory::Count::Add(int64_t bytes) {
  const int64_t now = live += bytes;
  for (int64_t before = peak; before < now && !peak.compare_exchange_weak(before, now);) {
  }
}

std::shared_ptr<const void> TensorMemory::CountStorage(std::shared_ptr<const void> storage,
                                                       size_t bytes) {
  const std::shared_ptr<Count> count = current_->count_;
  const auto size = static_cast<int64_t>(bytes);
  count->Add(size);
  const void* const address = storage.get();
  return std::shared_ptr<const void>(
      address, [storage = std::move(storage), count, size](const void*) { count->Add(-size); });
}

TensorMemory::Scope::Scope(const TensorMemory& memory) : outer_(current_) {
  current_ = &memory;
  internal::allocation_hook = &TensorMemory::CountStorage;
}

TensorMemory::Scope::~Scope() {
  current_ = outer_;
  if (outer_ == nullptr) internal::allocation_hook = nullptr;
}

}  // namespace strata::graph
