#include "distributed/partition/buckets.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/graph/builder.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

// What members of a bucket have in common.
using Key =
    std::tuple<std::string, std::string, std::string, chips::DType>;  // op, group, reduction, dtype

struct Bucket {
  std::vector<int> members;  // nodes of the old graph
  int64_t bytes = 0;
};

class Joiner {
 public:
  Joiner(const Graph& graph, int64_t limit) : graph_(graph), limit_(limit), builder_(graph.name()) {
    for (const auto& update : graph.updates()) updated_.insert(update.output());
    ids_.assign(static_cast<size_t>(graph.values_size()), kNoValue);
  }

  absl::StatusOr<Graph> Run() {
    for (const auto& input : graph_.inputs()) {
      const graph::Value& value = ValueAt(input.value());
      ids_[input.value()] = builder_.Input(value.name(), graph::TypeOf(value), input.kind());
    }
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      FlushReadBy(graph_.nodes(n));
      if (!Put(n)) Copy(graph_.nodes(n));
    }
    for (auto& [key, bucket] : open_) Flush(&bucket);
    for (const auto& output : graph_.outputs())
      builder_.Output(ids_[output.value()], output.name(), output.combine());
    for (const auto& update : graph_.updates())
      builder_.Update(ids_[update.input()], ids_[update.output()]);
    STRATA_ASSIGN_OR_RETURN(Graph result, std::move(builder_).Build());
    for (size_t v = 0; v < ids_.size(); ++v) {
      const graph::Value& old = graph_.values(static_cast<int>(v));
      graph::Value* value = result.mutable_values(static_cast<int>(ids_[v]));
      if (old.has_sharding()) *value->mutable_sharding() = old.sharding();
      value->set_gradient_of(old.gradient_of());
    }
    return result;
  }

 private:
  const graph::Value& ValueAt(uint32_t v) const { return graph_.values(static_cast<int>(v)); }
  TensorType TypeAt(uint32_t v) const { return graph::TypeOf(ValueAt(v)); }

  // The node as it is.
  void Copy(const Node& node) {
    std::vector<ValueId> operands;
    for (uint32_t v : node.inputs()) operands.push_back(ids_[v]);
    const graph::Builder::Scope scope = graph::Builder::Scope::Exactly(builder_, node.origin());
    const std::vector<ValueId> results = builder_.ApplyMulti(
        node.op(), operands, GetAttributes(node), {node.regions().begin(), node.regions().end()});
    for (size_t o = 0; o < results.size(); ++o)
      Place(node.outputs(static_cast<int>(o)), results[o]);
  }

  void Place(uint32_t old, ValueId id) {
    builder_.Rename(id, ValueAt(old).name());
    ids_[old] = id;
  }

  bool Joins(const Node& node) const {
    if (node.op() != "all_reduce" && node.op() != "reduce_scatter" && node.op() != "all_gather")
      return false;
    const uint32_t y = node.outputs(0);
    const bool asked =
        node.op() == "all_gather" ? updated_.count(y) > 0 : !ValueAt(y).gradient_of().empty();
    const bool flat = node.op() == "all_reduce" || graph::AttributeReader(node).Int("axis") == 0;
    const TensorType type = TypeAt(node.inputs(0));
    return asked && flat && type.concrete() && type.size_bytes() > 0 && type.size_bytes() <= limit_;
  }

  // Puts a collective into its bucket, to be written later; false when it goes alone.
  bool Put(int n) {
    const Node& node = graph_.nodes(n);
    if (!Joins(node)) return false;
    const graph::AttributeReader attrs(node);
    const TensorType type = TypeAt(node.inputs(0));
    Bucket& bucket =
        open_[{node.op(), attrs.String("group"), attrs.String("reduction"), type.dtype}];
    if (bucket.bytes + type.size_bytes() > limit_) Flush(&bucket);
    bucket.members.push_back(n);
    bucket.bytes += type.size_bytes();
    waiting_.insert(node.outputs(0));
    return true;
  }

  void FlushReadBy(const Node& node) {
    for (uint32_t v : node.inputs()) {
      if (waiting_.count(v) == 0) continue;
      for (auto& [key, bucket] : open_) {
        for (int member : bucket.members) {
          if (graph_.nodes(member).outputs(0) != v) continue;
          Flush(&bucket);
          break;
        }
      }
    }
  }

  void Flush(Bucket* bucket) {
    for (int member : bucket->members) waiting_.erase(graph_.nodes(member).outputs(0));
    if (bucket->members.size() == 1) Copy(graph_.nodes(bucket->members[0]));
    if (bucket->members.size() > 1) Join(bucket->members);
    *bucket = Bucket();
  }

  ValueId Reshape(ValueId x, const Shape& dims) {
    return builder_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }

  // Operands and results as [parts, elements]: reduce_scatter takes `ranks` parts and gives one, all_gather the other way.
  void Join(const std::vector<int>& members) {
    const Node& first = graph_.nodes(members[0]);
    const int64_t ranks = graph::AttributeReader(first).Int("ranks", 1);
    const int64_t parts_in = first.op() == "reduce_scatter" ? ranks : 1;
    const int64_t parts_out = first.op() == "all_gather" ? ranks : 1;
    const graph::Builder::Scope scope = graph::Builder::Scope::Exactly(
        builder_, absl::StrCat("bucket of ", members.size(), ": ", first.origin()));
    std::vector<ValueId> pieces;
    for (int member : members) {
      const uint32_t x = graph_.nodes(member).inputs(0);
      pieces.push_back(Reshape(ids_[x], {parts_in, TypeAt(x).elements() / parts_in}));
    }
    const std::string name = absl::StrCat("bucket_", count_++);
    const ValueId joined = builder_.Apply("concat", pieces, {{"axis", Attr(1)}});
    builder_.Rename(joined, name);
    const ValueId result = builder_.Apply(first.op(), {joined}, GetAttributes(first));
    builder_.Rename(result, absl::StrCat(name, ".", first.op()));
    int64_t at = 0;
    for (int member : members) {
      const uint32_t y = graph_.nodes(member).outputs(0);
      const int64_t elements = TypeAt(y).elements() / parts_out;
      const ValueId slice =
          builder_.Apply("slice", {result},
                         {{"axis", Attr(1)}, {"start", Attr(at)}, {"limit", Attr(at + elements)}});
      Place(y, Reshape(slice, TypeAt(y).shape));
      at += elements;
    }
  }

  const Graph& graph_;
  const int64_t limit_;
  graph::Builder builder_;
  std::vector<ValueId> ids_;    // of old values
  std::set<uint32_t> updated_;  // outputs that replace an input
  std::map<Key, Bucket> open_;
  std::set<uint32_t> waiting_;  // results of members of open buckets
  int count_ = 0;
};

}  // namespace

absl::StatusOr<Graph> BucketCollectives(const Graph& rank_graph, int64_t bucket_bytes) {
  if (bucket_bytes <= 0) return rank_graph;
  return Joiner(rank_graph, bucket_bytes).Run();
}

}  // namespace strata::distributed
