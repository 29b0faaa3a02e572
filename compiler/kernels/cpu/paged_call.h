// One call of paged_attention: its sizes and buffers, and where its rows' heads are.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_CALL_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_CALL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {

struct PagedGeometry {
  explicit PagedGeometry(const graph::OpCall& call)
      : dtype(call.inputs[1].dtype),
        R(call.inputs[0].dims()[0]),
        H(call.inputs[0].dims()[1]),
        D(call.inputs[0].dims()[2]),
        slots(call.inputs[1].dims()[0]),
        KV(call.inputs[1].dims()[1]),
        value_stride(call.inputs[2].dims()[2]),
        Dv(call.outputs[0].dims()[2]),
        scale(static_cast<float>(call.attrs().Float("scale"))),
        softcap(static_cast<float>(call.attrs().Float("softcap"))),
        window(call.attrs().Int("window")),
        size_(static_cast<int64_t>(chips::SizeOf(dtype))) {
    const std::vector<int64_t> views = call.inputs[quantised() ? 5 : 3].dims();
    V = views[0];
    L = views[1];
    has_sinks = call.inputs.size() > (quantised() ? 8u : 6u);
  }
  bool quantised() const { return dtype == chips::I8; }
  int64_t group() const { return KV > 0 ? H / KV : 0; }  // query heads that share a key head
  int64_t P() const { return (Dv + 15) / 16 * 16; }
  int64_t size() const { return size_; }  // bytes of an element of the cache

  chips::DType dtype;
  int64_t R, H, D, slots, KV, value_stride, Dv, V = 0, L = 0;
  float scale, softcap;
  int64_t window;
  bool has_sinks = false;

 private:
  int64_t size_;
};

struct PagedBuffers {
  PagedBuffers(void* const* b, const PagedGeometry& g)
      : q(Buffer<float>(b, 0)), k(Buffer<char>(b, 1)), v(Buffer<char>(b, 2)) {
    size_t i = 3;
    if (g.quantised()) {
      k_scale = Buffer<float>(b, i++);
      v_scale = Buffer<float>(b, i++);
    }
    views = Buffer<int32_t>(b, i++);
    row_view = Buffer<int32_t>(b, i++);
    row_length = Buffer<int32_t>(b, i++);
    if (g.has_sinks) sinks = Buffer<float>(b, i++);
    y = Buffer<float>(b, i);
  }

  const float* q;
  const char *k, *v;
  const float *k_scale = nullptr, *v_scale = nullptr;
  const int32_t *views, *row_view, *row_length;
  const float* sinks = nullptr;
  float* y;
};

// Queries of one view: query i of a key head is head i % group of row i / group of its rows.
class PagedQueries {
 public:
  // rows: where the view's rows are, in an order of all; the first query is `first` of those of a key head.
  PagedQueries(const PagedGeometry& g, const PagedBuffers& b, const int32_t* rows, int64_t first)
      : g_(g), b_(b), rows_(rows), first_(first) {}

  // The head of all rows' heads that query i of key head kv is.
  int64_t HeadOf(int64_t kv, int64_t i) const {
    return RowOf(i) * g_.H + kv * g_.group() + (first_ + i) % g_.group();
  }
  // Of the view, that query i sees.
  KeyRange KeysOf(int64_t i) const {
    const int32_t length = b_.row_length[RowOf(i)];
    return {
        static_cast<int32_t>(g_.window > 0 ? std::max<int64_t>(0, length - g_.window) : int64_t{0}),
        length};
  }
  // The part of those in a block, from its first key.
  KeyRange InBlock(KeyRange keys, int64_t block) const {
    const int64_t start = block * kKeyBlock, begin = std::max<int64_t>(keys.begin - start, 0),
                  end = std::min<int64_t>(keys.end - start, kKeyBlock);
    return {static_cast<int32_t>(begin), static_cast<int32_t>(std::max(begin, end))};
  }
  // Queries [0, count) of key head kv times the scale: q [count, D].
  void Scale(int64_t kv, int64_t count, float* q) const {
    for (int64_t i = 0; i < count; ++i, q += g_.D) {
      const float* from = b_.q + HeadOf(kv, i) * g_.D;
      for (int64_t d = 0; d < g_.D; ++d) q[d] = from[d] * g_.scale;
    }
  }
  // Nothing seen yet, but the sink where `sinks`.
  void Start(int64_t kv, const QueryBlock& queries, bool sinks) const {
    std::fill_n(queries.out, queries.count * queries.P, 0.0f);
    std::fill_n(queries.sum, queries.count * 16, 0.0f);
    for (int64_t i = 0; i < queries.count; ++i) {
      queries.top[i] = -__builtin_inff();
      if (!sinks || b_.sinks == nullptr) continue;
      const float sink = b_.sinks[HeadOf(kv, i) % g_.H];
      queries.top[i] = sink;
      queries.sum[16 * i] = 1 + (sink - sink);  // NaN of an infinite one; none counts below a score
    }
  }
  void Finish(int64_t kv, const QueryBlock& queries) const {
    for (int64_t i = 0; i < queries.count; ++i)
      compiler::Finish(queries, i, g_.Dv, b_.y + HeadOf(kv, i) * g_.Dv);
  }

 private:
  int64_t RowOf(int64_t i) const { return rows_[(first_ + i) / g_.group()]; }

  const PagedGeometry& g_;
  const PagedBuffers& b_;
  const int32_t* rows_;
  int64_t first_;
};

// Where the keys and values of a block lie.
struct PagedBlock {
  const char *k[kKeyBlock], *v[kKeyBlock];
  int32_t slots[kKeyBlock];    // of any key where one is not there
  int64_t begin = 0, end = 0;  // keys outside are not there

  // Block `block` of a view, of which the keys `present` (bit j: key j) are there. False when a slot is not.
  bool Find(const PagedGeometry& g, const PagedBuffers& b, int32_t view, int64_t block,
            uint64_t present) {
    const int32_t* from = b.views + view * g.L + block * kKeyBlock;
    begin = end = 0;
    if (present == 0) return true;
    begin = __builtin_ctzll(present);
    end = kKeyBlock - __builtin_clzll(present);
    for (int64_t j = 0; j < kKeyBlock; ++j) {
      const int32_t slot = from[present >> j & 1 ? j : begin];
      if (slot < 0 || slot >= g.slots) return false;
      slots[j] = slot;
      k[j] = b.k + slot * g.KV * g.D * g.size();
      v[j] = b.v + slot * g.KV * g.value_stride * g.size();
    }
    return true;
  }
  // The keys that one of `count` queries sees of the block.
  static uint64_t Present(const KeyRange* ranges, int64_t count) {
    uint64_t present = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (ranges[i].begin < ranges[i].end)
        present |=
            (~uint64_t{0} << ranges[i].begin) & (~uint64_t{0} >> (kKeyBlock - ranges[i].end));
    }
    return present;
  }
  BlockRows Keys(const PagedGeometry& g, int64_t kv) const {
    return {k, kv * g.D * g.size(), g.dtype, g.D, begin, end};
  }
  BlockRows Values(const PagedGeometry& g, int64_t kv) const {
    return {v, kv * g.value_stride * g.size(), g.dtype, g.Dv, begin, end};
  }
  // Of each key's head: [64].
  void Scales(const PagedGeometry& g, const float* scale, int64_t kv, float* out) const {
    for (int64_t j = 0; j < kKeyBlock; ++j) out[j] = scale[slots[j] * g.KV + kv];
  }
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_CALL_H_
