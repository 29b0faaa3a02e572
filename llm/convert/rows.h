// Weights on their way from one file to another: matrices as rows that are had as bytes of a format, where they stay as
// they are, or as values.
//
//   Rows rows = PairedRows(StoredRows(query), heads, width, turned);   // Hugging Face's order to GGUF's
//   STRATA_RETURN_IF_ERROR(WriteRows(rows, q8_0, sink, &stats));
#ifndef STRATA_LLM_CONVERT_ROWS_H_
#define STRATA_LLM_CONVERT_ROWS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/weight_format.h"

namespace strata::llm {

// A tensor in a file that is mapped: row-major, in whole blocks.
struct StoredTensor {
  const chips::WeightFormat* format = nullptr;
  std::vector<int64_t> dims;
  absl::string_view bytes;
  std::shared_ptr<const void> owner;

  int64_t width() const { return dims.empty() ? 1 : dims.back(); }
  int64_t rows() const;  // all dims but the last
};

// A matrix whose rows are made when asked for, by many threads at once.
struct Rows {
  int64_t rows = 0;
  int64_t width = 0;
  const chips::WeightFormat* format = nullptr;                 // of `bytes`
  std::function<const uint8_t*(int64_t row)> bytes = nullptr;  // nullptr: rows are not as stored
  std::function<void(int64_t row, float* values)> values = nullptr;
};

Rows StoredRows(const StoredTensor& tensor);
// One below the other; of the same width and format.
Rows StackedRows(const std::vector<StoredTensor>& tensors);
// Rows [first, first + count).
Rows SlicedRows(Rows rows, int64_t first, int64_t count);
// [N, K] -> [K, N].
Rows TransposedRows(const Rows& rows);
// Each value plus `offset`.
Rows OffsetRows(Rows rows, float offset);

// The rows of q or k, `heads` times `head_width`, of which the first `turned` of each head are turned by RoPE: from
// halves (i and i + turned / 2 are a pair) to pairs (2i and 2i + 1), and back. Biases are matrices of width 1.
Rows PairedRows(Rows rows, int64_t head_width, int64_t turned);
Rows HalvedRows(Rows rows, int64_t head_width, int64_t turned);

// How far a tensor's values are from those it had, over all that was written of it.
struct RowError {
  double squared_error = 0;
  double squared_norm = 0;
  double Relative()
      const;  // root of the quotient; 0 for zeros, infinity if a NaN or an infinity came or went
};

// Gives all rows in the format: as stored where they are in it, encoded otherwise. The width must be whole blocks.
absl::Status WriteRows(const Rows& rows, const chips::WeightFormat& format,
                       const std::function<absl::Status(absl::string_view)>& sink, RowError* error);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_ROWS_H_
