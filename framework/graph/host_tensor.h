// HostTensor: a dense row-major array in host memory. What evaluators take and give.
//
//   HostTensor x = HostTensor::FromVector<float>({2, 3}, {1, 2, 3, 4, 5, 6});
//   x.data<float>()[4];
//
// Copies share storage (a reference count); Clone() does not. Storage is 64-byte aligned unless
// wrapped.
#ifndef STRATA_FRAMEWORK_GRAPH_HOST_TENSOR_H_
#define STRATA_FRAMEWORK_GRAPH_HOST_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chips/numerics/dtype.h"

namespace strata::graph {

using chips::DType;

class HostTensor {
 public:
  HostTensor() = default;  // no storage, DTYPE_UNSPECIFIED, rank 0

  // Uninitialised and zero-filled storage.
  static HostTensor Allocate(DType dtype, std::vector<int64_t> dims);
  static HostTensor Zeros(DType dtype, std::vector<int64_t> dims);

  // `values` in row-major order; its length is the product of dims. T must be dtype's C++ type
  // (float, double, int8_t, uint8_t, int32_t, int64_t; bool and 16-bit floats go through
  // FromDoubles).
  template <typename T>
  static HostTensor FromVector(std::vector<int64_t> dims, const std::vector<T>& values);
  static HostTensor FromDoubles(DType dtype, std::vector<int64_t> dims,
                                const std::vector<double>& values);

  // Memory of somebody else (a mapped file), kept alive by `owner`. Must not be written when the
  // owner says so.
  static HostTensor Wrap(DType dtype, std::vector<int64_t> dims, const void* data,
                         std::shared_ptr<const void> owner);

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int64_t rank() const { return static_cast<int64_t>(dims_.size()); }
  int64_t elements() const;
  size_t size_bytes() const { return static_cast<size_t>(elements()) * chips::SizeOf(dtype_); }

  template <typename T>
  T* data() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(data_);
  }
  void* raw() const { return data_; }

  // Every element as a double, and back with one rounding to dtype (integers truncate
  // toward zero and saturate; NaN gives 0). Slow; for oracles.
  std::vector<double> ToDoubles() const;
  void SetFromDoubles(const std::vector<double>& values);

  HostTensor Clone() const;
  // The same storage under other dims; the element count must be the same (checked by assert).
  HostTensor Reshaped(std::vector<int64_t> dims) const;
  HostTensor Cast(DType dtype) const;

  std::string TypeString() const;  // "f32[2, 3]"

 private:
  DType dtype_ = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims_;
  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = chips::F32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = chips::F64;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = chips::I8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = chips::U8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = chips::I32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = chips::I64;
};

template <typename T>
HostTensor HostTensor::FromVector(std::vector<int64_t> dims, const std::vector<T>& values) {
  HostTensor tensor = Allocate(DTypeOf<T>::value, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i) tensor.data<T>()[i] = values[i];
  return tensor;
}

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_HOST_TENSOR_H_
