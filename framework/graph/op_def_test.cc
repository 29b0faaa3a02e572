// Types, attributes, the registry, and exact work.
#include "framework/graph/op_def.h"

#include "base/status_matchers.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(Types, BroadcastAsNumPy) {
  const auto broadcast = [](const Shape& a, const Shape& b) {
    return ToString(BroadcastShapes(a, b).value());
  };
  EXPECT_EQ(broadcast({3, 1, 5}, {4, 1}), "[3, 4, 5]");
  EXPECT_EQ(broadcast({}, {0}), "[0]");
  EXPECT_EQ(broadcast({1}, {0}), "[0]");
  EXPECT_EQ(broadcast({"B", 1}, {1, "T"}), "[B, T]");
  EXPECT_THAT(BroadcastShapes({3}, {4}),
              StatusIs(kInvalid, HasSubstr("[3] and [4] do not broadcast: 3 against 4")));
  EXPECT_THAT(BroadcastShapes({"B"}, {4}), StatusIs(kInvalid, HasSubstr("B against 4")));
}

TEST(Types, AxesCountFromTheEnd) {
  EXPECT_EQ(NormalizeAxis(-1, 3).value(), 2);
  EXPECT_EQ(NormalizeAxis(0, 3).value(), 0);
  EXPECT_THAT(NormalizeAxis(3, 3), StatusIs(kInvalid, HasSubstr("axis 3 is outside [-3, 3)")));
  EXPECT_THAT(NormalizeAxis(0, 0), StatusIs(kInvalid, HasSubstr("outside")));
}

TEST(Attributes, ReadBackSortedWithFallbacks) {
  Node node;
  SetAttributes({{"z", Attr(true)},
                 {"a", Attr(int64_t{3})},
                 {"m", Attr(Shape{"B", 4})},
                 {"f", Attr(0.5)},
                 {"s", Attr("text")},
                 {"d", Attr(chips::BF16)},
                 {"i", Attr(std::vector<int64_t>{1, 2})},
                 {"x", Attr(std::vector<double>{0.5})}},
                &node);
  EXPECT_EQ(node.attributes(0).name(), "a");
  const AttributeReader reader(node);
  EXPECT_EQ(reader.Int("a"), 3);
  EXPECT_EQ(reader.Int("b", 7), 7);
  EXPECT_TRUE(reader.Bool("z"));
  EXPECT_EQ(reader.Float("f"), 0.5);
  EXPECT_EQ(reader.String("s"), "text");
  EXPECT_EQ(reader.Type("d"), chips::BF16);
  EXPECT_EQ(reader.Ints("i"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(reader.Floats("x"), (std::vector<double>{0.5}));
  EXPECT_EQ(ToString(reader.Dims("m")), "[B, 4]");
  EXPECT_EQ(GetAttributes(node).size(), 8u);
}

absl::StatusOr<std::vector<TensorType>> Infer(const std::string& op,
                                              const std::vector<TensorType>& inputs,
                                              const Attributes& attributes = {}) {
  RegisterAllOps();
  STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(op));
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  return InferTypes(*def, OpCall{&node, inputs, {}});
}

TensorType F32(const Shape& shape) { return {chips::F32, shape}; }

struct Bad {
  const char* op;
  std::vector<TensorType> inputs;
  Attributes attributes;
  const char* message;
};

TEST(Inference, RefusesWithAReason) {
  const auto ints = [](std::vector<int64_t> values) { return Attr(values); };
  const Bad cases[] = {
      {"exp", {{chips::I32, {2}}}, {}, "inputs[0]: is i32[2]; must be of a float dtype"},
      {"add", {F32({2})}, {}, "add: has 1 inputs; takes 2"},
      {"add", {F32({2}), {chips::F64, {2}}}, {}, "of dtype f32 like inputs[0]; cast one"},
      {"add", {{chips::BOOL, {2}}, {chips::BOOL, {2}}}, {}, "of a number dtype"},
      {"add", {F32({2}), F32({3})}, {}, "do not broadcast"},
      {"select", {F32({2}), F32({2}), F32({2})}, {}, "inputs[0]: is f32[2]; must be of dtype bool"},
      {"neg", {F32({2})}, {{"axis", Attr(1)}}, "no attribute 'axis'"},
      {"reduce_sum", {F32({2})}, {{"axes", ints({1})}}, "axis 1 is outside [-1, 1)"},
      {"reduce_sum", {F32({2, 3})}, {{"axes", ints({1, -1})}}, "an axis is named twice"},
      {"reduce_sum", {F32({2})}, {{"axes", Attr(1)}}, "attribute 'axes' must be a ints"},
      {"reduce_mean", {{chips::I32, {2}}}, {{"axes", ints({0})}}, "float dtype"},
      {"broadcast_to", {F32({3})}, {{"dims", Attr(Shape{2, 4})}}, "does not stretch to [2, 4]"},
      {"broadcast_to", {F32({2, 3})}, {{"dims", Attr(Shape{3})}}, "does not stretch to [3]"},
      {"sum_to", {F32({3})}, {{"dims", Attr(Shape{2})}}, "does not stretch to [3]"},
      {"reshape", {F32({6})}, {{"dims", Attr(Shape{4})}}, "not as many elements as [6]"},
      {"reshape", {F32({"B", 2})}, {{"dims", Attr(Shape{"T", 2})}}, "not as many elements"},
      {"reshape",
       {F32({6})},
       {{"dims", Attr(Shape{int64_t{1} << 62, int64_t{1} << 62})}},
       "not as many elements"},
      {"reshape", {F32({1})}, {{"dims", Attr(Shape{-1, -1})}}, "dims[0]: is -1; must be >= 0"},
      {"transpose", {F32({2, 3})}, {{"permutation", ints({0, 0})}}, "each of 0 to 1 once"},
      {"transpose", {F32({2, 3})}, {{"permutation", ints({0})}}, "each of 0 to 1 once"},
      {"slice",
       {F32({5})},
       {{"axis", Attr(0)}, {"start", Attr(3)}, {"limit", Attr(6)}},
       "[3:6) is not a range"},
      {"slice",
       {F32({5})},
       {{"axis", Attr(0)}, {"start", Attr(3)}, {"limit", Attr(2)}},
       "[3:2) is not a range"},
      {"pad",
       {F32({5})},
       {{"axis", Attr(0)}, {"before", Attr(-1)}, {"after", Attr(0)}},
       "do not add up"},
      {"pad",
       {F32({"B"})},
       {{"axis", Attr(0)}, {"before", Attr(1)}, {"after", Attr(0)}},
       "of a known size"},
      {"concat", {F32({2, 3}), F32({2, 3, 1})}, {{"axis", Attr(0)}}, "of rank 2"},
      {"concat", {F32({2, 3}), F32({2, 4})}, {{"axis", Attr(0)}}, "of shape [2, 3]"},
      {"concat", {F32({"B"}), F32({2})}, {{"axis", Attr(0)}}, "of a known size"},
      {"concat", {}, {{"axis", Attr(0)}}, "has 0 inputs; takes 1 or more"},
      {"matmul", {F32({3}), F32({3, 4})}, {}, "of rank 2 or more"},
      {"matmul",
       {F32({2, 3}), F32({4, 5})},
       {},
       "sums over 3 of f32[2, 3] and over 4 of f32[4, 5]"},
      {"matmul", {F32({2, 3, 4}), F32({3, 4, 5})}, {}, "of the leading dims"},
      {"contract_leading", {F32({2, 3}), F32({4, 3})}, {}, "of the leading dims"},
      {"constant",
       {},
       {{"value", Attr(1.0)}, {"dims", Attr(Shape{})}},
       "'dtype' (dtype) is missing"},
      {"iota",
       {},
       {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{})}, {"axis", Attr(0)}},
       "axis 0 is outside"},
      {"all_reduce",
       {F32({2})},
       {{"reduction", Attr("product")}},
       "must be 'sum' or 'mean' or 'max'"},
      {"all_reduce", {{chips::BOOL, {2}}}, {{"reduction", Attr("max")}}, "of a number dtype"},
      {"all_gather", {F32({2})}, {{"ranks", Attr(0)}}, "ranks: is 0"},
      {"reduce_scatter",
       {F32({5})},
       {{"ranks", Attr(2)}, {"reduction", Attr("sum")}},
       "2 ranks divide"},
      {"all_gather", {F32({2})}, {{"ranks", Attr(2)}, {"axis", Attr(1)}}, "axis"},
      {"all_to_all",
       {F32({3, 4})},
       {{"ranks", Attr(2)}, {"split", Attr(0)}, {"concat", Attr(1)}},
       "dim 0 that 2 ranks divide"},
      {"rank_index", {}, {{"ranks", Attr(0)}}, "ranks: is 0"},
      {"fusion", {}, {{"kind", Attr("loop")}}, "regions: has 0; must be 1"},
  };
  for (const Bad& bad : cases) {
    EXPECT_THAT(Infer(bad.op, bad.inputs, bad.attributes),
                StatusIs(kInvalid, HasSubstr(bad.message)))
        << bad.op;
  }
}

TEST(Inference, CollectivesScaleDimZero) {
  EXPECT_EQ(Infer("all_gather", {F32({3, 2})}, {{"ranks", Attr(4)}}).value()[0].ToString(),
            "f32[12, 2]");
  EXPECT_EQ(
      Infer("reduce_scatter", {F32({12, 2})}, {{"ranks", Attr(4)}, {"reduction", Attr("sum")}})
          .value()[0]
          .ToString(),
      "f32[3, 2]");
}

TEST(Registry, UnknownOpsGetASuggestion) {
  RegisterAllOps();
  EXPECT_THAT(OpRegistry::Get().Lookup("matmull"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean 'matmul'?")));
  EXPECT_THAT(OpRegistry::Get().Lookup("convolution3d"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("`strata ops` lists them")));
  EXPECT_EQ(OpRegistry::Get().Find("matmull"), nullptr);
  for (const std::string& name : OpRegistry::Get().Names()) {
    const OpDef& def = *OpRegistry::Get().Find(name);
    EXPECT_EQ(def.name, name);
    EXPECT_FALSE(def.summary.empty()) << name;
    EXPECT_TRUE(def.infer && def.reference) << name;
  }
}

Work WorkOfCall(const std::string& op, const std::vector<TensorType>& inputs,
                const Attributes& attributes = {}) {
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  OpCall call{&node, inputs, {}};
  const OpDef* def = OpRegistry::Get().Find(op);
  call.outputs = InferTypes(*def, call).value();
  return WorkOf(*def, call);
}

TEST(Work, IsExact) {
  RegisterAllOps();
  Work work = WorkOfCall("matmul", {F32({3, 4, 5}), F32({5, 7})});
  EXPECT_EQ(work.flops, 2 * 3 * 4 * 5 * 7);
  EXPECT_EQ(work.bytes_read, 4 * (60 + 35));
  EXPECT_EQ(work.bytes_written, 4 * 84);
  work = WorkOfCall("matmul", {F32({5, 4}), F32({7, 5})},
                    {{"transpose_a", Attr(true)}, {"transpose_b", Attr(true)}});
  EXPECT_EQ(work.flops, 2 * 4 * 5 * 7);
  EXPECT_EQ(WorkOfCall("contract_leading", {F32({2, 3, 5}), F32({2, 3, 7})}).flops, 2 * 6 * 5 * 7);
  EXPECT_EQ(WorkOfCall("add", {F32({3, 1}), F32({4})}).flops, 12);
  EXPECT_EQ(
      WorkOfCall("reduce_sum", {F32({3, 4})}, {{"axes", Attr(std::vector<int64_t>{1})}}).flops, 12);
  EXPECT_EQ(
      WorkOfCall("reduce_mean", {F32({3, 4})}, {{"axes", Attr(std::vector<int64_t>{1})}}).flops,
      15);
  work = WorkOfCall("slice", {F32({100})},
                    {{"axis", Attr(0)}, {"start", Attr(5)}, {"limit", Attr(8)}});
  EXPECT_EQ(work.bytes_read, 12);
  work = WorkOfCall("reshape", {F32({6})}, {{"dims", Attr(Shape{2, 3})}});
  EXPECT_EQ(work.bytes_read + work.bytes_written + work.flops, 0);
}

}  // namespace
}  // namespace strata::graph
