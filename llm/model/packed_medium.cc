#include "llm/model/packed_medium.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/numerics/packed_rows.h"
#include "llm/model/rope_frequencies.h"
#include "llm/model/routing.h"

namespace strata::llm {
namespace {

using framework::Apply;
using framework::ModuleScope;
using framework::Reshape;
using graph::Attr;
using inference::KvFormat;

graph::DType DTypeOf(KvFormat kv) {
  switch (kv) {
    case KvFormat::kF32:
      return chips::F32;
    case KvFormat::kF16:
      return chips::F16;
    case KvFormat::kBf16:
      return chips::BF16;
    case KvFormat::kInt8:
      return chips::I8;
  }
  return chips::DTYPE_UNSPECIFIED;
}

graph::Shape DimsOf(const PackedMatrix& m) {
  graph::Shape dims;
  if (m.count > 0) dims.push_back(m.count);
  dims.push_back(m.rows16 ? chips::PackedGroups(m.n) : m.n);
  dims.push_back(m.rows16 ? chips::GroupBytes(*m.format, m.k) : chips::RowBytes(*m.format, m.k));
  return dims;
}

// [1, R, ...] -> [R, ...], and back.
Tensor Rows(const Tensor& x) {
  graph::Shape dims = x.shape();
  if (!dims.empty()) dims.erase(dims.begin());
  return Reshape(x, dims);
}
Tensor Batch(const Tensor& x) {
  graph::Shape dims = x.shape();
  dims.insert(dims.begin(), 1);
  return Reshape(x, dims);
}

}  // namespace

PackedMedium::PackedMedium(graph::Builder& builder, const DecoderConfig& config,
                           const std::map<std::string, PackedMatrix>& matrices, StepInputs inputs,
                           KvFormat kv)
    : builder_(builder),
      config_(config),
      matrices_(matrices),
      inputs_(std::move(inputs)),
      kv_(kv) {}

Tensor PackedMedium::Once(const std::string& name, const graph::TensorType& type) {
  Tensor& tensor = made_[name];
  if (!tensor.valid()) tensor = framework::Input(builder_, name, type, graph::PARAMETER);
  return tensor;
}

Tensor PackedMedium::Parameter(const std::string& name, const std::vector<int64_t>& dims,
                               const framework::Init&) {
  return Once(name, {chips::F32, graph::Shape(dims.begin(), dims.end())});
}

PackedMedium::Weight PackedMedium::WeightOf(const std::string& name) {
  const auto it = matrices_.find(name);
  if (it == matrices_.end()) {
    builder_.Fail(absl::NotFoundError(absl::StrCat("tensor '", name, "' is missing")));
    return {};
  }
  const PackedMatrix& m = it->second;
  return {Once(name, {chips::U8, DimsOf(m)}),
          {{"format", Attr(std::string(m.format->name))},
           {"layout", Attr(std::string(m.rows16 ? "rows16" : "rows"))},
           {"n", Attr(m.n)}}};
}

Tensor PackedMedium::Product(const std::string& name, const Tensor& x) {
  const Weight weight = WeightOf(name);
  if (!weight.tensor.valid()) return {};
  return Apply("matmul_packed", {x, weight.tensor}, weight.attributes);
}

Tensor PackedMedium::ProductOfEach(const std::string& name, const Tensor& x, const Tensor& ids) {
  const Weight weight = WeightOf(name);
  if (!weight.tensor.valid()) return {};
  return Apply("matmul_experts", {x, weight.tensor, ids}, weight.attributes);
}

Tensor PackedMedium::Multiply(const MatrixSpec& m, const Tensor& x, const Location& location) {
  const ModuleScope scope(builder_, m.name, location);
  const Tensor y = Product(m.name + ".packed", x);
  return m.bias ? y + Parameter(m.name + ".bias", {m.out}, {}) : y;
}

Tensor PackedMedium::LookUp(const MatrixSpec& table, const Tensor& ids) {
  const ModuleScope scope(builder_, table.name, Location::current());
  const Weight weight = WeightOf(table.name + ".rows");
  if (!weight.tensor.valid()) return {};
  return Apply("embedding_packed", {weight.tensor, ids},
               {{"format", weight.attributes.at("format")}, {"k", Attr(table.in)}});
}

Tensor PackedMedium::Unembed(const MatrixSpec& table, const Tensor& x) {
  return Multiply(table, x, Location::current());
}

// The wanted rows are the first.
Tensor PackedMedium::Wanted(const Tensor& x) {
  const inference::StepShape& shape = inputs_.shape;
  return shape.logit_rows == shape.rows ? x : framework::Slice(x, 1, 0, shape.logit_rows);
}

Tensor PackedMedium::Of(RowSet rows, const Tensor& input) {
  return rows == RowSet::kAll ? input : Rows(Wanted(Batch(input)));
}

Tensor PackedMedium::Turn(bool local, RowSet rows, const Tensor& x) {
  const bool own = local && config_.window() > 0;
  const Tensor frequencies =
      Once(own ? kLocalFrequencies : kRopeFrequencies, {chips::F32, {config_.rope().width() / 2}});
  graph::Attributes attributes = {{"interleaved", Attr(config_.rope().interleaved())}};
  if (config_.rope().width() != x.dim(-1).size())
    attributes["width"] = Attr(config_.rope().width());
  const double magnitude = RopeMagnitude(config_, local);
  if (magnitude != 1) attributes["magnitude"] = Attr(magnitude);
  return Apply("rope", {x, Batch(Of(rows, inputs_.positions)), frequencies}, attributes);
}

PackedMedium::Cache PackedMedium::Write(const std::string& name, const Tensor& fresh) {
  const graph::Shape dims = {inputs_.shape.slots, fresh.dim(1), fresh.dim(2)};
  const Tensor cache = framework::Input(builder_, name, {DTypeOf(kv_), dims}, graph::STATE);
  if (kv_ != KvFormat::kInt8) {
    const Tensor updated = Apply("cache_write", {cache, fresh, inputs_.slots});
    if (updated.valid()) builder_.Update(cache.id(), updated.id());
    return {updated, {}};
  }
  const Tensor scale = framework::Input(
      builder_, name + ".scale", {chips::F32, {inputs_.shape.slots, fresh.dim(1)}}, graph::STATE);
  const std::vector<Tensor> both =
      framework::ApplyMulti("cache_write_q8", {cache, scale, fresh, inputs_.slots});
  if (both.size() == 2 && both[0].valid()) {
    builder_.Update(cache.id(), both[0].id());
    builder_.Update(scale.id(), both[1].id());
    return {both[0], both[1]};
  }
  return {};
}

Tensor PackedMedium::Paged(const AttentionSpec& spec, const Tensor& q, const Cache& keys,
                           const Cache& values, int64_t value_width) {
  std::vector<Tensor> in = {q, keys.elements, values.elements};
  if (kv_ == KvFormat::kInt8) in.insert(in.end(), {keys.scales, values.scales});
  in.insert(in.end(), {inputs_.views, Of(spec.queries, inputs_.row_view),
                       Of(spec.queries, inputs_.row_length)});
  graph::Attributes attributes = {{"scale", Attr(spec.scale)}};
  if (spec.window > 0) attributes["window"] = Attr(spec.window);
  if (spec.softcap > 0) attributes["softcap"] = Attr(spec.softcap);
  if (value_width > 0) attributes["value_width"] = Attr(value_width);
  return Apply("paged_attention", in, attributes);
}

Tensor PackedMedium::Attend(const AttentionSpec& spec, const Heads& heads) {
  const Cache keys = Write(spec.name + ".k_cache", Rows(heads.k));
  const Cache values = Write(spec.name + ".v_cache", Rows(heads.v));
  return Batch(Paged(spec, Rows(heads.q), keys, values, 0));
}

// [rows, H]: 0, 1, 2, ... in each row.
Tensor PackedMedium::HeadNumbers(int64_t rows, int64_t heads) {
  Tensor& made = head_numbers_[rows];
  if (!made.valid()) {
    made = Tensor(builder_, builder_.Apply("iota", {},
                                           {{"dtype", Attr(chips::I32)},
                                            {"dims", Attr(graph::Shape{rows, heads})},
                                            {"axis", Attr(1)}}));
  }
  return made;
}

Tensor PackedMedium::AttendLatent(const AttentionSpec& spec, const LatentAttention& l,
                                  const MatrixSpec& up, const LatentHeads& in) {
  const Tensor numbers = HeadNumbers(in.q_nope.dim(1).size(), config_.heads());
  const Tensor q = ProductOfEach(up.name + ".key.packed", Rows(in.q_nope), numbers);
  const Tensor q_both = framework::Concat({q, Rows(in.q_rope)}, 2);  // [R, H, rank + rope]
  const Tensor kv = Reshape(in.kv, {in.kv.dim(1), 1, l.kv_rank()});
  const Cache cache = Write(spec.name + ".kv_cache", framework::Concat({kv, Rows(in.k_rope)}, 2));
  const Tensor mixed = Paged(spec, q_both, cache, cache, l.kv_rank());
  return Batch(ProductOfEach(up.name + ".value.packed", mixed, numbers));
}

Tensor PackedMedium::MixExperts(const Experts& experts, const ExpertsSpec& spec, const Tensor& x,
                                const Tensor& scores, const Tensor& choice) {
  const bool same = scores.id() == choice.id();
  const Tensor weigh = Rows(scores);
  const Route route = ChooseExperts(experts, weigh, same ? weigh : Rows(choice));
  const int64_t C = config_.width();
  const graph::Size rows = x.dim(1);
  const Tensor row = Reshape(x, {rows, 1, C});
  const auto times = [&](const StackSpec& stack, const Tensor& in) {
    return ProductOfEach(stack.matrix.name + ".packed", in, route.ids);
  };
  const Tensor hidden = Activate(spec.activation, times(spec.gate, row)) * times(spec.up, row);
  const Tensor y = times(spec.down, hidden);  // [R, k, C]
  const Tensor weights = Reshape(route.weights, {rows, experts.per_token(), 1});
  return Batch(framework::Sum(y * weights, {1}));
}

}  // namespace strata::llm
