#include "framework/graph/op_cases.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/graph/case_maker.h"

namespace strata::graph {
namespace {

Shape Bound(const char* symbol, int64_t size) { return {symbol, size}; }

std::string Named(const std::string& op, const Shape& shape) {
  return absl::StrCat(op, ".", absl::StrJoin(shape, "x", [](std::string* out, const Size& size) {
                        out->append(size.ToString());
                      }));
}

void UnaryCases(CaseMaker& make) {
  for (const char* op :
       {"neg", "exp", "tanh", "sigmoid", "relu", "erf", "abs", "sin", "cos", "square"}) {
    make.Op(Named(op, {3, 33}), op, {F({3, 33})});
    make.Op(absl::StrCat(op, ".scalar"), op, {F({})});
  }
  for (const char* op : {"log", "sqrt", "rsqrt", "reciprocal"}) {
    make.Op(Named(op, {3, 33}), op, {F({3, 33}, 0.25, 4)});
    make.Op(absl::StrCat(op, ".scalar"), op, {F({}, 0.25, 4)});
  }
  make.Op("exp.wide", "exp", {F({67}, -20, 20)});
  make.Op("tanh.wide", "tanh", {F({67}, -20, 20)});
  make.Op("sigmoid.wide", "sigmoid", {F({67}, -30, 30)});
  make.Op("erf.wide", "erf", {F({67}, -6, 6)});
  for (const Shape& shape :
       std::vector<Shape>{{1}, {17}, {2, 1, 5}, {0, 5}, {2, 3, 4, 5}, {"B", "T"}}) {
    make.Op(Named("neg", shape), "neg", {F(shape)});
  }
}

void BinaryCases(CaseMaker& make) {
  const auto divisor = [](Shape shape) { return F(std::move(shape), 0.5, 2); };
  for (const char* op : {"add", "sub", "mul", "div", "max", "min", "pow"}) {
    const bool positive = std::string(op) == "pow";
    const auto left = [&](Shape shape) { return F(std::move(shape), positive ? 0.5 : -2, 2); };
    make.Op(absl::StrCat(op, ".same"), op, {left({3, 17}), divisor({3, 17})});
    make.Op(absl::StrCat(op, ".row"), op, {left({5, 9}), divisor({9})});
    make.Op(absl::StrCat(op, ".scalar"), op, {left({2, 7}), divisor({})});
  }
  make.Op("add.column", "add", {F({5, 1}), F({5, 9})});
  make.Op("add.outer", "add", {F({4, 1}), F({1, 7})});
  make.Op("mul.both_ways", "mul", {F({3, 1, 5}), F({4, 1})});
  make.Op("mul.scalars", "mul", {F({}), F({})});
  make.Op("add.empty", "add", {F({0, 3}), F({3})});
  make.Op("add.symbols", "add", {F({"B", "T", 4}), F({"T", 1})});
  make.Op("add.i32", "add", {I({17}, -100, 100), I({17}, -100, 100)});
  make.Op("mul.i64", "mul", {I({17}, -100, 100, chips::I64), I({}, -9, 9, chips::I64)});
  make.Op("div.i32", "div", {I({17}, -100, 100), I({17}, 1, 9)});
  make.Graph("mul.with_itself", {F({3, 5})}, [](Builder& b, const std::vector<ValueId>& in) {
    return std::vector<ValueId>{b.Apply("mul", {in[0], in[0]})};
  });
}

void CompareCases(CaseMaker& make) {
  for (const char* op : {"less", "less_equal", "equal"}) {
    make.Op(absl::StrCat(op, ".row"), op, {F({3, 17}), F({17})});
    make.Op(absl::StrCat(op, ".i32"), op, {I({2, 33}, 0, 3), I({2, 33}, 0, 3)});
  }
  make.Op("equal.bool", "equal", {Bools({9}), Bools({9})});
  make.Op("select.same", "select", {Bools({3, 17}), F({3, 17}), F({3, 17})});
  make.Op("select.broadcast", "select", {Bools({5, 1}), F({7}), F({})});
  make.Op("select.empty", "select", {Bools({0}), F({0}), F({1})});
  make.Op("select.i32", "select", {Bools({33}), I({33}, -9, 9), I({}, -9, 9)});
}

void CastAndConstantCases(CaseMaker& make) {
  const auto to = [](DType dtype) { return Attributes{{"dtype", Attr(dtype)}}; };
  make.Op("cast.to_i32", "cast", {F({33}, -100, 100)}, to(chips::I32));
  make.Op("cast.to_i8", "cast", {F({33}, -100, 100)}, to(chips::I8));
  make.Op("cast.to_bool", "cast", {I({9}, -1, 1)}, to(chips::BOOL));
  make.Op("cast.from_bool", "cast", {Bools({3, 5})}, to(make.dtype()));
  make.Op("cast.from_i64", "cast", {I({17}, -1000, 1000, chips::I64)}, to(make.dtype()));
  make.Op("cast.to_itself", "cast", {F({3, 5})}, to(make.dtype()));
  for (const Shape& dims : std::vector<Shape>{{}, {17}, {3, 33}, {0}}) {
    make.Op(Named("constant", dims), "constant", {},
            {{"value", Attr(0.375)}, {"dtype", Attr(make.dtype())}, {"dims", Attr(dims)}});
  }
  for (int axis = 0; axis < 3; ++axis) {
    make.Op(absl::StrCat("iota.axis", axis), "iota", {},
            {{"dtype", Attr(axis == 1 ? make.dtype() : chips::I32)},
             {"dims", Attr(Shape{3, 5, 2})},
             {"axis", Attr(axis)}});
  }
}

void ReduceCases(CaseMaker& make) {
  struct Row {
    const char* name;
    Shape shape;
    std::vector<int64_t> axes;
    bool keep;
    int64_t terms;
  };
  const Row rows[] = {
      {"last", {5, 33}, {1}, false, 33},       {"last_kept", {5, 33}, {-1}, true, 33},
      {"first", {17, 6}, {0}, false, 17},      {"middle", {2, 9, 3}, {1}, true, 9},
      {"outer", {3, 4, 5}, {0, 2}, false, 15}, {"all", {3, 17}, {0, 1}, false, 51},
      {"none", {3, 4}, {}, false, 1},          {"one", {4, 1}, {1}, false, 1},
      {"no_rows", {0, 4}, {1}, false, 4},
  };
  for (const char* op : {"reduce_sum", "reduce_max", "reduce_mean"}) {
    for (const Row& row : rows) {
      make.Op(absl::StrCat(op, ".", row.name), op, {F(row.shape)},
              {{"axes", Attr(row.axes)}, {"keep_dims", Attr(row.keep)}}, row.terms);
    }
    make.Op(absl::StrCat(op, ".symbols"), op, {F({"B", "T", 4})},
            {{"axes", Attr(std::vector<int64_t>{0, 1})}, {"keep_dims", Attr(false)}}, 15);
  }
  make.Op("reduce_sum.of_nothing", "reduce_sum", {F({4, 0})},
          {{"axes", Attr(std::vector<int64_t>{1})}, {"keep_dims", Attr(false)}});
  make.Op("reduce_sum.i32", "reduce_sum", {I({5, 17}, -9, 9)},
          {{"axes", Attr(std::vector<int64_t>{1})}, {"keep_dims", Attr(false)}});
}

void BroadcastCases(CaseMaker& make) {
  const std::vector<std::pair<Shape, Shape>> rows = {
      {{5}, {3, 5}}, {{3, 1}, {3, 17}}, {{}, {2, 9}},         {{1, 4, 1}, {2, 4, 3}},
      {{4}, {4}},    {{1}, {0}},        {{"T", 1}, {"T", 4}},
  };
  for (const auto& [narrow, wide] : rows) {
    make.Op(Named(Named("broadcast_to", narrow) + ".to", wide), "broadcast_to", {F(narrow)},
            {{"dims", Attr(wide)}});
    make.Op(Named(Named("sum_to", wide) + ".to", narrow), "sum_to", {F(wide)},
            {{"dims", Attr(narrow)}}, 18);
  }
}

// The symbol B comes from the other operand.
void BroadcastToSymbolCase(CaseMaker& make) {
  const Shape wide = {"B", "T", 4};
  make.Graph("broadcast_to.new_symbol", {F({"T", 1}), F(wide)},
             [&](Builder& b, const std::vector<ValueId>& in) {
               const ValueId x = b.Apply("broadcast_to", {in[0]}, {{"dims", Attr(wide)}});
               return std::vector<ValueId>{b.Apply("mul", {x, in[1]})};
             });
}

void ShapeCases(CaseMaker& make) {
  const std::vector<std::pair<Shape, Shape>> rows = {
      {{6, 5}, {3, 10}}, {{}, {1, 1}}, {{17}, {17, 1}}, {{0, 3}, {5, 0}}, {{"B", 6}, {"B", 2, 3}},
  };
  for (const auto& [from, to] : rows) {
    make.Op(Named(Named("reshape", from) + ".to", to), "reshape", {F(from)}, {{"dims", Attr(to)}});
  }
  make.Op("after", "after", {F({3, 17}), F({5})});
  make.Op("after.symbols", "after", {F({"B", 6}), F({})});
  const std::vector<std::pair<Shape, std::vector<int64_t>>> permutations = {
      {{3, 17}, {1, 0}}, {{2, 3, 5}, {2, 0, 1}}, {{2, 3, 4, 5}, {0, 2, 1, 3}}, {{}, {}},
      {{1, 7}, {1, 0}},  {{0, 3}, {1, 0}},       {Bound("B", 4), {1, 0}},
  };
  for (const auto& [shape, permutation] : permutations) {
    make.Op(absl::StrCat(Named("transpose", shape), ".", absl::StrJoin(permutation, "")),
            "transpose", {F(shape)}, {{"permutation", Attr(permutation)}});
  }
  make.Op("transpose.i8", "transpose", {I({5, 9}, -9, 9, chips::I8)},
          {{"permutation", Attr(std::vector<int64_t>{1, 0})}});
}

void SliceCases(CaseMaker& make) {
  const auto range = [](int axis, int start, int limit) {
    return Attributes{{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}};
  };
  make.Op("slice.rows", "slice", {F({17, 3})}, range(0, 2, 9));
  make.Op("slice.last", "slice", {F({3, 33})}, range(-1, 16, 33));
  make.Op("slice.middle", "slice", {F({2, 5, 3})}, range(1, 4, 5));
  make.Op("slice.nothing", "slice", {F({3, 4})}, range(1, 2, 2));
  make.Op("slice.all", "slice", {F({7})}, range(0, 0, 7));
  make.Op("slice.symbols", "slice", {F({"B", 9})}, range(1, 3, 8));
  const auto around = [](int axis, int before, int after) {
    return Attributes{{"axis", Attr(axis)}, {"before", Attr(before)}, {"after", Attr(after)}};
  };
  make.Op("pad.rows", "pad", {F({5, 3})}, around(0, 2, 1));
  make.Op("pad.last", "pad", {F({3, 17})}, around(-1, 0, 16));
  make.Op("pad.nothing", "pad", {F({4})}, around(0, 0, 0));
  make.Op("pad.empty", "pad", {F({2, 0})}, around(1, 1, 2));
  make.Op("concat.rows", "concat", {F({3, 5}), F({1, 5}), F({4, 5})}, {{"axis", Attr(0)}});
  make.Op("concat.last", "concat", {F({"B", 17}), F({"B", 16})}, {{"axis", Attr(-1)}});
  make.Op("concat.with_empty", "concat", {F({2, 0}), F({2, 3})}, {{"axis", Attr(1)}});
  make.Op("concat.one", "concat", {F({2, 3})}, {{"axis", Attr(1)}});
}

void MatmulCases(CaseMaker& make) {
  struct Row {
    const char* name;
    Shape batch;
    int64_t m, k, n;
    bool shared;  // b is [K, N]
  };
  const Row rows[] = {
      {"2d", {}, 5, 17, 9, true},
      {"remainders", {}, 17, 33, 19, true},
      {"vector", {}, 1, 33, 7, true},
      {"batch", {3}, 4, 5, 6, false},
      {"shared", {2, 3}, 4, 5, 6, true},
      {"symbols", {"B"}, 3, 7, 5, true},
      {"symbols_batch", {"B", "T"}, 2, 3, 4, false},
  };
  for (const Row& row : rows) {
    for (int flags = 0; flags < 4; ++flags) {
      const bool ta = (flags & 1) != 0, tb = (flags & 2) != 0;
      Shape a = row.batch, b = row.shared ? Shape{} : row.batch;
      a.insert(a.end(), {ta ? row.k : row.m, ta ? row.m : row.k});
      b.insert(b.end(), {tb ? row.n : row.k, tb ? row.k : row.n});
      make.Op(absl::StrCat("matmul.", row.name, ta ? ".transpose_a" : "", tb ? ".transpose_b" : ""),
              "matmul", {F(a), F(b)}, {{"transpose_a", Attr(ta)}, {"transpose_b", Attr(tb)}},
              row.k);
    }
  }
  make.Op("matmul.no_rows", "matmul", {F({0, 3}), F({3, 4})});
  make.Op("matmul.no_terms", "matmul", {F({2, 0}), F({0, 4})});
  make.Op("contract_leading.2d", "contract_leading", {F({17, 5}), F({17, 9})}, {}, 17);
  make.Op("contract_leading.3d", "contract_leading", {F({3, 11, 7}), F({3, 11, 4})}, {}, 33);
  make.Op("contract_leading.symbols", "contract_leading", {F({"B", "T", 3}), F({"B", "T", 1})}, {},
          15);
  make.Op("contract_leading.no_terms", "contract_leading", {F({0, 3}), F({0, 2})});
}

void CollectiveCases(CaseMaker& make) {
  make.Op("all_reduce.sum", "all_reduce", {F({17})}, {{"reduction", Attr("sum")}});
  make.Op("all_reduce.mean", "all_reduce", {F({3, 5})}, {{"reduction", Attr("mean")}});
  make.Op("all_gather.1", "all_gather", {F({5, 3})}, {{"ranks", Attr(1)}});
  make.Op("reduce_scatter.1", "reduce_scatter", {F({5, 3})},
          {{"ranks", Attr(1)}, {"reduction", Attr("mean")}});
  make.Op("all_gather.axis", "all_gather", {F({5, 3})}, {{"ranks", Attr(1)}, {"axis", Attr(-1)}});
  make.Op("broadcast.17", "broadcast", {F({17})}, {{"root", Attr(0)}});
  make.Op("all_to_all.1", "all_to_all", {F({5, 3})},
          {{"ranks", Attr(1)}, {"split", Attr(0)}, {"concat", Attr(1)}});
  make.Op("collective_permute.1", "collective_permute", {F({7})},
          {{"ranks", Attr(1)}, {"offset", Attr(1)}});
  make.Op("shard.1", "shard", {F({5, 3})}, {{"ranks", Attr(1)}, {"axis", Attr(1)}});
  make.Op("rank_index.1", "rank_index", {}, {{"ranks", Attr(1)}});
}

// fusion of exp(a) * b + b, with all of it on one grid, and with a reduction at the end.
void FusionCases(CaseMaker& make) {
  const auto body = [](DType dtype, const Shape& shape, bool reduce) {
    Builder b("body");
    const ValueId a = b.Input("a", {dtype, shape}, DATA), c = b.Input("c", {dtype, shape}, DATA);
    ValueId y = b.Apply("add", {b.Apply("mul", {b.Apply("exp", {a}), c}), c});
    if (reduce)
      y = b.Apply("reduce_sum", {y},
                  {{"axes", Attr(std::vector<int64_t>{1})}, {"keep_dims", Attr(true)}});
    b.Output(y, "y");
    return std::move(b).Build().value();
  };
  for (const bool reduce : {false, true}) {
    for (const Shape& shape : std::vector<Shape>{{5, 33}, {"B", 4}}) {
      make.Graph(
          Named(reduce ? "fusion.reduce" : "fusion.loop", shape), {F(shape), F(shape)},
          [&](Builder& b, const std::vector<ValueId>& in) {
            return b.ApplyMulti("fusion", in, {{"kind", Attr(reduce ? "reduce" : "loop")}},
                                {body(make.dtype(), shape, reduce)});
          },
          reduce ? 33 : 1);
    }
  }
}

}  // namespace

std::vector<OpCase> PrimitiveOpCases(DType dtype) {
  CaseMaker make(dtype);
  UnaryCases(make);
  BinaryCases(make);
  CompareCases(make);
  CastAndConstantCases(make);
  ReduceCases(make);
  BroadcastCases(make);
  BroadcastToSymbolCase(make);
  ShapeCases(make);
  SliceCases(make);
  MatmulCases(make);
  CollectiveCases(make);
  FusionCases(make);
  return make.Take();
}

std::vector<OpCase> AllOpCases(DType dtype) {
  std::vector<OpCase> cases = PrimitiveOpCases(dtype);
  for (const auto& family : {CompositeOpCases, VisionOpCases, RaggedOpCases, MoeOpCases}) {
    std::vector<OpCase> more = family(dtype);
    std::move(more.begin(), more.end(), std::back_inserter(cases));
  }
  std::vector<OpCase> packed = PackedOpCases();
  std::move(packed.begin(), packed.end(), std::back_inserter(cases));
  return cases;
}

}  // namespace strata::graph
