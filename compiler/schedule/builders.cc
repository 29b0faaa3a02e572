#include "compiler/schedule/builders.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler::schedule {
namespace {

Affine I(const char* index) { return Affine::Index(index); }

// The statement in serial loops, outer first.
Node Nest(const std::vector<Dim>& dims, Statement statement) {
  Node node = Node::Of(std::move(statement));
  for (size_t d = dims.size(); d-- > 0;) {
    Loop loop;
    loop.name = dims[d].index;
    loop.dims = {dims[d]};
    loop.body.push_back(std::move(node));
    node = Node::Of(std::move(loop));
  }
  return node;
}

Statement Zero(Access target) {
  Statement statement;
  statement.target = std::move(target);
  return statement;
}

Program NamedMatmul(const MatmulShape& s, const char* a, const char* b, const char* c) {
  Program program;
  program.name = absl::StrCat("matmul_", s.transpose_a ? "t" : "n", s.transpose_b ? "t" : "n");
  using Dims = std::vector<int64_t>;
  program.buffers = {
      {a, s.dtype, s.transpose_a ? Dims{s.k, s.m} : Dims{s.m, s.k}, Scope::kInput, ""},
      {b, s.dtype, s.transpose_b ? Dims{s.n, s.k} : Dims{s.k, s.n}, Scope::kInput, ""},
      {c, chips::F32, {s.m, s.n}, Scope::kOutput, ""}};
  const Access target{c, {I("i"), I("j")}};
  if (s.k == 0) {
    program.body.push_back(Nest({{"i", s.m}, {"j", s.n}}, Zero(target)));
    return program;
  }
  Statement update;
  update.target = target;
  update.update = Update::kAdd;
  using Index = std::vector<Affine>;
  update.value = Expr::Apply(
      "mul", {Expr::Load(a, s.transpose_a ? Index{I("k"), I("i")} : Index{I("i"), I("k")}),
              Expr::Load(b, s.transpose_b ? Index{I("j"), I("k")} : Index{I("k"), I("j")})});
  update.first = {"k"};
  program.body.push_back(Nest({{"i", s.m}, {"j", s.n}, {"k", s.k}}, std::move(update)));
  return program;
}

absl::StatusOr<Program> Elementwise(const graph::Graph& graph, const graph::Node& node) {
  const graph::TensorType out = graph::TypeOf(graph.values(static_cast<int>(node.outputs(0))));
  Program program;
  program.name = node.op();
  std::vector<Dim> dims;
  Access target{"out0", {}};
  for (size_t d = 0; d < out.dims().size(); ++d) {
    dims.push_back({absl::StrCat("i", d), out.dims()[d]});
    target.index.push_back(Affine::Index(dims.back().index));
  }
  std::vector<Expr> args;
  for (int i = 0; i < node.inputs_size(); ++i) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(node.inputs(i))));
    if (type.dims() != out.dims())
      return absl::UnimplementedError("operands of other dims than the result");
    const std::string name = absl::StrCat("in", i);
    program.buffers.push_back({name, type.dtype, type.dims(), Scope::kInput, ""});
    args.push_back(Expr::Load(name, target.index));
  }
  program.buffers.push_back({"out0", out.dtype, out.dims(), Scope::kOutput, ""});
  Statement statement;
  statement.target = target;
  statement.value = Expr::Apply(node.op(), std::move(args));
  program.body.push_back(Nest(dims, std::move(statement)));
  return program;
}

}  // namespace

Program Matmul(const MatmulShape& shape) { return NamedMatmul(shape, "A", "B", "C"); }

Program Convolution(const ConvolutionShape& s) {
  Program program;
  program.name = "convolution";
  const int64_t h = (s.h + 2 * s.pad - s.r) / s.stride + 1,
                w = (s.w + 2 * s.pad - s.s) / s.stride + 1;
  program.buffers = {{"X", chips::F32, {s.n, s.c, s.h, s.w}, Scope::kInput, ""},
                     {"W", chips::F32, {s.f, s.c, s.r, s.s}, Scope::kInput, ""},
                     {"Y", chips::F32, {s.n, s.f, h, w}, Scope::kOutput, ""}};
  const Affine row = Affine::Index("h", s.stride) + I("r") - s.pad;
  const Affine column = Affine::Index("w", s.stride) + I("s") - s.pad;
  Expr x = Expr::Load("X", {I("n"), I("c"), row, column});
  if (s.pad > 0) {
    x.inside = {{row}, Less(row, s.h), {column}, Less(column, s.w)};
  }
  Statement update;
  update.target = {"Y", {I("n"), I("f"), I("h"), I("w")}};
  update.update = Update::kAdd;
  update.value =
      Expr::Apply("mul", {std::move(x), Expr::Load("W", {I("f"), I("c"), I("r"), I("s")})});
  update.first = {"c", "r", "s"};
  program.body.push_back(
      Nest({{"n", s.n}, {"f", s.f}, {"h", h}, {"w", w}, {"c", s.c}, {"r", s.r}, {"s", s.s}},
           std::move(update)));
  return program;
}

Program ExpSum(int64_t rows, int64_t columns) {
  Program program;
  program.name = "exp_sum";
  program.buffers = {{"X", chips::F32, {rows, columns}, Scope::kInput, ""},
                     {"M", chips::F32, {rows}, Scope::kInput, ""},
                     {"S", chips::F32, {rows}, Scope::kOutput, ""},
                     {"T", chips::F32, {rows, columns}, Scope::kScratch, ""}};
  Statement exp;
  exp.target = {"T", {I("i"), I("j")}};
  exp.value = Expr::Apply(
      "exp", {Expr::Apply("sub", {Expr::Load("X", {I("i"), I("j")}), Expr::Load("M", {I("i")})})});
  program.body.push_back(Nest({{"i", rows}, {"j", columns}}, std::move(exp)));
  Statement sum;
  sum.target = {"S", {I("i2")}};
  sum.update = Update::kAdd;
  sum.value = Expr::Load("T", {I("i2"), I("j2")});
  sum.first = {"j2"};
  program.body.push_back(Nest({{"i2", rows}, {"j2", columns}}, std::move(sum)));
  return program;
}

absl::StatusOr<Program> FromNode(const graph::Graph& graph, const graph::Node& node) {
  const auto type_of = [&](uint32_t id) {
    return graph::TypeOf(graph.values(static_cast<int>(id)));
  };
  Program program;
  if (node.op() == "matmul") {
    const graph::TensorType a = type_of(node.inputs(0)), b = type_of(node.inputs(1));
    const graph::TensorType c = type_of(node.outputs(0));
    if (a.dims().size() != 2 || b.dims().size() != 2 || a.dtype != b.dtype ||
        c.dtype != chips::F32) {
      return absl::UnimplementedError("matmul: only of two dims, to f32");
    }
    const graph::AttributeReader attributes(node);
    MatmulShape shape;
    shape.transpose_a = attributes.Bool("transpose_a");
    shape.transpose_b = attributes.Bool("transpose_b");
    shape.m = c.dims()[0];
    shape.n = c.dims()[1];
    shape.k = a.dims()[shape.transpose_a ? 0 : 1];
    shape.dtype = a.dtype;
    program = NamedMatmul(shape, "in0", "in1", "out0");
  } else if (OpArity(node.op()) == node.inputs_size() && node.outputs_size() == 1) {
    STRATA_ASSIGN_OR_RETURN(program, Elementwise(graph, node));
  } else {
    return absl::UnimplementedError(absl::StrCat("'", node.op(), "' has no loop program"));
  }
  const absl::Status valid = Validate(program);
  if (!valid.ok()) return absl::UnimplementedError(std::string(valid.message()));
  return program;
}

}  // namespace strata::compiler::schedule
