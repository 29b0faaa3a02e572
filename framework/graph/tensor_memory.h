// TensorMemory: a meter of the HostTensors that some work holds: what a memory model predicts, measured.
//
//   TensorMemory memory;
//   {
//     TensorMemory::Scope scope(memory);    // what this thread allocates from here on counts
//     outputs = evaluator.Evaluate(graph, inputs);
//   }
//   memory.peak(), memory.live();           // bytes; storage counts until it is freed, by any thread
//
// Counts size_bytes() of each storage once, however many tensors share it; storage that is wrapped is not counted. The
// meter may go before the tensors that it counts.
#ifndef STRATA_FRAMEWORK_GRAPH_TENSOR_MEMORY_H_
#define STRATA_FRAMEWORK_GRAPH_TENSOR_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <memory>

namespace strata::graph {

class TensorMemory {
 public:
  int64_t live() const { return count_->live; }
  int64_t peak() const { return count_->peak; }
  void ResetPeak() { count_->peak = count_->live.load(); }

  // One stands in the other: the innermost of a thread counts.
  class Scope {
   public:
    explicit Scope(const TensorMemory& memory);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const TensorMemory* const outer_;
  };

 private:
  struct Count {
    std::atomic<int64_t> live{0}, peak{0};
    void Add(int64_t bytes);
  };
  static std::shared_ptr<const void> CountStorage(std::shared_ptr<const void> storage,
                                                  size_t bytes);

  static constinit thread_local const TensorMemory* current_;
  std::shared_ptr<Count> count_ = std::make_shared<Count>();
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_TENSOR_MEMORY_H_
