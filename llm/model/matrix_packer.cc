#include "llm/model/matrix_packer.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "chips/numerics/packed_rows.h"

namespace strata::llm {
namespace {

constexpr int64_t kChunkGroups = 8;

// Rows [first, first + count) as f32 [count, k].
std::vector<float> DecodeRows(const MatrixView& view, int64_t first, int64_t count) {
  std::vector<float> rows(static_cast<size_t>(count * view.k));
  if (!view.transposed) {
    const int64_t bytes = chips::RowBytes(*view.format, view.k);
    for (int64_t i = 0; i < count; ++i)
      chips::DecodeRow(*view.format, view.data + (first + i) * bytes, view.k,
                       &rows[static_cast<size_t>(i * view.k)]);
    return rows;
  }
  std::vector<float> column(static_cast<size_t>(count));
  for (int64_t k = 0; k < view.k; ++k) {
    chips::DecodeRow(*view.format, view.data + (k * view.stride + first) * view.format->bytes,
                     count, column.data());
    for (int64_t i = 0; i < count; ++i)
      rows[static_cast<size_t>(i * view.k + k)] = column[static_cast<size_t>(i)];
  }
  return rows;
}

void PackChunk(const MatrixView& view, const chips::WeightFormat& target, int64_t group,
               int64_t groups, uint8_t* out) {
  uint8_t* at = out + group * chips::GroupBytes(target, view.k);
  if (view.format == &target && !view.transposed)
    return chips::PackRows(target, view.data, view.n, view.k, group, groups, at);
  const int64_t first = group * chips::kPackedRows;
  const int64_t count = std::min(groups * chips::kPackedRows, view.n - first);
  const std::vector<float> values = DecodeRows(view, first, count);
  const int64_t bytes = chips::RowBytes(target, view.k);
  std::vector<uint8_t> rows(static_cast<size_t>(count * bytes));
  for (int64_t i = 0; i < count; ++i)
    chips::EncodeRow(target, &values[static_cast<size_t>(i * view.k)], view.k,
                     &rows[static_cast<size_t>(i * bytes)]);
  chips::PackRows(target, rows.data(), count, view.k, 0, groups, at);
}

}  // namespace

void MatrixPacker::Add(const MatrixView& view, const chips::WeightFormat& target, uint8_t* out) {
  const int64_t groups = chips::PackedGroups(view.n);
  for (int64_t group = 0; group < groups; group += kChunkGroups) {
    const int64_t some = std::min(kChunkGroups, groups - group);
    jobs_.push_back(
        [view, &target, group, some, out] { PackChunk(view, target, group, some, out); });
  }
}

void MatrixPacker::Run(int threads) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < jobs_.size(); i = next++) jobs_[i]();
  };
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  jobs_.clear();
}

}  // namespace strata::llm
