#include "distributed/runtime/deferred_sums.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "framework/graph/attributes.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;

// An add of a term to a sum, and the all_reduce that makes the term.
struct Term {
  int program = 0;
  int add = 0;
  int all_reduce = -1;  // -1: the term has none of its own
};

class Deferrer {
 public:
  explicit Deferrer(const std::vector<Graph*>& programs) : programs_(programs) {
    for (size_t p = 0; p < programs.size(); ++p) Collect(static_cast<int>(p));
  }

  std::vector<DeferredSum> Run() {
    std::vector<DeferredSum> deferred;
    std::map<int, std::set<int>> dropped;  // by program: nodes
    for (const auto& [sum, terms] : terms_) {
      const std::optional<DeferredSum> common = Common(sum, terms);
      if (!common) continue;
      deferred.push_back(*common);
      for (const Term& term : terms) {
        Graph& program = *programs_[static_cast<size_t>(term.program)];
        program.mutable_nodes(term.add)->set_inputs(1, program.nodes(term.all_reduce).inputs(0));
        dropped[term.program].insert(term.all_reduce);
      }
    }
    for (const auto& [p, nodes] : dropped) Drop(nodes, programs_[static_cast<size_t>(p)]);
    return deferred;
  }

 private:
  // The adds between an updated sum and its update.
  void Collect(int p) {
    const Graph& program = *programs_[static_cast<size_t>(p)];
    std::map<uint32_t, int> maker;
    std::map<uint32_t, int> readers;
    for (int n = 0; n < program.nodes_size(); ++n) {
      for (uint32_t output : program.nodes(n).outputs()) maker[output] = n;
      for (uint32_t input : program.nodes(n).inputs()) ++readers[input];
    }
    for (const graph::Output& output : program.outputs()) ++readers[output.value()];
    for (const graph::Update& update : program.updates()) {
      std::vector<Term>& terms = terms_[program.values(static_cast<int>(update.input())).name()];
      uint32_t value = update.output();
      while (value != update.input()) {
        const auto made = maker.find(value);
        Term term = {p, made == maker.end() ? -1 : made->second, -1};
        if (term.add < 0 || program.nodes(term.add).op() != "add") {
          terms.push_back({p, -1, -1});  // no sum
          break;
        }
        const Node& add = program.nodes(term.add);
        const auto part = maker.find(add.inputs(1));
        if (part != maker.end() && readers[add.inputs(1)] == 1 &&
            program.nodes(part->second).op() == "all_reduce")
          term.all_reduce = part->second;
        terms.push_back(term);
        value = add.inputs(0);
      }
    }
  }

  std::optional<DeferredSum> Common(const std::string& sum, const std::vector<Term>& terms) const {
    std::optional<DeferredSum> common;
    for (const Term& term : terms) {
      if (term.all_reduce < 0) return std::nullopt;
      const Node& node = programs_[static_cast<size_t>(term.program)]->nodes(term.all_reduce);
      const graph::AttributeReader attributes(node);
      const DeferredSum mine = {sum, attributes.String("group"), attributes.Int("ranks", 1)};
      if (attributes.String("reduction") != "sum") return std::nullopt;
      if (common && (common->group != mine.group || common->ranks != mine.ranks))
        return std::nullopt;
      common = mine;
    }
    return common;
  }

  // Without the nodes, and the values that they made.
  static void Drop(const std::set<int>& nodes, Graph* program) {
    std::set<uint32_t> gone;
    for (int n : nodes) gone.insert(program->nodes(n).outputs(0));
    Graph rest = *program;
    rest.clear_nodes();
    rest.clear_values();
    std::vector<uint32_t> id(static_cast<size_t>(program->values_size()));
    for (int v = 0; v < program->values_size(); ++v) {
      if (gone.count(static_cast<uint32_t>(v)) > 0) continue;
      id[static_cast<size_t>(v)] = static_cast<uint32_t>(rest.values_size());
      *rest.add_values() = program->values(v);
    }
    for (int n = 0; n < program->nodes_size(); ++n) {
      if (nodes.count(n) > 0) continue;
      Node* node = rest.add_nodes();
      *node = program->nodes(n);
      for (uint32_t& input : *node->mutable_inputs()) input = id[input];
      for (uint32_t& output : *node->mutable_outputs()) output = id[output];
    }
    for (graph::Input& input : *rest.mutable_inputs()) input.set_value(id[input.value()]);
    for (graph::Output& output : *rest.mutable_outputs()) output.set_value(id[output.value()]);
    for (graph::Update& update : *rest.mutable_updates()) {
      update.set_input(id[update.input()]);
      update.set_output(id[update.output()]);
    }
    *program = std::move(rest);
  }

  const std::vector<Graph*>& programs_;
  std::map<std::string, std::vector<Term>> terms_;  // by sum
};

}  // namespace

std::vector<DeferredSum> DeferSums(const std::vector<Graph*>& programs) {
  return Deferrer(programs).Run();
}

}  // namespace strata::distributed
