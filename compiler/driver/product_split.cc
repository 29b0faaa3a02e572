#include "compiler/driver/product_split.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/gemm/tile_access.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Graph;
using graph::Node;

bool IsProduct(const Node& node) {
  return node.op() == "matmul" || node.op() == "contract_leading";
}

class Splitter {
 public:
  explicit Splitter(const Graph& graph) : graph_(graph) {
    for (const graph::Value& value : graph.values()) names_.insert(value.name());
  }

  Graph Run(const std::function<bool(const Node&)>& whole) {
    result_ = graph_;
    result_.clear_nodes();
    for (const Node& node : graph_.nodes()) {
      if (!IsProductFusion(node) || whole(node)) {
        *result_.add_nodes() = node;
      } else {
        Split(node);
      }
    }
    return std::move(result_);
  }

 private:
  void Split(const Node& fusion) {
    const Graph& region = fusion.regions(0);
    std::map<uint32_t, uint32_t> outer;  // region's value -> the graph's
    for (int i = 0; i < region.inputs_size(); ++i)
      outer[region.inputs(i).value()] = fusion.inputs(i);
    for (int i = 0; i < region.outputs_size(); ++i)
      outer[region.outputs(i).value()] = fusion.outputs(i);
    const Node& inner = ProductOf(region);
    const uint32_t c = inner.outputs(0);
    if (outer.count(c) == 0) outer[c] = AddValue(region.values(static_cast<int>(c)));
    Node* product = result_.add_nodes();
    *product = inner;
    for (int i = 0; i < inner.inputs_size(); ++i) product->set_inputs(i, outer.at(inner.inputs(i)));
    product->set_outputs(0, outer.at(c));
    AddRest(fusion, c, outer);
  }

  // Under a name that is free.
  uint32_t AddValue(const graph::Value& value) {
    const uint32_t id = static_cast<uint32_t>(result_.values_size());
    graph::Value* added = result_.add_values();
    *added = value;
    for (int i = 1; !names_.insert(added->name()).second; ++i)
      added->set_name(absl::StrCat(value.name(), ":", i));
    return id;
  }

  void AddRest(const Node& fusion, uint32_t c, const std::map<uint32_t, uint32_t>& outer) {
    Graph rest = fusion.regions(0);
    rest.set_name("loop");
    rest.clear_nodes();
    rest.clear_inputs();
    rest.clear_outputs();
    std::set<uint32_t> read;
    for (const Node& node : fusion.regions(0).nodes()) {
      if (IsProduct(node)) continue;
      read.insert(node.inputs().begin(), node.inputs().end());
      *rest.add_nodes() = node;
    }
    if (fusion.outputs_size() == 1 && fusion.outputs(0) == outer.at(c)) return;
    Node* node = result_.add_nodes();
    node->set_op("fusion");
    node->set_origin(fusion.origin());
    graph::SetAttributes({{"kind", Attr("loop")}}, node);
    const auto add_input = [&](uint32_t id) {
      graph::Input* input = rest.add_inputs();
      input->set_value(id);
      input->set_kind(graph::DATA);
      node->add_inputs(outer.at(id));
    };
    add_input(c);
    for (const graph::Input& input : fusion.regions(0).inputs()) {
      if (read.count(input.value()) > 0) add_input(input.value());
    }
    for (const graph::Output& output : fusion.regions(0).outputs()) {
      if (output.value() == c) continue;
      *rest.add_outputs() = output;
      node->add_outputs(outer.at(output.value()));
    }
    DropUnmadeValues(&rest);
    *node->add_regions() = std::move(rest);
  }

  const Graph& graph_;
  Graph result_;
  std::set<std::string> names_;
};

}  // namespace

bool IsProductFusion(const Node& node) {
  if (node.op() != "fusion" || node.regions_size() != 1 ||
      graph::AttributeReader(node).String("kind") != kProductKind)
    return false;
  const Graph& region = node.regions(0);
  if (std::count_if(region.nodes().begin(), region.nodes().end(), IsProduct) != 1) return false;
  std::set<uint32_t> inputs;
  for (const graph::Input& input : region.inputs()) inputs.insert(input.value());
  const Node& product = ProductOf(region);
  return std::all_of(product.inputs().begin(), product.inputs().end(),
                     [&](uint32_t id) { return inputs.count(id) > 0; });
}

const Node& ProductOf(const Graph& region) {
  return *std::find_if(region.nodes().begin(), region.nodes().end(), IsProduct);
}

Graph SplitProducts(const Graph& graph, const std::function<bool(const Node&)>& whole) {
  return Splitter(graph).Run(whole);
}

}  // namespace strata::compiler
