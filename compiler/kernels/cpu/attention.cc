// attention: softmax(scale q kᵀ + mask) v a head. Many queries (training, prefill): blocks of queries by blocks of keys,
// the softmax as it goes (attention_blocks.h), blocks that no query sees are never touched. Few queries (decoding): the
// keys and values that are visible are read once for all query heads that share them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/attention_blocks.h"
#include "compiler/kernels/cpu/attention_geometry.h"
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
    P_ = PackedWidth(g_.D);
    key_blocks_ = (g_.S + kN - 1) / kN;
    tiles_ = std::max<int64_t>((g_.T + kN - 1) / kN, 1);
    // A task packs the keys of its head once for all its tiles; a head is shared out only where heads are few.
    const int64_t heads = std::max<int64_t>(g_.B * g_.H, 1);
    parts_ = threads_ == 1 ? 1 : std::clamp<int64_t>(4 * threads_ / heads, 1, tiles_);
    per_thread_ = few_ ? std::max<int64_t>(g_.group(), 1) * stride_
                       : key_blocks_ * kN * (g_.D + P_) + kN * (2 * P_ + kN + 16 + 1);
    per_thread_ = (per_thread_ + 15) / 16 * 16;
    scratch_.resize(static_cast<size_t>(threads_ * per_thread_ + 15));
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
    ParallelTasks(g_.B * g_.H * parts_, threads_, [&](int64_t task) {
      const int64_t head = task / parts_;
      Head(b, head / g_.H, head % g_.H, task % parts_);
    });
  }

 private:
  static constexpr int64_t kN = kAttentionBlock;

  int64_t Start(const Buffers& x, int64_t b) const {
    return x.start != nullptr ? x.start[b] : g_.S - g_.T;
  }
  // On a cache line.
  float* Scratch() {
    const auto base = (reinterpret_cast<uintptr_t>(scratch_.data()) + 63) / 64 * 64;
    return reinterpret_cast<float*>(base) + ThreadIndex() * per_thread_;
  }

  // A row of scores to probabilities; a query that sees nothing has lse -infinity and weights 0.
  void Normalise(float* row, int64_t visible, float* lse) const {
    if (visible == 0) {
      *lse = -kInfinity;
      return;
    }
    SoftmaxRow(row, visible, visible, g_.scale, lse);
    *lse += std::log(row[visible]);
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
        Normalise(score + h * stride_, visible, x.lse + g_.Lse(b, t, kv * g_.group() + h));
      }
      MixValues(score, x.v + g_.KeyRow(b, 0, kv), x.out + query, g_.group(), g_.D, g_.key_stride(),
                stride_, visible);
    }
  }

  // What one thread works in.
  struct Work {
    float *keys, *values;  // [blocks, D, 64], [blocks, 64, P]
    float *q, *out, *s;    // [64, P], [64, P], [64, 64]
    float *sum, *top;      // [64, 16], [64]
  };
  Work Divide(float* scratch) const {
    Work w;
    w.keys = scratch;
    w.values = w.keys + key_blocks_ * kN * g_.D;
    w.q = w.values + key_blocks_ * kN * P_;
    w.out = w.q + kN * P_;
    w.s = w.out + kN * P_;
    w.sum = w.s + kN * kN;
    w.top = w.sum + kN * 16;
    return w;
  }

  // Keys of head h of row b that queries [t0, t0 + 64) see.
  int64_t KeysOf(int64_t start, int64_t t0) const {
    return g_.Visible(start, std::min(t0 + kN, g_.T) - 1);
  }

  // Every parts-th tile of queries of head h of row b.
  void Head(const Buffers& x, int64_t b, int64_t h, int64_t part) {
    const Work w = Divide(Scratch());
    const int64_t kv = h / g_.group(), start = Start(x, b);
    int64_t packed = 0;  // keys, by whole blocks, as later tiles see more of them
    for (int64_t tile = part; tile < tiles_; tile += parts_) {
      const int64_t t0 = tile * kN, keys = KeysOf(start, t0);
      for (; packed < keys; packed += kN) {
        const int64_t key = g_.KeyRow(b, packed, kv), rows = std::min(kN, g_.S - packed);
        PackTransposed(x.k + key, g_.key_stride(), rows, g_.D, w.keys + packed * g_.D);
        PackRows(x.v + key, g_.key_stride(), rows, g_.D, 1.0f, w.values + packed * P_);
      }
      Tile(x, w, start, b, t0, h, packed);
    }
  }

  // What the tile of queries [t0, t0 + 64) packs, keys from `packed` on.
  void AddTile(const Buffers& x, int64_t b, int64_t t0, int64_t h, int64_t packed,
               RowsAhead* ahead) const {
    ahead->Add(x.q + g_.QueryRow(b, t0, h), g_.query_stride(), std::min(kN, g_.T - t0), g_.D);
    const int64_t key = g_.KeyRow(b, packed, h / g_.group()), keys = KeysOf(Start(x, b), t0);
    ahead->Add(x.k + key, g_.key_stride(), keys - packed, g_.D);
    ahead->Add(x.v + key, g_.key_stride(), keys - packed, g_.D);
  }

  // Where the rows of a tile go, and what the next tile of this thread packs.
  RowsAhead Ahead(const Buffers& x, int64_t b, int64_t t0, int64_t h, int64_t packed,
                  int64_t steps) const {
    RowsAhead ahead;
    ahead.Add(x.out + g_.QueryRow(b, t0, h), g_.query_stride(), std::min(kN, g_.T - t0), g_.D);
    const int64_t next = t0 + parts_ * kN, head = b * g_.H + h + threads_;
    if (next < g_.T) {
      AddTile(x, b, next, h, packed, &ahead);
    } else if (parts_ == 1 && head < g_.B * g_.H) {  // most likely
      AddTile(x, head / g_.H, 0, head % g_.H, 0, &ahead);
    }
    ahead.Spread(steps);
    return ahead;
  }

  // Queries [t0, t0 + 64) of a head, whose keys are packed up to `packed`.
  void Tile(const Buffers& x, const Work& w, int64_t start, int64_t b, int64_t t0, int64_t h,
            int64_t packed) {
    const int64_t query = g_.QueryRow(b, t0, h), keys = KeysOf(start, t0);
    RowsAhead ahead = Ahead(x, b, t0, h, packed, 2 * kStepsOfProduct * ((keys + kN - 1) / kN));
    BlockView view{std::min(kN, g_.T - t0), 0, 0, g_.causal, &ahead};
    PackRows(x.q + query, g_.query_stride(), view.queries, g_.D, g_.scale * kLog2E, w.q);
    std::fill_n(w.out, kN * P_, 0.0f);
    std::fill_n(w.sum, kN * 16, 0.0f);
    std::fill_n(w.top, kN, -kInfinity);
    for (int64_t s0 = 0; s0 < keys; s0 += kN) {
      view.keys = std::min(kN, g_.S - s0);
      view.first = start + t0 + 1 - s0;
      Scores(view, w.q, w.keys + s0 * g_.D, g_.D, P_, w.s);
      SoftmaxBlock(view, P_, w.s, w.top, w.sum, w.out);
      AddMix(view, w.s, w.values + s0 * P_, P_, w.out);
    }
    for (int64_t r = 0; r < view.queries; ++r) {
      float total = 0;
      for (int64_t lane = 0; lane < 16; ++lane) total += w.sum[16 * r + lane];
      Unpack(w.out + r * P_, 1, g_.D, total > 0 ? 1.0f / total : total, false, g_.query_stride(),
             x.out + query + r * g_.query_stride());
      x.lse[g_.Lse(b, t0 + r, h)] = w.top[r] * kLn2 + std::log(total);
    }
  }

  AttentionGeometry g_;
  int threads_;
  bool has_start_, few_;
  int64_t stride_ = 0, P_ = 0, key_blocks_ = 0, tiles_ = 0, parts_ = 1, per_thread_ = 0;
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
  return absl::StrCat("blocks of ", kAttentionBlock, " queries by ", kAttentionBlock, " keys",
                      g.causal ? ", those above the diagonal skipped" : "",
                      "; softmax as it goes, scores stay in the nearest cache");
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
