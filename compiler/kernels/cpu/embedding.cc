// embedding: rows of a table. embedding_gradient: rows added up by id; each thread owns columns, so every row is added up
// in the order of the ids on any number of threads.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

absl::Status CheckIds(const int32_t* ids, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && ids[i] < rows) continue;
    return absl::OutOfRangeError(
        absl::StrCat("ids: element ", i, " is ", ids[i], "; the table has rows [0, ", rows, ")"));
  }
  return absl::OkStatus();
}

// Rows are bytes here: any dtype of table.
absl::StatusOr<RoutineFunction> PrepareEmbedding(const graph::OpCall& call, int threads) {
  const int64_t rows = call.inputs[0].dims()[0], count = call.inputs[1].elements();
  const int64_t row_bytes =
      call.inputs[0].dims()[1] * static_cast<int64_t>(chips::SizeOf(call.inputs[0].dtype));
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const char* table = Buffer<char>(buffers, 0);
    const int32_t* ids = Buffer<int32_t>(buffers, 1);
    char* out = Buffer<char>(buffers, 2);
    STRATA_RETURN_IF_ERROR(CheckIds(ids, count, rows));
    if (row_bytes == 0) return absl::OkStatus();
    ParallelFor(count, std::max<int64_t>(1, 65536 / row_bytes), threads,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    std::memcpy(out + i * row_bytes, table + ids[i] * row_bytes,
                                static_cast<size_t>(row_bytes));
                  }
                });
    return absl::OkStatus();
  });
}

STRATA_KERNEL(AddRow, (const float* x, float* y, int64_t n), (x, y, n)) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, Load(y + i) + Load(x + i));
  for (; i < n; ++i) y[i] += x[i];
}

absl::StatusOr<RoutineFunction> PrepareGradient(const graph::OpCall& call, int threads) {
  const int64_t rows = call.outputs[0].dims()[0], C = call.outputs[0].dims()[1],
                count = call.inputs[0].elements();
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const int32_t* ids = Buffer<int32_t>(buffers, 0);
    const float* dout = Buffer<float>(buffers, 1);
    float* table = Buffer<float>(buffers, 2);
    STRATA_RETURN_IF_ERROR(CheckIds(ids, count, rows));
    // In long pieces: memset of rows' parts would read each line before it overwrites it.
    ParallelFor(
        rows, std::max<int64_t>(1, 65536 / (C + 1)), threads, [&](int64_t begin, int64_t end) {
          std::memset(table + begin * C, 0, static_cast<size_t>((end - begin) * C) * sizeof(float));
        });
    // Columns by the vector: two threads never write one cache line.
    const int64_t vectors = (C + 15) / 16;
    ParallelFor(vectors, std::max<int64_t>(1, 4096 / (count + 1)), threads,
                [&](int64_t begin, int64_t end) {
                  const int64_t first = 16 * begin, width = std::min(16 * end, C) - first;
                  for (int64_t i = 0; i < count; ++i)
                    AddRow(dout + i * C + first, table + ids[i] * C + first, width);
                });
    return absl::OkStatus();
  });
}

}  // namespace

std::vector<Routine> EmbeddingRoutines() {
  return {{"embedding",
           [](const graph::OpCall&) { return absl::OkStatus(); },
           PrepareEmbedding,
           [](const graph::OpCall&) { return "copies one row an id"; },
           {}},
          {"embedding_gradient",
           [](const graph::OpCall& call) {
             if (call.inputs[1].dtype == chips::F32) return absl::OkStatus();
             return absl::UnimplementedError("the CPU library's embedding_gradient is for f32");
           },
           PrepareGradient,
           [](const graph::OpCall&) {
             return "threads own columns: no atomics, one order of addition";
           },
           {}}};
}

}  // namespace strata::compiler
