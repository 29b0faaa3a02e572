// Ops of mixtures of experts: known results, the order in which choices are dropped, what is refused, exact work.
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

HostTensor I32s(const std::vector<int64_t>& dims, const std::vector<int32_t>& values) {
  return HostTensor::FromVector<int32_t>(dims, values);
}
HostTensor F64s(const std::vector<int64_t>& dims, const std::vector<double>& values) {
  return HostTensor::FromVector<double>(dims, values);
}

Attributes Slots(int64_t experts, int64_t capacity) {
  return {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}};
}

absl::StatusOr<std::vector<HostTensor>> Evaluate(const std::string& op,
                                                 const std::vector<HostTensor>& inputs,
                                                 const Attributes& attributes = {}) {
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  return EvaluateNode(node, inputs);
}

// The only output, or of two the one asked for.
std::vector<double> Values(const std::string& op, const std::vector<HostTensor>& inputs,
                           const Attributes& attributes = {}, size_t output = 0) {
  const auto outputs = Evaluate(op, inputs, attributes);
  EXPECT_THAT(outputs, IsOk());
  return outputs.ok() ? (*outputs)[output].ToDoubles() : std::vector<double>();
}

absl::StatusOr<OpCall> Infer(Node* node, const std::string& op,
                             const std::vector<TensorType>& inputs, const Attributes& attributes) {
  RegisterAllOps();
  node->set_op(op);
  SetAttributes(attributes, node);
  OpCall call{node, inputs, {}};
  STRATA_ASSIGN_OR_RETURN(call.outputs, InferTypes(*OpRegistry::Get().Find(op), call));
  return call;
}

TEST(MoeSlotsTest, FirstChoicesComeFirstAndThenTokensInOrder) {
  // Token 0 chooses experts 1, 0; token 1: 0, 1; token 2: 1, nothing; token 3: 1, 0.
  const HostTensor ids = I32s({1, 4, 2}, {1, 0, 0, 1, 1, -1, 1, 0});
  // Expert 1 is full after tokens 0 and 2; expert 0 has room for one second choice, that of token 0.
  EXPECT_THAT(Values("moe_slots", {ids}, Slots(2, 2)), ElementsAre(2, 1, 0, -1, 3, -1, -1, -1));
  EXPECT_THAT(Values("moe_slots", {ids}, Slots(2, 2), 1), ElementsAre(3, 4));
  EXPECT_THAT(Values("moe_slots", {ids}, Slots(2, 4)), ElementsAre(4, 1, 0, 7, 5, -1, 6, 2));
}

TEST(MoeSlotsTest, GroupsRouteByThemselves) {
  const HostTensor ids = I32s({2, 2, 1}, {0, 0, 0, 1});
  EXPECT_THAT(Values("moe_slots", {ids}, Slots(2, 1)), ElementsAre(0, -1, 0, 1));
  EXPECT_THAT(Values("moe_slots", {ids}, Slots(2, 1), 1), ElementsAre(2, 0, 1, 1));
}

TEST(MoeSortTest, RowsByExpertThenByToken) {
  const HostTensor ids = I32s({1, 4, 2}, {1, 0, 0, 1, 1, -1, 1, 0});
  EXPECT_THAT(Values("moe_sort", {ids}, {{"experts", Attr(3)}}),
              ElementsAre(3, 0, 1, 4, 5, -1, 6, 2));
  EXPECT_THAT(Values("moe_sort", {ids}, {{"experts", Attr(3)}}, 1), ElementsAre(0, 3, 7, 7));
}

TEST(MoeDispatchTest, TokensGoToTheirSlotsAndComeBackWeighted) {
  const HostTensor x = F64s({1, 2, 2}, {1, 2, 3, 4}), slot = I32s({1, 2, 2}, {2, 0, -1, 2});
  const HostTensor weights = F64s({1, 2, 2}, {0.5, 2, 7, 3});
  EXPECT_THAT(Values("moe_dispatch", {x, slot}, Slots(2, 2)),
              ElementsAre(1, 2, 0, 0, 4, 6, 0, 0));  // slot 2 is both tokens'
  EXPECT_THAT(Values("moe_dispatch", {x, slot, weights}, Slots(2, 2)),
              ElementsAre(2, 4, 0, 0, 9.5, 13, 0, 0));
  const HostTensor y = F64s({1, 2, 2, 1}, {10, 20, 30, 40});
  EXPECT_THAT(Values("moe_combine", {y, slot}), ElementsAre(40, 30));
  EXPECT_THAT(Values("moe_combine", {y, slot, weights}), ElementsAre(35, 90));
  const HostTensor d = F64s({1, 2, 1}, {2, 3});
  EXPECT_THAT(Values("moe_weight_gradient", {y, slot, d}), ElementsAre(60, 20, 0, 90));
}

// <dispatch(x), y> = <x, combine(y)>.
TEST(MoeDispatchTest, CombineIsItsAdjoint) {
  constexpr int64_t G = 2, N = 7, k = 3, E = 3, kCapacity = 4, C = 5;
  std::vector<double> x, y, w;
  std::vector<int32_t> slot;
  for (int i = 0; i < G * N * C; ++i) x.push_back((i * 37 % 23) - 11);
  for (int i = 0; i < G * E * kCapacity * C; ++i) y.push_back((i * 29 % 19) - 9);
  for (int i = 0; i < G * N * k; ++i) w.push_back((i * 13 % 7) - 3);
  for (int i = 0; i < G * N * k; ++i) slot.push_back(i * 31 % (E * kCapacity + 1) - 1);
  const HostTensor places = I32s({G, N, k}, slot), weights = F64s({G, N, k}, w);
  const std::vector<double> there =
      Values("moe_dispatch", {F64s({G, N, C}, x), places, weights}, Slots(E, kCapacity));
  const std::vector<double> back =
      Values("moe_combine", {F64s({G, E, kCapacity, C}, y), places, weights});
  double left = 0, right = 0;
  for (size_t i = 0; i < y.size(); ++i) left += there[i] * y[i];
  for (size_t i = 0; i < x.size(); ++i) right += back[i] * x[i];
  EXPECT_EQ(left, right);  // whole numbers
}

TEST(GroupedMatmulTest, EachRunOfRowsHasItsMatrix) {
  const HostTensor x = F64s({1, 4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const HostTensor w = F64s({3, 2, 1}, {1, 1, 100, 100, 1, -1});
  const HostTensor offsets = I32s({1, 4}, {0, 2, 2, 3});
  EXPECT_THAT(Values("grouped_matmul", {x, offsets, w}), ElementsAre(3, 7, -1, 0));
  EXPECT_THAT(Values("grouped_matmul", {x, offsets, F64s({3, 1, 2}, {1, 1, 100, 100, 1, -1})},
                     {{"transpose_b", Attr(true)}}),
              ElementsAre(3, 7, -1, 0));
  EXPECT_THAT(Values("grouped_contract", {x, F64s({1, 4, 1}, {1, 10, 2, 9}), offsets}),
              ElementsAre(31, 42, 0, 0, 10, 12));
}

// With one expert it is a matmul; with each row its own, a row by row product.
TEST(GroupedMatmulTest, TheEdgesAreOrdinaryProducts) {
  std::vector<double> x, w;
  for (int i = 0; i < 15; ++i) x.push_back(i * 7 % 11);
  for (int i = 0; i < 12; ++i) w.push_back(i * 5 % 13);
  const std::vector<double> all = Values("matmul", {F64s({5, 3}, x), F64s({3, 4}, w)});
  EXPECT_THAT(
      Values("grouped_matmul", {F64s({1, 5, 3}, x), I32s({1, 2}, {0, 5}), F64s({1, 3, 4}, w)}),
      ElementsAreArray(all));
}

TEST(MoeOpsTest, WhatIsOutsideIsAnErrorWithItsPlace) {
  const auto outside = [](const std::string& message) {
    return StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(message));
  };
  EXPECT_THAT(Evaluate("moe_slots", {I32s({1, 2, 1}, {0, 2})}, Slots(2, 1)),
              outside("ids: element 1 is 2; there are experts [0, 2)"));
  EXPECT_THAT(Evaluate("moe_sort", {I32s({1, 2, 1}, {0, 2})}, {{"experts", Attr(2)}}),
              outside("ids: element 1 is 2"));
  const HostTensor slot = I32s({1, 1, 2}, {3, 4});
  EXPECT_THAT(Evaluate("moe_dispatch", {F64s({1, 1, 1}, {1}), slot}, Slots(2, 2)),
              outside("slot: element 1 is 4; there are slots [0, 4)"));
  EXPECT_THAT(Evaluate("moe_combine", {F64s({1, 2, 2, 1}, {1, 2, 3, 4}), slot}),
              outside("slot: element 1 is 4"));
  const HostTensor x = F64s({1, 2, 1}, {1, 2}), w = F64s({2, 1, 1}, {1, 1});
  for (const std::vector<int32_t>& bad :
       std::vector<std::vector<int32_t>>{{0, 1, 3}, {0, 2, 1}, {-1, 0, 1}}) {
    EXPECT_THAT(Evaluate("grouped_matmul", {x, I32s({1, 3}, bad), w}),
                outside("they must go up within these"));
    EXPECT_THAT(Evaluate("grouped_contract", {x, x, I32s({1, 3}, bad)}),
                outside("they must go up within these"));
  }
}

TensorType F32(Shape shape) { return {chips::F32, std::move(shape)}; }
TensorType I32(Shape shape) { return {chips::I32, std::move(shape)}; }

TEST(MoeOpsTest, ResultTypes) {
  Node node;
  const auto types = [&](const std::string& op, const std::vector<TensorType>& inputs,
                         const Attributes& attributes = {}) {
    Node fresh;
    std::string text;
    const auto call = Infer(&fresh, op, inputs, attributes);
    EXPECT_THAT(call, IsOk());
    if (!call.ok()) return text;
    for (const TensorType& type : call->outputs) text += type.ToString();
    return text;
  };
  EXPECT_EQ(types("moe_slots", {I32({"G", "N", 2})}, Slots(4, 3)), "i32[G, N, 2]i32[G, 4]");
  EXPECT_EQ(types("moe_sort", {I32({"G", "N", 2})}, {{"experts", Attr(4)}}),
            "i32[G, N, 2]i32[G, 5]");
  EXPECT_EQ(types("moe_dispatch", {F32({"G", "N", "C"}), I32({"G", "N", 2})}, Slots(4, 3)),
            "f32[G, 4, 3, C]");
  EXPECT_EQ(types("moe_combine", {F32({"G", 4, 3, "C"}), I32({"G", "N", 2})}), "f32[G, N, C]");
  const TensorType half{chips::BF16, {2, 4, 3, 8}};
  EXPECT_EQ(types("moe_weight_gradient", {half, I32({2, 5, 2}), {chips::BF16, {2, 5, 8}}}),
            "f32[2, 5, 2]");
  EXPECT_EQ(types("grouped_matmul", {F32({"G", "R", "K"}), I32({"G", 5}), F32({4, "K", "F"})}),
            "f32[G, R, F]");
  EXPECT_EQ(types("grouped_contract", {F32({"G", "R", "K"}), F32({"G", "R", "F"}), I32({"G", 5})}),
            "f32[4, K, F]");
}

TEST(MoeOpsTest, WrongOperandsAreNamed) {
  struct Bad {
    const char* op;
    std::vector<TensorType> inputs;
    Attributes attributes;
    const char* message;
  };
  const TensorType x = F32({2, 5, 8}), slot = I32({2, 5, 2}), y = F32({2, 4, 3, 8});
  const Bad cases[] = {
      {"moe_slots", {F32({2, 5, 2})}, Slots(4, 3), "ids: is f32[2, 5, 2]; must be of dtype i32"},
      {"moe_slots", {I32({5, 2})}, Slots(4, 3), "ids: is i32[5, 2]; must be [G, N, k]"},
      {"moe_slots", {slot}, Slots(0, 3), "experts: is 0"},
      {"moe_slots", {slot}, Slots(4, 0), "capacity: is 0"},
      {"moe_slots", {slot}, Slots(65536, 65536), "more than an i32 numbers"},
      {"moe_dispatch",
       {x, I32({3, 5, 2})},
       Slots(4, 3),
       "slot: is i32[3, 5, 2]; must have the groups"},
      {"moe_dispatch",
       {x, I32({2, 6, 2})},
       Slots(4, 3),
       "x: is f32[2, 5, 8]; must be of shape [2, 6, 8]"},
      {"moe_dispatch", {x, slot, F32({2, 5})}, Slots(4, 3), "weights: is f32[2, 5]"},
      {"moe_dispatch", {x, slot}, Slots(0, 3), "experts: is 0, capacity: is 3"},
      {"moe_combine", {x, slot}, {}, "y: is f32[2, 5, 8]; must be [G, E, capacity, C]"},
      {"moe_combine",
       {{chips::BF16, {2, 4, 3, 8}}, slot, {chips::BF16, {2, 5, 2}}},
       {},
       "weights: is bf16[2, 5, 2]; must be of dtype f32"},
      {"moe_weight_gradient", {y, slot, F32({2, 5, 7})}, {}, "d: is f32[2, 5, 7]"},
      {"grouped_matmul",
       {x, I32({2, 4}), F32({3, 7, 9})},
       {},
       "w: is f32[3, 7, 9]; must be of shape [3, 8, 9]"},
      {"grouped_matmul",
       {x, I32({2, 3}), F32({3, 8, 9})},
       {},
       "offsets: is i32[2, 3]; must be of shape [2, 4]"},
      {"grouped_matmul",
       {x, I32({2, 4}), F32({"E", 8, 9})},
       {},
       "the number of experts must be known"},
      {"grouped_contract",
       {x, F32({2, 6, 3}), I32({2, 4})},
       {},
       "b: is f32[2, 6, 3]; must be of shape [2, 5, 3]"},
      {"grouped_contract", {x, x, I32({1, 4})}, {}, "offsets: is i32[1, 4]; must be [G, E + 1]"},
  };
  for (const Bad& bad : cases) {
    Node node;
    EXPECT_THAT(Infer(&node, bad.op, bad.inputs, bad.attributes),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad.message)))
        << bad.op;
  }
}

TEST(MoeOpsTest, Work) {
  const auto work = [](const std::string& op, const std::vector<TensorType>& inputs,
                       const Attributes& attributes = {}) {
    Node node;
    const auto call = Infer(&node, op, inputs, attributes);
    EXPECT_THAT(call, IsOk());
    return call.ok() ? WorkOf(*OpRegistry::Get().Find(op), *call) : Work();
  };
  const TensorType x = F32({2, 5, 8}), slot = I32({2, 5, 2}), weights = F32({2, 5, 2});
  EXPECT_EQ(work("moe_slots", {slot}, Slots(4, 3)).flops, 20);
  const Work there = work("moe_dispatch", {x, slot}, Slots(4, 3));
  EXPECT_EQ(there.flops, 20 * 8);
  EXPECT_EQ(there.bytes_read, 80 * 4 + 20 * 4);
  EXPECT_EQ(there.bytes_written, 2 * 4 * 3 * 8 * 4);
  const Work back = work("moe_combine", {F32({2, 4, 30, 8}), slot, weights});
  EXPECT_EQ(back.flops, 2 * 20 * 8);
  EXPECT_EQ(back.bytes_read, 20 * 8 * 4 + 2 * 20 * 4);  // of 240 rows, the 20 that are named
  EXPECT_EQ(back.bytes_written, 80 * 4);
  const Work product = work("grouped_matmul", {F32({1, 3, 8}), I32({1, 7}), F32({6, 8, 5})});
  EXPECT_EQ(product.flops, 2 * 3 * 8 * 5);
  EXPECT_EQ(product.bytes_read, 3 * 8 * 4 + 7 * 4 + 3 * 8 * 5 * 4);  // three of six matrices
  EXPECT_EQ(product.bytes_written, 3 * 5 * 4);
  EXPECT_EQ(work("grouped_contract", {x, F32({2, 5, 3}), I32({2, 5})}).flops, 2 * 10 * 8 * 3);
}

}  // namespace
}  // namespace strata::graph
