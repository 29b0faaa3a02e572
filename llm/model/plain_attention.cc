#include "llm/model/plain_attention.h"

namespace strata::llm {
namespace {

using framework::BroadcastTo;
using framework::Constant;
using framework::MatMul;
using framework::Reshape;
using framework::Select;
using framework::Transpose;
using graph::Attr;

Tensor Counting(graph::Builder& builder, int64_t rows, int64_t columns, int64_t axis) {
  return Tensor(builder, builder.Apply("iota", {},
                                       {{"dtype", Attr(chips::F32)},
                                        {"dims", Attr(graph::Shape{rows, columns})},
                                        {"axis", Attr(axis)}}));
}

// [T, T]: 0 where query (row) sees key (column), far below every score elsewhere.
Tensor Mask(graph::Builder& builder, int64_t T, int64_t window) {
  const Tensor query = Counting(builder, T, T, 0), key = Counting(builder, T, T, 1);
  const Tensor zero = Constant(builder, 0, chips::F32, {T, T});
  const Tensor never = Constant(builder, -1e30, chips::F32, {T, T});
  Tensor mask = Select(framework::LessEqual(key, query), zero, never);
  if (window > 0) {
    mask = mask + Select(framework::Less(query - static_cast<double>(window), key), zero, never);
  }
  return mask;
}

// [B, T, KV, D] -> [B, H, T, D], each head repeated for its group of queries.
Tensor Spread(const Tensor& x, const graph::Size& heads) {
  const graph::Size B = x.dim(0), T = x.dim(1), KV = x.dim(2), D = x.dim(3);
  const Tensor by_head = Transpose(x, {0, 2, 1, 3});
  if (heads == KV) return by_head;
  const graph::Size group = heads.size() / KV.size();
  const Tensor repeated = BroadcastTo(Reshape(by_head, {B, KV, 1, T, D}), {B, KV, group, T, D});
  return Reshape(repeated, {B, heads, T, D});
}

}  // namespace

Tensor AttendElementary(const AttentionSpec& spec, const Heads& heads) {
  const graph::Size H = heads.q.dim(2);
  const Tensor q = Transpose(heads.q, {0, 2, 1, 3});
  Tensor scores = MatMul(q, Spread(heads.k, H), false, true) * spec.scale;  // [B, H, T, T]
  if (spec.softcap > 0) scores = framework::Tanh(scores * (1 / spec.softcap)) * spec.softcap;
  scores = scores + Mask(*q.builder(), heads.q.dim(1).size(), spec.window);
  const Tensor mixed = MatMul(framework::Softmax(scores), Spread(heads.v, H));
  return Transpose(mixed, {0, 2, 1, 3});
}

}  // namespace strata::llm
