// TwinCollectives: rank 0 of two, where the other has the same data. For tests of devices without a transport.
#ifndef STRATA_COMPILER_DEVICE_TWIN_COLLECTIVES_H_
#define STRATA_COMPILER_DEVICE_TWIN_COLLECTIVES_H_

#include <cstring>

#include "compiler/device/collectives.h"

namespace strata::compiler {

class TwinCollectives : public Collectives {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }

  absl::Status AllReduce(void* data, int64_t count, chips::DType, Reduction reduction) override {
    ++calls;
    if (reduction == Reduction::kSum) Double(static_cast<float*>(data), count);
    return absl::OkStatus();
  }
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override {
    ++calls;
    const size_t bytes = static_cast<size_t>(count) * chips::SizeOf(dtype);
    std::memcpy(output, input, bytes);
    std::memcpy(static_cast<char*>(output) + bytes, input, bytes);
    return absl::OkStatus();
  }
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             Reduction reduction) override {
    ++calls;
    std::memcpy(output, input, static_cast<size_t>(count) * chips::SizeOf(dtype));
    if (reduction == Reduction::kSum) Double(static_cast<float*>(output), count);
    return absl::OkStatus();
  }
  absl::Status Broadcast(void*, int64_t, chips::DType, int) override {
    ++calls;
    return absl::OkStatus();
  }
  absl::Status Barrier() override { return absl::OkStatus(); }
  absl::Status Reduce(void* data, int64_t count, chips::DType dtype, Reduction reduction,
                      int) override {
    return AllReduce(data, count, dtype, reduction);
  }
  absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                      int) override {
    return AllGather(input, output, count, dtype);
  }
  absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                       int) override {
    return Permute(input, output, count, dtype, 0);
  }
  // The twin's first piece is for this rank too.
  absl::Status AllToAll(const void* input, void* output, int64_t count,
                        chips::DType dtype) override {
    return AllGather(input, output, count, dtype);
  }
  absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts, void* output,
                         absl::Span<const int64_t>, chips::DType dtype) override {
    return AllGather(input, output, send_counts[0], dtype);
  }
  absl::Status Send(const void*, int64_t, chips::DType, int) override {
    ++calls;
    return absl::OkStatus();
  }
  absl::Status Recv(void*, int64_t, chips::DType, int) override {
    return absl::UnimplementedError("a twin sends only what this rank sends at the same time");
  }
  absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                       int64_t) override {
    ++calls;
    std::memcpy(output, input, static_cast<size_t>(count) * chips::SizeOf(dtype));
    return absl::OkStatus();
  }

  int calls = 0;

 private:
  static void Double(float* data, int64_t count) {
    for (int64_t i = 0; i < count; ++i) data[i] *= 2;
  }
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_TWIN_COLLECTIVES_H_
