// Attention: rotary positions, attention over a batch, and over a ragged batch and its pool of slots.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

namespace {

// x [B, T, H, D] turned by its positions, in one of the op's forms; x itself when it was dropped.
ValueId Turned(ProgramMaker& m, ValueId x) {
  const ProgramMaker::Dims dims = m.dims(x);
  const int64_t width = m.OneIn(2) ? dims[3] : 2 * m.Below(dims[3] / 2 + 1);
  Attributes attributes = {{"interleaved", Attr(m.OneIn(2))}, {"inverse", Attr(m.OneIn(4))}};
  if (width != dims[3]) attributes["width"] = Attr(width);
  if (m.OneIn(3)) attributes["magnitude"] = Attr(1.25);
  std::vector<ValueId> operands = {
      x, m.NewInput({chips::I32, {dims[0], dims[1]}}, IntegerName(0, 63))};
  if (m.OneIn(3)) {
    operands.push_back(m.NewInput({chips::F32, {width / 2}}, "small"));
  } else {
    attributes["theta"] = Attr(10000.0);
  }
  const auto turned = m.Try("rope", operands, attributes);
  return turned.empty() ? x : turned[0];
}

bool IsFinite(const graph::HostTensor& tensor) {
  const std::vector<double> values = tensor.ToDoubles();
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

// The pool of a cache: keys or values of `slots` places, written to or as they are.
struct Pool {
  ValueId cache, scale;  // scale: kNoValue unless the cache is int8
};

Pool MakePool(ProgramMaker& m, chips::DType dtype, int64_t slots, int64_t heads, int64_t width) {
  const bool bytes = dtype == chips::I8;
  Pool pool = {m.NewInput({dtype, {slots, heads, width}}, bytes ? IntegerName(-127, 127) : "state",
                          graph::STATE),
               graph::kNoValue};
  if (bytes) pool.scale = m.NewInput({chips::F32, {slots, heads}}, "small", graph::STATE);
  if (m.OneIn(3)) return pool;
  const int64_t rows = m.Below(slots);
  const ValueId fresh = m.OfType({chips::F32, {rows, heads, width}});
  const ValueId slot = m.NewInput({chips::I32, {rows}}, SlotsName(slots));
  const auto written = bytes ? m.Try("cache_write_q8", {pool.cache, pool.scale, fresh, slot}, {},
                                     ProgramMaker::Numbers::kAll)
                             : m.Try("cache_write", {pool.cache, fresh, slot});
  if (written.empty()) return pool;
  // A sum of bytes may be taken times an infinite scale, or each byte: one is infinite where the other is NaN.
  if (bytes && !IsFinite(m.data(written[1]))) return pool;
  if (!m.OneIn(4)) {
    m.builder().Update(pool.cache, written[0]);
    if (bytes) m.builder().Update(pool.scale, written[1]);
  }
  return {written[0], bytes ? written[1] : graph::kNoValue};
}

}  // namespace

void GrowRope(ProgramMaker& m) {
  const TensorType type = {m.FloatType(),
                           {1 + m.Below(2), 1 + m.Below(5), 1 + m.Below(3), 2 * (1 + m.Below(20))}};
  Turned(m, m.OfType(type));
}

void GrowAttention(ProgramMaker& m) {
  const chips::DType dtype = m.FloatType();
  const int64_t groups = 1 + m.Below(4), kv = 1 + m.Below(2), width = 2 * (1 + m.Below(20));
  const int64_t batch = 1 + m.Below(2), queries = m.OneIn(8) ? 30 + m.Below(40) : 1 + m.Below(9),
                keys = m.OneIn(2) ? queries : 1 + m.Below(70);
  const TensorType q = {dtype, {batch, queries, groups * kv, width}},
                   k = {dtype, {batch, keys, kv, width}};
  ValueId query = m.OfType(q), key = m.OfType(k);
  if (m.OneIn(2)) query = Turned(m, query);
  if (m.OneIn(3)) key = Turned(m, key);
  const ValueId value = m.OfType(k);
  Attributes attributes = {{"scale", Attr(0.375)}, {"causal", Attr(m.OneIn(2))}};
  std::vector<ValueId> operands = {query, key, value};
  const bool starts = m.OneIn(4);
  if (starts) {
    attributes["causal"] = Attr(true);
    operands.push_back(m.NewInput({chips::I32, {batch}}, IntegerName(0, keys - 1)));
  }
  const auto out = m.Try("attention", operands, attributes);
  if (out.empty() || starts || m.OneIn(2)) return;
  m.Try("attention_gradient", {query, key, value, out[0], out[1], m.OfType(q)}, attributes);
}

void GrowPagedAttention(ProgramMaker& m) {
  static const std::vector<chips::DType> kCaches = {chips::F32, chips::F16, chips::BF16, chips::I8};
  const chips::DType dtype = m.Pick(kCaches);
  const int64_t kv = 1 + m.Below(2), heads = kv * (1 + m.Below(4)), slots = 2 + m.Below(40);
  const int64_t width = 1 + m.Below(33), rows = m.OneIn(12) ? 0 : 1 + m.Below(6);
  const bool latent = m.OneIn(5);  // the values are the first elements of the keys
  const int64_t value_width = latent ? 1 + m.Below(width) : 1 + m.Below(33);
  const Pool k = MakePool(m, dtype, slots, kv, width);
  const Pool v = latent ? k : MakePool(m, dtype, slots, kv, value_width);
  const int64_t views = 1 + m.Below(3), length = 1 + m.Below(m.OneIn(3) ? 300 : 40);
  std::vector<ValueId> operands = {m.OfType({chips::F32, {rows, heads, width}}), k.cache, v.cache};
  if (dtype == chips::I8) operands.insert(operands.end(), {k.scale, v.scale});
  operands.push_back(m.NewInput({chips::I32, {views, length}}, IntegerName(0, slots - 1)));
  operands.push_back(m.NewInput({chips::I32, {rows}}, IntegerName(0, views - 1)));
  operands.push_back(m.NewInput({chips::I32, {rows}}, IntegerName(0, length)));
  if (m.OneIn(4)) operands.push_back(m.NewInput({chips::F32, {heads}}));
  Attributes attributes = {{"scale", Attr(0.375)}};
  if (m.OneIn(3)) attributes["window"] = Attr(1 + m.Below(length));
  if (m.OneIn(3)) attributes["softcap"] = Attr(1.5);
  if (latent) attributes["value_width"] = Attr(value_width);
  m.Try("paged_attention", operands, attributes);
}

}  // namespace strata::compiler
