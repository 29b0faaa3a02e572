// The CPU's routines of mixtures of experts against the ops' reference kernels: sizes with remainders, size 0 and 1, one
// thread and several.
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/kernels/cpu/apply_routine.h"
#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::HostTensor;
using ::testing::HasSubstr;

class Inputs {
 public:
  HostTensor Floats(std::vector<int64_t> dims) {
    HostTensor tensor = HostTensor::Allocate(chips::F32, std::move(dims));
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = uniform(random_);
    return tensor;
  }
  // Of [-1, below).
  HostTensor Numbers(std::vector<int64_t> dims, int64_t below) {
    HostTensor tensor = HostTensor::Allocate(chips::I32, std::move(dims));
    std::uniform_int_distribution<int32_t> uniform(-1, static_cast<int32_t>(below) - 1);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<int32_t>()[i] = uniform(random_);
    return tensor;
  }
  // [G, E + 1], going up from perhaps more than 0 to perhaps less than R.
  HostTensor Offsets(int64_t G, int64_t E, int64_t R) {
    HostTensor tensor = Numbers({G, E + 1}, R + 1);
    for (int64_t g = 0; g < G; ++g) {
      int32_t* row = tensor.data<int32_t>() + g * (E + 1);
      for (int64_t e = 0; e <= E; ++e) row[e] = std::max(row[e], 0);
      std::sort(row, row + E + 1);
    }
    return tensor;
  }

 private:
  std::mt19937 random_{17};
};

// `terms`: how many products of numbers below 1 a result adds up; 0: the same bits.
void ExpectSame(const std::string& op, const graph::Attributes& attributes, const Tensors& inputs,
                int64_t terms) {
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, graph::EvaluateNode(node, inputs));
  const double tolerance = static_cast<double>(terms) * std::numeric_limits<float>::epsilon() *
                           static_cast<double>(terms);
  for (int threads : {1, 2, 5}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, Apply(op, attributes, inputs, threads));
    ASSERT_EQ(got.size(), want.size());
    for (size_t o = 0; o < want.size(); ++o) {
      const std::vector<double> a = got[o].ToDoubles(), b = want[o].ToDoubles();
      for (size_t i = 0; i < b.size(); ++i) {
        ASSERT_LE(std::fabs(a[i] - b[i]), tolerance)
            << op << " output " << o << " element " << i << ", " << threads << " threads";
      }
    }
  }
}

graph::Attributes Slots(int64_t experts, int64_t capacity) {
  return {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}};
}

TEST(MoeRoutinesTest, PlacesAreThoseOfTheReference) {
  Inputs in;
  for (int64_t G : {1, 3}) {
    for (int64_t N : {0, 1, 40}) {
      for (int64_t E : {1, 7}) {
        const HostTensor ids = in.Numbers({G, N, 3}, E);
        for (int64_t capacity : {1, 5, 120}) ExpectSame("moe_slots", Slots(E, capacity), {ids}, 0);
        ExpectSame("moe_sort", {{"experts", Attr(E)}}, {ids}, 0);
      }
    }
  }
}

TEST(MoeRoutinesTest, RowsGoThereAndBack) {
  Inputs in;
  for (int64_t G : {1, 3}) {
    for (int64_t N : {0, 1, 37}) {
      for (int64_t C : {1, 16, 33}) {
        for (int64_t capacity : {0, 1, 6}) {
          constexpr int64_t E = 4, k = 2;
          const HostTensor x = in.Floats({G, N, C}), y = in.Floats({G, E, capacity, C});
          const HostTensor slot = in.Numbers({G, N, k}, E * capacity);
          const HostTensor weights = in.Floats({G, N, k});
          ExpectSame("moe_dispatch", Slots(E, capacity), {x, slot}, N * k);
          ExpectSame("moe_dispatch", Slots(E, capacity), {x, slot, weights}, N * k);
          ExpectSame("moe_combine", {}, {y, slot}, k + 1);
          ExpectSame("moe_combine", {}, {y, slot, weights}, k + 1);
          ExpectSame("moe_weight_gradient", {}, {y, slot, x}, C + 1);
        }
      }
    }
  }
}

// Large enough for several threads to own rows: the reference adds in double.
TEST(MoeRoutinesTest, ManyRowsOnManyThreads) {
  Inputs in;
  const HostTensor x = in.Floats({2, 300, 130}), slot = in.Numbers({2, 300, 2}, 8 * 70);
  const HostTensor weights = in.Floats({2, 300, 2});
  ExpectSame("moe_dispatch", Slots(8, 70), {x, slot, weights}, 8);
  ExpectSame("moe_combine", {}, {in.Floats({2, 8, 70, 130}), slot, weights}, 3);
}

TEST(MoeRoutinesTest, GroupedProducts) {
  Inputs in;
  for (int64_t G : {1, 2}) {
    for (int64_t R : {0, 1, 70}) {
      for (int64_t E : {1, 6}) {
        for (int64_t F : {1, 35}) {
          constexpr int64_t K = 19;
          const HostTensor x = in.Floats({G, R, K}), offsets = in.Offsets(G, E, R);
          ExpectSame("grouped_matmul", {}, {x, offsets, in.Floats({E, K, F})}, K);
          ExpectSame("grouped_matmul", {{"transpose_b", Attr(true)}},
                     {x, offsets, in.Floats({E, F, K})}, K);
          ExpectSame("grouped_contract", {}, {x, in.Floats({G, R, F}), offsets}, G * R + 1);
        }
      }
    }
  }
}

TEST(MoeRoutinesTest, GroupedProductsOfSeveralBlocks) {
  Inputs in;
  const HostTensor x = in.Floats({1, 700, 270});
  const HostTensor offsets = I32s({1, 4}, {3, 603, 603, 690});
  ExpectSame("grouped_matmul", {}, {x, offsets, in.Floats({3, 270, 5})}, 270);
  ExpectSame("grouped_contract", {}, {x, in.Floats({1, 700, 9}), offsets}, 600);
}

TEST(MoeRoutinesTest, WhatIsOutsideIsAnError) {
  Inputs in;
  const HostTensor slot = I32s({1, 1, 2}, {3, 4});
  const auto outside = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(what));
  };
  EXPECT_THAT(Apply("moe_slots", Slots(4, 1), {slot}), outside("ids: element 1 is 4"));
  EXPECT_THAT(Apply("moe_sort", {{"experts", Attr(4)}}, {slot}), outside("ids: element 1 is 4"));
  const HostTensor y = in.Floats({1, 2, 2, 3}), x = in.Floats({1, 1, 3});
  EXPECT_THAT(Apply("moe_dispatch", Slots(2, 2), {x, slot}), outside("slot: element 1 is 4"));
  EXPECT_THAT(Apply("moe_combine", {}, {y, slot}), outside("slot: element 1 is 4"));
  EXPECT_THAT(Apply("moe_weight_gradient", {}, {y, slot, x}), outside("slot: element 1 is 4"));
  const HostTensor rows = in.Floats({1, 5, 3}), offsets = I32s({1, 3}, {0, 3, 2});
  EXPECT_THAT(Apply("grouped_matmul", {}, {rows, offsets, in.Floats({2, 3, 3})}),
              outside("offsets: expert 1 of group 0 has the rows [3, 2) of 5"));
  EXPECT_THAT(Apply("grouped_contract", {}, {rows, rows, offsets}), outside("offsets: expert 1"));
}

}  // namespace
}  // namespace strata::compiler
