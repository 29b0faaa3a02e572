#include "compiler/gemm/epilogue.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "compiler/gemm/tile_access.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using schedule::Affine;
using schedule::Expr;

// Of all formulas: what is used twice is written twice.
constexpr int kMaxSize = 600;

bool IsProduct(const Node& node) {
  return node.op() == "matmul" || node.op() == "contract_leading";
}

int SizeOf(const Expr& expr) {
  int size = 1;
  for (const Expr& arg : expr.args) size += SizeOf(arg);
  return size;
}

// for i < M { for j < N { statement } }
schedule::Node TileNest(const GemmProblem& problem, schedule::Statement statement) {
  schedule::Node node = schedule::Node::Of(std::move(statement));
  for (const auto& [index, extent] : {std::pair("j", problem.N), std::pair("i", problem.M)}) {
    schedule::Loop loop;
    loop.name = index;
    loop.dims = {{index, extent}};
    loop.body.push_back(std::move(node));
    node = schedule::Node::Of(std::move(loop));
  }
  return node;
}

class Translator {
 public:
  Translator(const Graph& region, const GemmProblem& problem) : region_(region), p_(problem) {
    for (int i = 0; i < region.inputs_size(); ++i) input_[region.inputs(i).value()] = i;
    for (int i = 0; i < region.outputs_size(); ++i) output_[region.outputs(i).value()] = i;
    result_.epilogue.keeps_product = false;
  }

  absl::StatusOr<RegionEpilogue> Run() {
    for (const Node& node : region_.nodes()) {
      if (IsProduct(node)) {
        if (TypeAt(node.outputs(0)).dtype != chips::F32)
          return absl::UnimplementedError("what follows a product reads its sums as f32");
        AddProduct(node);
      } else if (node.op() == "constant") {
        formula_[node.outputs(0)] = Expr::Constant(graph::AttributeReader(node).Float("value"));
      } else {
        waiting_.push_back(&node);
      }
    }
    for (const Node* node : waiting_) STRATA_RETURN_IF_ERROR(AddNode(*node));
    AddInPlace();
    return std::move(result_);
  }

 private:
  graph::TensorType TypeAt(uint32_t id) const {
    return graph::TypeOf(region_.values(static_cast<int>(id)));
  }

  void AddProduct(const Node& node) {
    const uint32_t c = node.outputs(0);
    result_.a = input_.at(node.inputs(0));
    result_.b = input_.at(node.inputs(1));
    formula_[c] = Expr::Load("C", {Affine::Index("i"), Affine::Index("j")});
    if (output_.count(c) == 0) return;
    result_.product = output_.at(c);
    result_.epilogue.keeps_product = true;
  }

  absl::Status AddNode(const Node& node) {
    const graph::OpCall call = graph::CallOf(region_, node);
    STRATA_RETURN_IF_ERROR(CheckTileNode(call, p_.M, p_.N));
    std::vector<Expr> args;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      STRATA_ASSIGN_OR_RETURN(Expr arg, Operand(node.inputs(static_cast<int>(i)), call.outputs[0]));
      args.push_back(std::move(arg));
    }
    const bool same = node.op() == "cast" || node.op() == "reshape" || node.op() == "broadcast_to";
    Expr value = same ? std::move(args[0]) : Expr::Apply(node.op(), std::move(args));
    if (SizeOf(value) > kMaxSize) {
      return absl::UnimplementedError(absl::StrCat("'", node.op(), "': its formula has more than ",
                                                   kMaxSize, " terms when written out"));
    }
    const uint32_t id = node.outputs(0);
    formula_[id] = output_.count(id) > 0 ? Store(id, std::move(value)) : std::move(value);
    return absl::OkStatus();
  }

  // What a node reads at (i, j).
  absl::StatusOr<Expr> Operand(uint32_t id, const graph::TensorType& result) {
    const graph::TensorType type = TypeAt(id);
    const auto formula = formula_.find(id);
    if (formula != formula_.end()) {
      if (type.dtype != chips::F32 && formula->second.kind != Expr::Kind::kLoad)
        return absl::UnimplementedError("a bf16 value that no memory rounds");
      return formula->second;
    }
    if (input_.count(id) == 0)
      return absl::UnimplementedError("a value that is not made before it is used");
    const std::optional<TileAccess> access =
        type.elements() == p_.M * p_.N && IsTile(type, p_.M, p_.N)
            ? TileAccess::kElement
            : TileAccessOf(type, result, p_.M, p_.N);
    return LoadInput(id, *access);
  }

  Expr LoadInput(uint32_t id, TileAccess access) {
    const Affine i = Affine::Index("i"), j = Affine::Index("j");
    std::vector<int64_t> dims = {1};
    std::vector<Affine> index = {Affine(0)};
    if (access == TileAccess::kElement) dims = {p_.M, p_.N}, index = {i, j};
    if (access == TileAccess::kColumn) dims = {p_.N}, index = {j};
    if (access == TileAccess::kRow) dims = {p_.M}, index = {i};
    auto [name, fresh] = loaded_.emplace(id, absl::StrCat("in", loaded_.size()));
    if (fresh) {
      result_.inputs.push_back(input_.at(id));
      result_.epilogue.inputs.push_back(
          {name->second, TypeAt(id).dtype, dims, schedule::Scope::kInput, ""});
    }
    return Expr::Load(name->second, std::move(index));
  }

  // A nest that writes it; afterwards it is read from there.
  Expr Store(uint32_t id, Expr value) {
    GemmEpilogue& e = result_.epilogue;
    const std::string name = absl::StrCat("out", e.outputs.size());
    result_.outputs.push_back(output_.at(id));
    e.outputs.push_back({name, TypeAt(id).dtype, {p_.M, p_.N}, schedule::Scope::kOutput, ""});
    schedule::Statement statement;
    statement.target = {name, {Affine::Index("i"), Affine::Index("j")}};
    statement.value = std::move(value);
    e.nests.push_back(TileNest(p_, std::move(statement)));
    return Expr::Load(name, {Affine::Index("i"), Affine::Index("j")});
  }

  static bool Reads(const Expr& expr, const std::string& buffer) {
    if (expr.kind == Expr::Kind::kLoad) return expr.access.buffer == buffer;
    return std::any_of(expr.args.begin(), expr.args.end(),
                       [&](const Expr& arg) { return Reads(arg, buffer); });
  }

  static const schedule::Statement& StatementOf(const schedule::Node& nest) {
    return nest.loop.body[0].loop.body[0].statement;
  }

  // Nest by nest, so that an operand may go when the last nest that reads it has.
  void AddInPlace() {
    const GemmEpilogue& e = result_.epilogue;
    for (size_t input = 0; input < e.inputs.size(); ++input) {
      const schedule::Buffer& operand = e.inputs[input];
      size_t last = 0;
      for (size_t n = 0; n < e.nests.size(); ++n) {
        if (Reads(StatementOf(e.nests[n]).value, operand.name)) last = n;
      }
      for (size_t output = last; output < e.outputs.size(); ++output) {
        if (operand.dims == e.outputs[output].dims && operand.dtype == e.outputs[output].dtype)
          result_.in_place.push_back({static_cast<int>(input), static_cast<int>(output)});
      }
    }
  }

  const Graph& region_;
  const GemmProblem& p_;
  RegionEpilogue result_;
  std::vector<const Node*> waiting_;        // elementwise, in order
  std::map<uint32_t, int> input_, output_;  // value -> position
  std::map<uint32_t, Expr> formula_;        // value -> what it is at (i, j)
  std::map<uint32_t, std::string> loaded_;  // value -> its buffer
};

}  // namespace

absl::StatusOr<RegionEpilogue> EpilogueOf(const Graph& region, const GemmProblem& problem) {
  return Translator(region, problem).Run();
}

}  // namespace strata::compiler
