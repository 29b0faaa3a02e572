#include "llm/convert/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace strata::llm {
namespace {

// Values that are had at once: enough for all threads, little beside a model.
constexpr int64_t kChunkValues = int64_t{1} << 20;

// Rows in another order: row r is `order(r)` of the given ones.
Rows Reordered(Rows rows, std::function<int64_t(int64_t)> order) {
  Rows result = rows;
  if (rows.bytes) {
    result.bytes = [bytes = rows.bytes, order](int64_t row) { return bytes(order(row)); };
  }
  result.values = [values = rows.values, order](int64_t row, float* out) {
    values(order(row), out);
  };
  return result;
}

// One row into `out`, and what that does to its values.
void WriteRow(const Rows& rows, int64_t row, const chips::WeightFormat& format, uint8_t* out,
              std::vector<float>* scratch, RowError* error) {
  const int64_t width = rows.width;
  if (rows.bytes && rows.format == &format) {
    std::memcpy(out, rows.bytes(row), static_cast<size_t>(chips::RowBytes(format, width)));
    return;
  }
  scratch->resize(static_cast<size_t>(2 * width));
  float* values = scratch->data();
  float* decoded = values + width;
  rows.values(row, values);
  chips::EncodeRow(format, values, width, out);
  chips::DecodeRow(format, out, width, decoded);
  for (int64_t i = 0; i < width; ++i) {
    if (std::memcmp(&values[i], &decoded[i], sizeof(float)) == 0 && !std::isfinite(values[i])) {
      continue;  // kept as it is
    }
    const double difference = double{values[i]} - decoded[i];
    error->squared_error += difference * difference;
    error->squared_norm += double{values[i]} * values[i];
  }
}

}  // namespace

int64_t StoredTensor::rows() const {
  int64_t count = 1;
  for (size_t d = 0; d + 1 < dims.size(); ++d) count *= dims[d];
  return count;
}

Rows StoredRows(const StoredTensor& tensor) { return StackedRows({tensor}); }

Rows StackedRows(const std::vector<StoredTensor>& tensors) {
  Rows stacked;
  stacked.format = tensors[0].format;
  stacked.width = tensors[0].width();
  const int64_t each = tensors[0].rows();
  stacked.rows = each * static_cast<int64_t>(tensors.size());
  const int64_t row_bytes = chips::RowBytes(*stacked.format, stacked.width);
  stacked.bytes = [tensors, each, row_bytes](int64_t row) {
    const absl::string_view bytes = tensors[static_cast<size_t>(row / each)].bytes;
    return reinterpret_cast<const uint8_t*>(bytes.data()) + row % each * row_bytes;
  };
  stacked.values = [bytes = stacked.bytes, format = stacked.format, width = stacked.width](
                       int64_t row, float* out) {
    chips::DecodeRow(*format, bytes(row), width, out);
  };
  return stacked;
}

Rows SlicedRows(Rows rows, int64_t first, int64_t count) {
  Rows sliced = Reordered(std::move(rows), [first](int64_t row) { return first + row; });
  sliced.rows = count;
  return sliced;
}

Rows TransposedRows(const Rows& rows) {
  auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(rows.rows * rows.width));
  for (int64_t r = 0; r < rows.rows; ++r) rows.values(r, values->data() + r * rows.width);
  Rows transposed;
  transposed.rows = rows.width;
  transposed.width = rows.rows;
  transposed.values = [values, step = rows.width, count = rows.rows](int64_t row, float* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = (*values)[static_cast<size_t>(i * step + row)];
  };
  return transposed;
}

Rows OffsetRows(Rows rows, float offset) {
  if (offset == 0) return rows;
  rows.bytes = nullptr;
  rows.values = [values = rows.values, width = rows.width, offset](int64_t row, float* out) {
    values(row, out);
    for (int64_t i = 0; i < width; ++i) out[i] += offset;
  };
  return rows;
}

Rows PairedRows(Rows rows, int64_t head_width, int64_t turned) {
  return Reordered(std::move(rows), [head_width, turned](int64_t row) {
    const int64_t head = row / head_width, i = row % head_width;
    if (i >= turned) return row;
    return head * head_width + i % 2 * (turned / 2) + i / 2;
  });
}

Rows HalvedRows(Rows rows, int64_t head_width, int64_t turned) {
  return Reordered(std::move(rows), [head_width, turned](int64_t row) {
    const int64_t head = row / head_width, i = row % head_width, half = turned / 2;
    if (i >= turned) return row;
    return head * head_width + i % half * 2 + i / half;
  });
}

double RowError::Relative() const {
  if (std::isnan(squared_error)) return std::numeric_limits<double>::infinity();
  return squared_norm == 0 ? (squared_error == 0 ? 0 : std::numeric_limits<double>::infinity())
                           : std::sqrt(squared_error / squared_norm);
}

absl::Status WriteRows(const Rows& rows, const chips::WeightFormat& format,
                       const std::function<absl::Status(absl::string_view)>& sink,
                       RowError* error) {
  const int64_t row_bytes = chips::RowBytes(format, rows.width);
  const int64_t chunk = std::max<int64_t>(1, kChunkValues / std::max<int64_t>(1, rows.width));
  std::string bytes;
  for (int64_t first = 0; first < rows.rows; first += chunk) {
    const int64_t count = std::min(chunk, rows.rows - first);
    bytes.resize(static_cast<size_t>(count * row_bytes));
    auto* out = reinterpret_cast<uint8_t*>(bytes.data());
    double squared_error = 0, squared_norm = 0;
#pragma omp parallel reduction(+ : squared_error, squared_norm)
    {
      std::vector<float> scratch;
      RowError own;
#pragma omp for schedule(static)
      for (int64_t r = 0; r < count; ++r) {
        WriteRow(rows, first + r, format, out + r * row_bytes, &scratch, &own);
      }
      squared_error += own.squared_error;
      squared_norm += own.squared_norm;
    }
    error->squared_error += squared_error;
    error->squared_norm += squared_norm;
    STRATA_RETURN_IF_ERROR(sink(bytes));
  }
  return absl::OkStatus();
}

}  // namespace strata::llm
