#include "inference/engine/lazy_zeros.h"

#include <sys/mman.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

constexpr int64_t kLine = 64, kHugePage = int64_t{2} << 20;

int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

}  // namespace

absl::StatusOr<LazyZeros> LazyZeros::Create(int64_t bytes) {
  LazyZeros zeros;
  if (bytes <= 0) return zeros;
  // One huge page more than asked for, so that the first begins at one.
  const auto mapped = static_cast<size_t>(RoundUp(bytes, kHugePage) + kHugePage);
  void* const base =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("no memory for ", bytes, " bytes of zeros"));
  char* const first = reinterpret_cast<char*>(
      RoundUp(static_cast<int64_t>(reinterpret_cast<intptr_t>(base)), kHugePage));
  if (bytes >= kHugePage) madvise(first, mapped - static_cast<size_t>(kHugePage), MADV_HUGEPAGE);
  zeros.memory_ = std::shared_ptr<char>(first, [base, mapped](char*) { munmap(base, mapped); });
  zeros.bytes_ = bytes;
  return zeros;
}

int64_t LazyZeros::BytesOf(chips::DType dtype, const std::vector<int64_t>& dims) {
  return RoundUp(
      static_cast<int64_t>(graph::HostTensor::Wrap(dtype, dims, nullptr, nullptr).size_bytes()),
      kLine);
}

absl::StatusOr<graph::HostTensor> LazyZeros::Take(chips::DType dtype, std::vector<int64_t> dims) {
  const int64_t size = BytesOf(dtype, dims);
  if (size > left()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a tensor of ", size, " bytes; of ", bytes_, " there are ", left(), " left"));
  }
  char* const data = memory_ == nullptr ? nullptr : memory_.get() + taken_;
  taken_ += size;
  return graph::HostTensor::Wrap(dtype, std::move(dims), data, memory_);
}

}  // namespace strata::inference
