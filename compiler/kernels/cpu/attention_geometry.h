// AttentionGeometry: sizes and offsets that attention and its gradient share.
#ifndef STRATA_COMPILER_KERNELS_CPU_ATTENTION_GEOMETRY_H_
#define STRATA_COMPILER_KERNELS_CPU_ATTENTION_GEOMETRY_H_

#include <algorithm>
#include <cstdint>

#include "framework/graph/op_def.h"

namespace strata::compiler {

struct AttentionGeometry {
  explicit AttentionGeometry(const graph::OpCall& call)
      : B(call.inputs[0].dims()[0]),
        T(call.inputs[0].dims()[1]),
        H(call.inputs[0].dims()[2]),
        D(call.inputs[0].dims()[3]),
        S(call.inputs[1].dims()[1]),
        KV(call.inputs[1].dims()[2]),
        causal(call.attrs().Bool("causal")),
        scale(static_cast<float>(call.attrs().Float("scale"))) {}

  int64_t QueryRow(int64_t b, int64_t t, int64_t h) const { return ((b * T + t) * H + h) * D; }
  int64_t KeyRow(int64_t b, int64_t s, int64_t kv) const { return ((b * S + s) * KV + kv) * D; }
  int64_t Lse(int64_t b, int64_t t, int64_t h) const { return (b * H + h) * T + t; }
  int64_t query_stride() const { return H * D; }
  int64_t key_stride() const { return KV * D; }
  int64_t group() const { return KV > 0 ? H / KV : 0; }  // query heads that share a key head
  // Query t sees keys [0, Visible).
  int64_t Visible(int64_t start, int64_t t) const {
    return causal ? std::clamp<int64_t>(start + t + 1, 0, S) : S;
  }

  int64_t B, T, H, D, S, KV;
  bool causal;
  float scale;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_ATTENTION_GEOMETRY_H_
