// MatrixPacker: packs matrices on all cores. Add() all of them, then Run().
#ifndef STRATA_LLM_MODEL_MATRIX_PACKER_H_
#define STRATA_LLM_MODEL_MATRIX_PACKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "chips/numerics/weight_format.h"
#include "llm/model/weight_source.h"

namespace strata::llm {

// n rows of k weights inside a tensor in memory.
struct MatrixView {
  const chips::WeightFormat* format = nullptr;
  const uint8_t* data = nullptr;
  int64_t n = 0;
  int64_t k = 0;
  bool transposed =
      false;           // it lies as k rows of `stride` weights of a float format, row i from data
  int64_t stride = 0;  // weights between those rows
  std::shared_ptr<const void> owner;
};

class MatrixPacker {
 public:
  // Fills `out`, PackedGroups(n) groups, with the matrix in `target`. Nothing is read before Run().
  void Add(const MatrixView& view, const chips::WeightFormat& target, uint8_t* out);
  // 0: all cores.
  void Run(int threads);

 private:
  std::vector<std::function<void()>> jobs_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_MATRIX_PACKER_H_
