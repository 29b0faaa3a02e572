// attention_gradient: makes the probabilities again from q, k and lse, block by block (attention_blocks.h). One task owns a
// key head of a row, so dk and dv are added up in one order on any number of threads.
#include <algorithm>
#include <memory>
#include <utility>
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

STRATA_KERNEL(DotRows,
              (const float* a, const float* b, int64_t rows, int64_t stride, int64_t D, float* out),
              (a, b, rows, stride, D, out)) {
  for (int64_t r = 0; r < rows; ++r) out[r] = Dot(a + r * stride, b + r * stride, D);
}

struct Buffers {
  const float *q, *k, *v, *out, *lse, *dout;
  float *dq, *dk, *dv;
};

class AttentionGradient {
 public:
  AttentionGradient(const graph::OpCall& call, int threads) : g_(call), threads_(threads) {
    P_ = PackedWidth(g_.D);
    tiles_ = (g_.T + kN - 1) / kN;
    per_thread_ = 3 * tiles_ * kN * P_ + 2 * tiles_ * kN +  // q, dout, dq; delta, lse
                  kN * (2 * g_.D + 3 * P_) + 2 * kN * kN;   // k, v, dk, dv; s, ds
    scratch_.resize(static_cast<size_t>(threads_ * per_thread_ + 15));
  }

  void Run(void* const* buffers) {
    const Buffers x{
        Buffer<float>(buffers, 0), Buffer<float>(buffers, 1), Buffer<float>(buffers, 2),
        Buffer<float>(buffers, 3), Buffer<float>(buffers, 4), Buffer<float>(buffers, 5),
        Buffer<float>(buffers, 6), Buffer<float>(buffers, 7), Buffer<float>(buffers, 8)};
    ParallelTasks(g_.B * g_.KV, threads_,
                  [&](int64_t task) { KeyHead(x, task / g_.KV, task % g_.KV); });
  }

 private:
  static constexpr int64_t kN = kAttentionBlock;

  // What one thread works in. Of one query head, tiles of 64 queries one after another:
  struct Work {
    float *q, *dout, *dq;  // [tiles, 64, P]; q times scale
    float *delta, *lse;    // [tiles, 64]
    float *keys, *values;  // a block of keys: kᵀ, vᵀ [D, 64]
    float *k, *dk, *dv;    // [64, P]
    float *s, *ds;         // [64, 64]
  };
  Work Divide() {
    float* at =
        reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch_.data()) + 63) / 64 * 64) +
        ThreadIndex() * per_thread_;
    const auto take = [&](int64_t count) { return std::exchange(at, at + count); };
    const int64_t T = tiles_ * kN;
    Work w;
    w.q = take(T * P_), w.dout = take(T * P_), w.dq = take(T * P_);
    w.delta = take(T), w.lse = take(T);
    w.keys = take(kN * g_.D), w.values = take(kN * g_.D);
    w.k = take(kN * P_), w.dk = take(kN * P_), w.dv = take(kN * P_);
    w.s = take(kN * kN), w.ds = take(kN * kN);
    return w;
  }

  // A head of queries and its keys, from the last block of keys to the first: a causal block sees one tile of queries more
  // than the one after it, so tiles are packed, and read from memory, as the work goes on.
  struct Head {
    int64_t b, h, kv;
    int64_t packed;  // tiles from here on are packed
    bool add;        // to dk and dv, which hold other heads' part
  };

  void KeyHead(const Buffers& x, int64_t b, int64_t kv) {
    const Work w = Divide();
    for (int64_t h = kv * g_.group(); h < (kv + 1) * g_.group(); ++h) {
      Head head{b, h, kv, tiles_, h > kv * g_.group()};
      for (int64_t s0 = LastBlock(); s0 >= 0; s0 -= kN) KeyBlock(x, w, s0, &head);
      while (head.packed > 0) {  // queries that see no key
        PackTile(x, w, &head);
        UnpackTile(x, w, head, head.packed);
      }
    }
  }

  // The first key of the last block; negative if there are no keys.
  int64_t LastBlock() const { return (g_.S + kN - 1) / kN * kN - kN; }
  int64_t Queries(int64_t tile) const { return std::min(kN, g_.T - tile * kN); }

  // The tile before those that are packed.
  void PackTile(const Buffers& x, const Work& w, Head* head) {
    const int64_t tile = --head->packed, t0 = tile * kN, rows = Queries(tile),
                  query = g_.QueryRow(head->b, t0, head->h);
    PackRows(x.q + query, g_.query_stride(), rows, g_.D, g_.scale * kLog2E, w.q + t0 * P_);
    PackRows(x.dout + query, g_.query_stride(), rows, g_.D, 1.0f, w.dout + t0 * P_);
    DotRows(x.out + query, x.dout + query, rows, g_.query_stride(), g_.D, w.delta + t0);
    const float* lse = x.lse + g_.Lse(head->b, t0, head->h);
    for (int64_t r = 0; r < rows; ++r) w.lse[t0 + r] = lse[r] * kLog2E;
    std::fill_n(w.dq + t0 * P_, kN * P_, 0.0f);
  }

  void UnpackTile(const Buffers& x, const Work& w, const Head& head, int64_t tile) {
    Unpack(w.dq + tile * kN * P_, Queries(tile), g_.D, g_.scale, false, g_.query_stride(),
           x.dq + g_.QueryRow(head.b, tile * kN, head.h));
  }

  // Keys [s0, s0 + 64) against all queries of the head that see any of them.
  void KeyBlock(const Buffers& x, const Work& w, int64_t s0, Head* head) {
    BlockView view{0, std::min(kN, g_.S - s0), 0, g_.causal};
    const int64_t key = g_.KeyRow(head->b, s0, head->kv), stride = g_.key_stride();
    PackTransposed(x.k + key, stride, view.keys, g_.D, w.keys);
    PackTransposed(x.v + key, stride, view.keys, g_.D, w.values);
    PackRows(x.k + key, stride, view.keys, g_.D, 1.0f, w.k);
    std::fill_n(w.dk, kN * P_, 0.0f);
    std::fill_n(w.dv, kN * P_, 0.0f);
    const int64_t first = FirstTile(s0);
    while (head->packed > first) PackTile(x, w, head);
    RowsAhead ahead = Ahead(x, *head, s0, first);
    view.ahead = &ahead;
    for (int64_t tile = first; tile < tiles_; ++tile) {
      const int64_t t0 = tile * kN;
      view.queries = Queries(tile);
      view.first = g_.S - g_.T + t0 + 1 - s0;
      Scores(view, w.q + t0 * P_, w.keys, g_.D, P_, w.s);
      Scores(view, w.dout + t0 * P_, w.values, g_.D, P_, w.ds);
      SoftmaxGradientBlock(view, w.lse + t0, w.delta + t0, w.s, w.ds);
      AddTransposedMix(view, w.s, w.dout + t0 * P_, P_, w.dv);
      AddTransposedMix(view, w.ds, w.q + t0 * P_, P_, w.dk);
      AddMix(view, w.ds, w.k, P_, w.dq + t0 * P_);
      if (s0 == 0) UnpackTile(x, w, *head, tile);
    }
    Unpack(w.dk, view.keys, g_.D, kLn2, head->add, stride, x.dk + key);
    Unpack(w.dv, view.keys, g_.D, 1.0f, head->add, stride, x.dv + key);
  }

  // The first tile of queries that sees a key of [s0, ...): its last query sees the most.
  int64_t FirstTile(int64_t s0) const {
    int64_t tile = 0;
    while (tile < tiles_ && g_.Visible(g_.S - g_.T, tile * kN + Queries(tile) - 1) <= s0) ++tile;
    return tile;
  }

  // What a block of keys of a head packs: the keys, and a tile of queries.
  void AddBlock(const Buffers& x, int64_t b, int64_t h, int64_t s0, int64_t tile,
                RowsAhead* ahead) const {
    const int64_t key = g_.KeyRow(b, s0, h / g_.group()), keys = std::min(kN, g_.S - s0);
    for (const float* from : {x.k, x.v}) ahead->Add(from + key, g_.key_stride(), keys, g_.D);
    if (tile < 0) return;
    const int64_t query = g_.QueryRow(b, tile * kN, h);
    for (const float* from : {x.q, x.dout, x.out})
      ahead->Add(from + query, g_.query_stride(), Queries(tile), g_.D);
  }

  // Where the results of a block of keys go, and what this thread packs next.
  RowsAhead Ahead(const Buffers& x, const Head& head, int64_t s0, int64_t first) const {
    RowsAhead ahead;
    if (s0 > 0) {
      AddBlock(x, head.b, head.h, s0 - kN, head.packed - 1, &ahead);
    } else {
      ahead.Add(x.dq + g_.QueryRow(head.b, first * kN, head.h), g_.query_stride(),
                g_.T - first * kN, g_.D);
    }
    const int64_t key = g_.KeyRow(head.b, s0, head.kv);
    for (const float* to : {x.dk, x.dv})
      ahead.Add(to + key, g_.key_stride(), std::min(kN, g_.S - s0), g_.D);
    const int64_t next = head.b * g_.H + head.h + (g_.group() > 1 ? 1 : threads_);  // most likely
    if (s0 == 0 && next < g_.B * g_.H)
      AddBlock(x, next / g_.H, next % g_.H, LastBlock(), tiles_ - 1, &ahead);
    ahead.Spread(5 * kStepsOfProduct * (tiles_ - first));
    return ahead;
  }

  AttentionGeometry g_;
  int threads_;
  int64_t P_ = 0, tiles_ = 0, per_thread_ = 0;
  std::vector<float> scratch_;
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto gradient = std::make_shared<AttentionGradient>(call, threads);
  return RoutineFunction([gradient](void* const* buffers) {
    gradient->Run(buffers);
    return absl::OkStatus();
  });
}

std::string Reason(const graph::OpCall& call) {
  return absl::StrCat("makes the probabilities again, blocks of ", kAttentionBlock, " queries by ",
                      kAttentionBlock, " keys",
                      call.attrs().Bool("causal") ? ", those above the diagonal skipped" : "");
}

}  // namespace

std::vector<Routine> AttentionGradientRoutines() {
  return {{"attention_gradient",
           [](const graph::OpCall& call) { return RequireF32(call, 6); },
           Prepare,
           Reason,
           {}}};
}

}  // namespace strata::compiler
