// The rows of the matrix.
#include "distributed/equivalence_matrix.h"

namespace strata::distributed {
namespace {

using parallel::RING;
using parallel::ULYSSES;
using parallel::ZERO_1;
using parallel::ZERO_2;
using parallel::ZERO_3;

constexpr char kGpt[] = "gpt", kMoe[] = "moe", kRouted[] = "moe, routed";

constexpr int64_t kBucket = 16 << 10;

using Rows = std::vector<TinyParallelism>;

// One dimension each.
Rows Single() {
  return {{.dp = 2},
          {.dp = 4},
          {.dp = 2, .zero = ZERO_1},
          {.dp = 2, .zero = ZERO_2},
          {.dp = 2, .zero = ZERO_3},
          {.dp = 4, .zero = ZERO_3},
          {.tp = 2},
          {.tp = 4},
          {.tp = 2, .sequence_parallel = true},
          {.tp = 4, .sequence_parallel = true},
          {.pp = 2, .microbatches = 2},
          {.pp = 2, .microbatches = 4},
          {.cp = 2},
          {.cp = 4},
          {.cp = 2, .context = ULYSSES},
          {.cp = 4, .context = ULYSSES},
          {.microbatches = 4},
          {.microbatches = 2, .recompute = true},
          {.dp = 2, .bucket_bytes = kBucket},
          {.dp = 2, .zero = ZERO_2, .bucket_bytes = kBucket},
          {.dp = 2, .microbatches = 4},
          {.pp = 2, .dp = 2, .zero = ZERO_1, .microbatches = 2, .bucket_bytes = kBucket}};
}

// Every pair of dp (plain and with each stage of ZeRO), tp (plain and with sequence parallelism), pp and cp (both).
Rows Pairs() {
  Rows rows;
  for (const parallel::ZeroStage zero :
       {parallel::ZERO_STAGE_UNSPECIFIED, ZERO_1, ZERO_2, ZERO_3}) {
    rows.push_back({.dp = 2, .tp = 2, .zero = zero});
    rows.push_back({.dp = 2, .tp = 2, .zero = zero, .sequence_parallel = true});
    rows.push_back({.pp = 2, .dp = 2, .zero = zero, .microbatches = 2});
    rows.push_back({.dp = 2, .cp = 2, .zero = zero});
    rows.push_back({.dp = 2, .cp = 2, .zero = zero, .context = ULYSSES});
  }
  for (const bool sequence : {false, true}) {
    rows.push_back({.pp = 2, .tp = 2, .sequence_parallel = sequence, .microbatches = 2});
    rows.push_back({.cp = 2, .tp = 2, .sequence_parallel = sequence});
    rows.push_back({.cp = 2, .tp = 2, .sequence_parallel = sequence, .context = ULYSSES});
  }
  for (const parallel::ContextMethod context : {RING, ULYSSES})
    rows.push_back({.pp = 2, .cp = 2, .context = context, .microbatches = 2});
  return rows;
}

// Eight ranks.
Rows Triples() {
  return {{.pp = 2, .dp = 2, .tp = 2, .microbatches = 2},
          {.pp = 2, .dp = 2, .tp = 2, .zero = ZERO_1, .sequence_parallel = true, .microbatches = 2},
          {.pp = 2, .dp = 2, .tp = 2, .zero = ZERO_3, .microbatches = 2, .recompute = true},
          {.dp = 2, .cp = 2, .tp = 2, .zero = ZERO_2},
          {.dp = 2, .cp = 2, .tp = 2, .sequence_parallel = true, .context = ULYSSES},
          {.pp = 2, .dp = 2, .cp = 2, .zero = ZERO_1, .microbatches = 2},
          {.pp = 2, .cp = 2, .tp = 2, .context = ULYSSES, .microbatches = 2}};
}

// What experts add.
Rows Experts() {
  return {{.dp = 2},
          {.ep = 2},
          {.ep = 4},
          {.dp = 2, .ep = 2},
          {.dp = 2, .ep = 2, .zero = ZERO_1},
          {.dp = 2, .ep = 2, .zero = ZERO_2},
          {.dp = 2, .ep = 2, .zero = ZERO_3},
          {.ep = 2, .tp = 2},
          {.ep = 2, .tp = 2, .sequence_parallel = true},
          {.pp = 2, .ep = 2, .microbatches = 2},
          {.ep = 2, .cp = 2},
          {.ep = 2, .cp = 2, .context = ULYSSES},
          {.dp = 2, .ep = 2, .tp = 2, .zero = ZERO_1},
          {.pp = 2, .dp = 2, .ep = 2, .microbatches = 2},
          {.pp = 2, .ep = 2, .tp = 2, .microbatches = 2}};
}

Rows FewExperts() {
  return {{.dp = 2, .zero = ZERO_3},
          {.ep = 2},
          {.ep = 2, .tp = 2},
          {.pp = 2, .dp = 2, .ep = 2, .zero = ZERO_1, .microbatches = 2}};
}

// Every schedule, on as many layers as it has chunks at most.
Rows Schedules() {
  Rows rows;
  for (const char* name : {"gpipe", "1f1b", "interleaved_1f1b", "zb_h1", "zb_h2", "zb_v",
                           "dualpipe", "dualpipe_v", "chimera"})
    rows.push_back({.pp = 2, .schedule = name, .microbatches = 4});
  rows.push_back({.pp = 4, .schedule = "1f1b", .microbatches = 8});
  rows.push_back({.pp = 4, .schedule = "zb_h1", .microbatches = 8});
  rows.push_back({.pp = 4, .schedule = "dualpipe", .microbatches = 8});
  rows.push_back({.pp = 4, .dp = 1, .tp = 2, .schedule = "chimera", .microbatches = 4});
  return rows;
}

void Add(const std::string& name, const TinyModel& model, const Rows& rows,
         std::vector<MatrixRow>* matrix) {
  for (const TinyParallelism& parallelism : rows) matrix->push_back({name, model, parallelism});
}

}  // namespace

std::vector<MatrixRow> EquivalenceMatrix() {
  std::vector<MatrixRow> matrix;
  for (const Rows& rows : {Single(), Pairs(), Triples()}) Add(kGpt, {}, rows, &matrix);
  Add(kMoe, TinyMoe(), Experts(), &matrix);
  Add(kRouted, TinyRoutedMoe(), Experts(), &matrix);
  TinyModel dropless = TinyRoutedMoe(), grouped = TinyRoutedMoe();
  dropless.capacity_factor = 0;
  grouped.grouped = true;
  Add("moe, nothing dropped", dropless, FewExperts(), &matrix);
  Add("moe, grouped", grouped, FewExperts(), &matrix);
  // Tied weights are held by the first and the last stage.
  Add("gpt, 4 layers, tied", {.layers = 4, .kv_heads = 2, .tied = true, .rope = true}, Schedules(),
      &matrix);
  return matrix;
}

}  // namespace strata::distributed
