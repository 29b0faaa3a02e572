// Memory of a benchmark: zeros that are really there, aligned as tensors are.
#ifndef STRATA_DISTRIBUTED_BENCH_BENCH_BUFFER_H_
#define STRATA_DISTRIBUTED_BENCH_BENCH_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace strata::distributed {

class BenchBuffer {
 public:
  explicit BenchBuffer(size_t bytes)
      : memory_(static_cast<char*>(
            ::operator new[](bytes + kAlignment, std::align_val_t{kAlignment}))) {
    std::memset(memory_.get(), 0, bytes + kAlignment);
  }
  char* data() const { return memory_.get(); }

 private:
  static constexpr size_t kAlignment = 64;
  struct Free {
    void operator()(char* memory) const {
      ::operator delete[](memory, std::align_val_t{kAlignment});
    }
  };
  std::unique_ptr<char[], Free> memory_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_BENCH_BENCH_BUFFER_H_
