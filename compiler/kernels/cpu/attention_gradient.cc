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

  void KeyHead(const Buffers& x, int64_t b, int64_t kv) {
    const Work w = Divide();
    for (int64_t h = kv * g_.group(); h < (kv + 1) * g_.group(); ++h) {
      PackHead(x, w, b, h);
      for (int64_t s0 = 0; s0 < g_.S; s0 += kN)
        KeyBlock(x, w, b, kv, s0, /*add=*/h > kv * g_.group());
      const int64_t query = g_.QueryRow(b, 0, h);
      Unpack(w.dq, g_.T, g_.D, g_.scale, false, g_.query_stride(), x.dq + query);
    }
  }

  void PackHead(const Buffers& x, const Work& w, int64_t b, int64_t h) {
    for (int64_t t0 = 0; t0 < g_.T; t0 += kN) {
      const int64_t rows = std::min(kN, g_.T - t0), query = g_.QueryRow(b, t0, h);
      PackRows(x.q + query, g_.query_stride(), rows, g_.D, g_.scale, w.q + t0 * P_);
      PackRows(x.dout + query, g_.query_stride(), rows, g_.D, 1.0f, w.dout + t0 * P_);
      DotRows(x.out + query, x.dout + query, rows, g_.query_stride(), g_.D, w.delta + t0);
      std::copy_n(x.lse + g_.Lse(b, t0, h), rows, w.lse + t0);
    }
    std::fill_n(w.dq, tiles_ * kN * P_, 0.0f);
  }

  // Keys [s0, s0 + 64) against all queries of the packed head that see any of them.
  void KeyBlock(const Buffers& x, const Work& w, int64_t b, int64_t kv, int64_t s0, bool add) {
    BlockView view{0, std::min(kN, g_.S - s0), 0, g_.causal};
    const int64_t key = g_.KeyRow(b, s0, kv), stride = g_.key_stride();
    PackTransposed(x.k + key, stride, view.keys, g_.D, w.keys);
    PackTransposed(x.v + key, stride, view.keys, g_.D, w.values);
    PackRows(x.k + key, stride, view.keys, g_.D, 1.0f, w.k);
    std::fill_n(w.dk, kN * P_, 0.0f);
    std::fill_n(w.dv, kN * P_, 0.0f);
    for (int64_t t0 = 0; t0 < g_.T; t0 += kN) {
      view.queries = std::min(kN, g_.T - t0);
      view.first = g_.S - g_.T + t0 + 1 - s0;
      if (view.Visible(view.queries - 1) == 0) continue;
      Scores(view, w.q + t0 * P_, w.keys, g_.D, P_, w.s);
      Scores(view, w.dout + t0 * P_, w.values, g_.D, P_, w.ds);
      SoftmaxGradientBlock(view, w.lse + t0, w.delta + t0, w.s, w.ds);
      AddTransposedMix(view, w.s, w.dout + t0 * P_, P_, w.dv);
      AddTransposedMix(view, w.ds, w.q + t0 * P_, P_, w.dk);
      AddMix(view, w.ds, w.k, P_, w.dq + t0 * P_);
    }
    Unpack(w.dk, view.keys, g_.D, 1.0f, add, stride, x.dk + key);
    Unpack(w.dv, view.keys, g_.D, 1.0f, add, stride, x.dv + key);
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
