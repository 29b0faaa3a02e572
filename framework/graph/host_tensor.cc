#include "framework/graph/host_tensor.h"

#include <sys/mman.h>

#include <cassert>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "absl/strings/str_join.h"
#include "chips/numerics/float16.h"
#include "chips/numerics/format.h"

namespace strata::graph {
namespace {

constexpr size_t kAlignment = 64;
// Weights that are streamed miss the TLB at every 4 KiB page: large tensors ask for huge ones.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLarge = 4 * kHugePage;

// Calls f with a typed pointer tag for dtypes that are plain C++ numbers.
double Load(DType dtype, const void* data, size_t i) {
  switch (dtype) {
    case chips::F32:
      return static_cast<const float*>(data)[i];
    case chips::F64:
      return static_cast<const double*>(data)[i];
    case chips::BF16:
      return chips::Bf16ToFloat(static_cast<const uint16_t*>(data)[i]);
    case chips::F16:
      return chips::Fp16ToFloat(static_cast<const uint16_t*>(data)[i]);
    case chips::I8:
      return static_cast<const int8_t*>(data)[i];
    case chips::U8:
      return static_cast<const uint8_t*>(data)[i];
    case chips::I32:
      return static_cast<const int32_t*>(data)[i];
    case chips::I64:
      return static_cast<double>(static_cast<const int64_t*>(data)[i]);
    case chips::F8_E4M3:
      return chips::Decode(chips::Format::kE4M3, static_cast<const uint8_t*>(data)[i]);
    case chips::F8_E5M2:
      return chips::Decode(chips::Format::kE5M2, static_cast<const uint8_t*>(data)[i]);
    case chips::BOOL:
      return static_cast<const uint8_t*>(data)[i] != 0 ? 1.0 : 0.0;
    default:
      return 0.0;
  }
}

// Truncates toward zero; saturates; NaN gives 0. (A plain cast of what does not fit is undefined.)
template <typename T>
T ToInteger(double value) {
  constexpr double kLowest = static_cast<double>(std::numeric_limits<T>::lowest());
  // I64: rounds up to 2^63.
  constexpr double kHighest = static_cast<double>(std::numeric_limits<T>::max());
  if (std::isnan(value)) return 0;
  if (value <= kLowest) return std::numeric_limits<T>::lowest();
  if (value >= kHighest) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

void Store(DType dtype, void* data, size_t i, double value) {
  switch (dtype) {
    case chips::F32:
      static_cast<float*>(data)[i] = static_cast<float>(value);
      break;
    case chips::F64:
      static_cast<double*>(data)[i] = value;
      break;
    case chips::BF16:
      static_cast<uint16_t*>(data)[i] = chips::FloatToBf16(static_cast<float>(value));
      break;
    case chips::F16:
      static_cast<uint16_t*>(data)[i] = chips::FloatToFp16(static_cast<float>(value));
      break;
    case chips::I8:
      static_cast<int8_t*>(data)[i] = ToInteger<int8_t>(value);
      break;
    case chips::U8:
      static_cast<uint8_t*>(data)[i] = ToInteger<uint8_t>(value);
      break;
    case chips::I32:
      static_cast<int32_t*>(data)[i] = ToInteger<int32_t>(value);
      break;
    case chips::I64:
      static_cast<int64_t*>(data)[i] = ToInteger<int64_t>(value);
      break;
    case chips::F8_E4M3:
      static_cast<uint8_t*>(data)[i] =
          static_cast<uint8_t>(chips::Encode(chips::Format::kE4M3, value));
      break;
    case chips::F8_E5M2:
      static_cast<uint8_t*>(data)[i] =
          static_cast<uint8_t>(chips::Encode(chips::Format::kE5M2, value));
      break;
    case chips::BOOL:
      static_cast<uint8_t*>(data)[i] = value != 0.0 ? 1 : 0;
      break;
    default:
      break;
  }
}

}  // namespace

namespace internal {

// How TensorMemory (tensor_memory.cc) hears of a thread's allocations: what it returns owns the storage.
using AllocationHook = std::shared_ptr<const void> (*)(std::shared_ptr<const void>, size_t);
constinit thread_local AllocationHook allocation_hook = nullptr;

}  // namespace internal

HostTensor HostTensor::Allocate(DType dtype, std::vector<int64_t> dims) {
  HostTensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  const size_t alignment = tensor.size_bytes() < kLarge ? kAlignment : kHugePage;
  const size_t bytes = (tensor.size_bytes() + alignment) / alignment * alignment;  // never zero
  tensor.data_ = std::aligned_alloc(alignment, bytes);
  if (tensor.data_ == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(tensor.data_, bytes, MADV_HUGEPAGE);
  tensor.owner_ = std::shared_ptr<const void>(
      tensor.data_, [](const void* p) { std::free(const_cast<void*>(p)); });
  if (internal::allocation_hook != nullptr)
    tensor.owner_ = internal::allocation_hook(std::move(tensor.owner_), tensor.size_bytes());
  return tensor;
}

HostTensor HostTensor::Zeros(DType dtype, std::vector<int64_t> dims) {
  HostTensor tensor = Allocate(dtype, std::move(dims));
  std::memset(tensor.data_, 0, tensor.size_bytes());
  return tensor;
}

HostTensor HostTensor::FromDoubles(DType dtype, std::vector<int64_t> dims,
                                   const std::vector<double>& values) {
  HostTensor tensor = Allocate(dtype, std::move(dims));
  tensor.SetFromDoubles(values);
  return tensor;
}

HostTensor HostTensor::Wrap(DType dtype, std::vector<int64_t> dims, const void* data,
                            std::shared_ptr<const void> owner) {
  HostTensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.data_ = const_cast<void*>(data);
  tensor.owner_ = std::move(owner);
  return tensor;
}

int64_t HostTensor::elements() const {
  int64_t n = 1;
  for (int64_t dim : dims_) n *= dim;
  return n;
}

std::vector<double> HostTensor::ToDoubles() const {
  std::vector<double> values(static_cast<size_t>(elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = Load(dtype_, data_, i);
  return values;
}

void HostTensor::SetFromDoubles(const std::vector<double>& values) {
  assert(values.size() == static_cast<size_t>(elements()));
  for (size_t i = 0; i < values.size(); ++i) Store(dtype_, data_, i, values[i]);
}

HostTensor HostTensor::Clone() const {
  HostTensor copy = Allocate(dtype_, dims_);
  if (size_bytes() > 0) std::memcpy(copy.data_, data_, size_bytes());
  return copy;
}

HostTensor HostTensor::Reshaped(std::vector<int64_t> dims) const {
  HostTensor view = *this;
  view.dims_ = std::move(dims);
  assert(view.elements() == elements());
  return view;
}

HostTensor HostTensor::Cast(DType dtype) const {
  return dtype == dtype_ ? *this : FromDoubles(dtype, dims_, ToDoubles());
}

std::string HostTensor::TypeString() const {
  return absl::StrCat(chips::DTypeName(dtype_), "[", absl::StrJoin(dims_, ", "), "]");
}

}  // namespace strata::graph
