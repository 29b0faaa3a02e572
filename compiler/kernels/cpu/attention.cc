// attention: softmax(scale q kᵀ + mask) v a head. Many queries (training, prefill): tiles of queries, two matrix products
// a tile, keys that no query of the tile sees are never touched. Few queries (decoding): the keys and values that are
// visible are read once for all query heads that share them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/attention_geometry.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kFewQueries = 4;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A row of scores becomes probabilities: x = exp(scale x - lse) over [0, n), 0 over [n, width). n > 0.
STRATA_KERNEL(SoftmaxRow, (float* x, int64_t n, int64_t width, float scale, float* lse),
              (x, n, width, scale, lse)) {
  v16 top = Splat(-kInfinity);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) top = Max(Load(x + i) * scale, top);
  if (i < n) {
    // The lanes beyond n repeat the first score, which cannot change the maximum.
    const v16 part = LoadPart(x + i, n - i, x[i]) * scale;
    top = Max(part, top);
  }
  const float highest = MaxLane(top);
  v16 sum = {};
  for (i = 0; i + 16 <= n; i += 16) {
    const v16 e = Exp(Load(x + i) * scale - highest);
    Store(x + i, e);
    sum += e;
  }
  float total = Sum(sum);
  if (i < n) {
    const v16 e = Exp(LoadPart(x + i, n - i, x[i]) * scale - highest);
    StorePart(x + i, e, n - i);
    for (int64_t k = 0; k < n - i; ++k) total += e[k];
  }
  const float inverse = 1.0f / total;
  for (i = 0; i + 16 <= n; i += 16) Store(x + i, Load(x + i) * inverse);
  for (; i < n; ++i) x[i] *= inverse;
  for (; i < width; ++i) x[i] = 0;
  *lse = highest;  // the caller adds log(total), which is no vector's work
  x[width] = total;
}

// Scores of `heads` queries (one a head, D apart) against keys [begin, end): score[h * ld + s].
STRATA_KERNEL(ScoreKeys,
              (const float* q, const float* k, float* score, int64_t heads, int64_t D,
               int64_t key_stride, int64_t ld, int64_t begin, int64_t end),
              (q, k, score, heads, D, key_stride, ld, begin, end)) {
  for (int64_t s = begin; s < end; ++s) {
    for (int64_t h = 0; h < heads; ++h) score[h * ld + s] = Dot(q + h * D, k + s * key_stride, D);
  }
}

// out[h] = sum over s of p[h * ld + s] v[s].
STRATA_KERNEL(MixValues,
              (const float* p, const float* v, float* out, int64_t heads, int64_t D,
               int64_t key_stride, int64_t ld, int64_t visible),
              (p, v, out, heads, D, key_stride, ld, visible)) {
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t d = 0; d < D; ++d) out[h * D + d] = 0;
  }
  for (int64_t s = 0; s < visible; ++s) {
    for (int64_t h = 0; h < heads; ++h)
      AddScaled(p[h * ld + s], v + s * key_stride, out + h * D, D);
  }
}

struct Buffers {
  const float *q, *k, *v;
  const int32_t* start;  // or null
  float *out, *lse;
};

class Attention {
 public:
  Attention(const graph::OpCall& call, int threads)
      : g_(call), threads_(threads), has_start_(call.inputs.size() > 3), few_(g_.T <= kFewQueries) {
    stride_ = g_.S + 1;  // a row of scores, and one element for its sum
    rows_ = few_ ? std::max<int64_t>(g_.group(), 1) : g_.tile;
    scratch_.resize(static_cast<size_t>(threads_ * rows_ * stride_));
  }

  void Run(void* const* buffers) {
    const size_t outputs = has_start_ ? 4 : 3;
    const Buffers b{
        Buffer<float>(buffers, 0),       Buffer<float>(buffers, 1),
        Buffer<float>(buffers, 2),       has_start_ ? Buffer<int32_t>(buffers, 3) : nullptr,
        Buffer<float>(buffers, outputs), Buffer<float>(buffers, outputs + 1)};
    if (g_.B == 0 || g_.T == 0 || g_.H == 0) return;
    if (few_) {
      ParallelTasks(g_.B * g_.KV, threads_,
                    [&](int64_t task) { FewQueries(b, task / g_.KV, task % g_.KV); });
      return;
    }
    const int64_t tiles = (g_.T + g_.tile - 1) / g_.tile;
    // The last tiles see the most keys: they go first, so that no thread starts a long one at the end.
    ParallelTasks(g_.B * g_.H * tiles, threads_, [&](int64_t task) {
      const int64_t head = task % (g_.B * g_.H), tile = tiles - 1 - task / (g_.B * g_.H);
      Tile(b, head / g_.H, head % g_.H, tile * g_.tile);
    });
  }

 private:
  int64_t Start(const Buffers& x, int64_t b) const {
    return x.start != nullptr ? x.start[b] : g_.S - g_.T;
  }
  float* Scratch() { return scratch_.data() + ThreadIndex() * rows_ * stride_; }

  // A row of scores to probabilities; a query that sees nothing has lse -infinity and weights 0.
  void Normalise(float* row, int64_t visible, int64_t width, float* lse) const {
    if (visible == 0) {
      std::fill_n(row, width, 0.0f);
      *lse = -kInfinity;
      return;
    }
    SoftmaxRow(row, visible, width, g_.scale, lse);
    *lse += std::log(row[width]);
  }

  // Query heads [kv * group, ...) of row b: they share one key head.
  void FewQueries(const Buffers& x, int64_t b, int64_t kv) {
    float* score = Scratch();
    for (int64_t t = 0; t < g_.T; ++t) {
      const int64_t visible = g_.Visible(Start(x, b), t),
                    query = g_.QueryRow(b, t, kv * g_.group());
      ScoreKeys(x.q + query, x.k + g_.KeyRow(b, 0, kv), score, g_.group(), g_.D, g_.key_stride(),
                stride_, 0, visible);
      for (int64_t h = 0; h < g_.group(); ++h) {
        Normalise(score + h * stride_, visible, visible, x.lse + g_.Lse(b, t, kv * g_.group() + h));
      }
      MixValues(score, x.v + g_.KeyRow(b, 0, kv), x.out + query, g_.group(), g_.D, g_.key_stride(),
                stride_, visible);
    }
  }

  // Queries [t0, t0 + tile) of head h of row b.
  void Tile(const Buffers& x, int64_t b, int64_t h, int64_t t0) {
    const int64_t queries = std::min(g_.tile, g_.T - t0), kv = h / g_.group();
    const int64_t width =
        g_.Visible(Start(x, b), t0 + queries - 1);  // keys that the last query sees
    float* score = Scratch();
    Gemm({false, true, queries, width, g_.D, x.q + g_.QueryRow(b, t0, h), g_.query_stride(),
          x.k + g_.KeyRow(b, 0, kv), g_.key_stride(), score, stride_, 0.0f});
    for (int64_t i = 0; i < queries; ++i) {
      Normalise(score + i * stride_, g_.Visible(Start(x, b), t0 + i), width,
                x.lse + g_.Lse(b, t0 + i, h));
    }
    Gemm({false, false, queries, g_.D, width, score, stride_, x.v + g_.KeyRow(b, 0, kv),
          g_.key_stride(), x.out + g_.QueryRow(b, t0, h), g_.query_stride(), 0.0f});
  }

  AttentionGeometry g_;
  int threads_;
  bool has_start_, few_;
  int64_t stride_ = 0, rows_ = 0;
  std::vector<float> scratch_;
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto attention = std::make_shared<Attention>(call, threads);
  return RoutineFunction([attention](void* const* buffers) {
    attention->Run(buffers);
    return absl::OkStatus();
  });
}

std::string Reason(const graph::OpCall& call) {
  const AttentionGeometry g(call);
  if (g.T <= kFewQueries)
    return "few queries: reads the visible keys and values once for all heads that share them";
  return absl::StrCat("tiles of ", g.tile, " queries",
                      g.causal ? ", keys above the diagonal skipped" : "",
                      "; scores stay in cache");
}

}  // namespace

std::vector<Routine> AttentionRoutines() {
  return {{"attention",
           [](const graph::OpCall& call) { return RequireF32(call, 3); },
           Prepare,
           Reason,
           {}}};
}

}  // namespace strata::compiler
