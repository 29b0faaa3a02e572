// attention_gradient: makes the probabilities again from q, k and lse, a tile of queries at a time. One task owns a key
// head of a row, so dk and dv are added up in one order on any number of threads.
#include <algorithm>
#include <cstring>
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

// s holds q·k, dp holds dout·v. Afterwards s = p = exp(scale s - lse) and dp = ds = scale p (dp - delta); beyond the
// visible keys both are 0.
STRATA_KERNEL(ProbabilityGradientRow,
              (float* s, float* dp, int64_t visible, int64_t width, float scale, float lse,
               const float* out, const float* dout, int64_t D),
              (s, dp, visible, width, scale, lse, out, dout, D)) {
  const float delta = Dot(out, dout, D);
  int64_t i = 0;
  for (; i + 16 <= visible; i += 16) {
    const v16 p = Exp(Load(s + i) * scale - lse);
    Store(s + i, p);
    Store(dp + i, (Load(dp + i) - delta) * p * scale);
  }
  if (i < visible) {
    const v16 p = Exp(LoadPart(s + i, visible - i, 0.0f) * scale - lse);
    StorePart(s + i, p, visible - i);
    StorePart(dp + i, (LoadPart(dp + i, visible - i, 0.0f) - delta) * p * scale, visible - i);
  }
  for (i = visible; i < width; ++i) s[i] = dp[i] = 0;
}

struct Buffers {
  const float *q, *k, *v, *out, *lse, *dout;
  float *dq, *dk, *dv;
};

class AttentionGradient {
 public:
  AttentionGradient(const graph::OpCall& call, int threads) : g_(call), threads_(threads) {
    scratch_.resize(static_cast<size_t>(2 * threads_ * g_.tile * g_.S));
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
  void KeyHead(const Buffers& x, int64_t b, int64_t kv) {
    for (int64_t s = 0; s < g_.S; ++s) {
      std::fill_n(x.dk + g_.KeyRow(b, s, kv), g_.D, 0.0f);
      std::fill_n(x.dv + g_.KeyRow(b, s, kv), g_.D, 0.0f);
    }
    for (int64_t h = kv * g_.group(); h < (kv + 1) * g_.group(); ++h) {
      for (int64_t t0 = 0; t0 < g_.T; t0 += g_.tile) Tile(x, b, h, kv, t0);
    }
  }

  void Tile(const Buffers& x, int64_t b, int64_t h, int64_t kv, int64_t t0) {
    const int64_t queries = std::min(g_.tile, g_.T - t0), S = g_.S, D = g_.D;
    const int64_t width = g_.Visible(S - g_.T, t0 + queries - 1);
    const int64_t query = g_.QueryRow(b, t0, h), key = g_.KeyRow(b, 0, kv);
    const int64_t q_ld = g_.query_stride(), k_ld = g_.key_stride();
    float* p = scratch_.data() + 2 * ThreadIndex() * g_.tile * S;  // [queries, S]
    float* ds = p + g_.tile * S;                                   // [queries, S]
    Gemm({false, true, queries, width, D, x.q + query, q_ld, x.k + key, k_ld, p, S, 0.0f});
    Gemm({false, true, queries, width, D, x.dout + query, q_ld, x.v + key, k_ld, ds, S, 0.0f});
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t row = g_.QueryRow(b, t0 + i, h);
      ProbabilityGradientRow(p + i * S, ds + i * S, g_.Visible(S - g_.T, t0 + i), width, g_.scale,
                             x.lse[g_.Lse(b, t0 + i, h)], x.out + row, x.dout + row, D);
    }
    Gemm({false, false, queries, D, width, ds, S, x.k + key, k_ld, x.dq + query, q_ld, 0.0f});
    Gemm({true, false, width, D, queries, ds, S, x.q + query, q_ld, x.dk + key, k_ld, 1.0f});
    Gemm({true, false, width, D, queries, p, S, x.dout + query, q_ld, x.dv + key, k_ld, 1.0f});
  }

  AttentionGeometry g_;
  int threads_;
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
  return absl::StrCat("makes the probabilities again, ", AttentionGeometry(call).tile,
                      " queries at a time, rather than keep them");
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
