#include "distributed/collective/reduce.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;

template <typename T>
void CombineAs(Reduction reduction, const T* a, const T* b, T* result, int64_t count) {
  if (reduction == Reduction::kMax) {
    for (int64_t i = 0; i < count; ++i) result[i] = a[i] > b[i] || a[i] != a[i] ? a[i] : b[i];
  } else {
    for (int64_t i = 0; i < count; ++i) result[i] = a[i] + b[i];
  }
}

template <typename T>
void DivideAs(T* data, int64_t count, int ranks) {
  for (int64_t i = 0; i < count; ++i) data[i] /= static_cast<T>(ranks);
}

}  // namespace

void Combine(Reduction reduction, chips::DType dtype, const void* a, const void* b, void* result,
             int64_t count) {
  if (dtype == chips::F32) {
    CombineAs(reduction, static_cast<const float*>(a), static_cast<const float*>(b),
              static_cast<float*>(result), count);
  } else {
    CombineAs(reduction, static_cast<const double*>(a), static_cast<const double*>(b),
              static_cast<double*>(result), count);
  }
}

void FinishReduction(Reduction reduction, chips::DType dtype, void* data, int64_t count,
                     int ranks) {
  if (reduction != Reduction::kMean) return;
  if (dtype == chips::F32) {
    DivideAs(static_cast<float*>(data), count, ranks);
  } else {
    DivideAs(static_cast<double*>(data), count, ranks);
  }
}

}  // namespace strata::distributed
