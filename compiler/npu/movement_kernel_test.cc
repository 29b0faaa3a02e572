#include "compiler/npu/movement_kernel.h"

#include "base/status_matchers.h"
#include "compiler/npu/npu_kernel_runner.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::DType;
using graph::Attr;
using graph::Attributes;
using graph::Graph;
using graph::Shape;
using graph::ValueId;
using ::testing::HasSubstr;

struct Case {
  std::string op;
  std::vector<Shape> shapes;
  Attributes attributes;
};

Graph GraphOf(const Case& c, DType dtype) {
  graph::RegisterAllOps();
  graph::Builder b("move");
  std::vector<ValueId> inputs;
  for (const Shape& shape : c.shapes) {
    inputs.push_back(b.Input(absl::StrCat("x", inputs.size()), {dtype, shape}, graph::DATA));
  }
  b.Output(b.Apply(c.op, inputs, c.attributes), "y");
  absl::StatusOr<Graph> graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

Case Transpose(const Shape& shape, const std::vector<int64_t>& permutation) {
  return {"transpose", {shape}, {{"permutation", Attr(permutation)}}};
}
Case Slice(const Shape& shape, int64_t axis, int64_t start, int64_t limit) {
  return {"slice", {shape}, {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}}};
}
Case Pad(const Shape& shape, int64_t axis, int64_t before, int64_t after) {
  return {"pad", {shape}, {{"axis", Attr(axis)}, {"before", Attr(before)}, {"after", Attr(after)}}};
}

std::vector<Case> Cases() {
  return {
      Transpose({2, 9, 3, 8}, {0, 2, 1, 3}),  // heads
      Transpose({5, 7}, {1, 0}),
      Transpose({300, 70}, {1, 0}),
      Transpose({3, 40, 5}, {2, 0, 1}),
      Transpose({3, 4, 5, 6}, {3, 1, 2, 0}),
      Transpose({3, 4, 5, 6}, {0, 1, 3, 2}),
      Transpose({7, 1, 6}, {1, 2, 0}),
      Transpose({4, 5}, {0, 1}),
      Slice({6, 30}, 1, 3, 20),
      Slice({6, 30}, 0, 2, 5),
      Slice({6, 30}, -1, 29, 30),
      Slice({3, 4, 5}, 1, 1, 3),
      Pad({4, 6}, 0, 2, 1),
      Pad({4, 6}, 1, 0, 3),
      Pad({2, 3, 5}, 1, 4, 4),
      Pad({1, 1, 3000}, 1, 3, 0),
      {"reshape", {{6, 35}}, {{"dims", Attr(Shape{7, 30})}}},
      {"reshape", {{1}}, {{"dims", Attr(Shape{})}}},
      {"reshape", {{77777}}, {{"dims", Attr(Shape{7, 11111})}}},
      {"concat", {{2, 3}, {2, 5}, {2, 1}}, {{"axis", Attr(int64_t{1})}}},
      {"concat", {{2, 3}, {4, 3}}, {{"axis", Attr(int64_t{0})}}},
      {"concat", {{2, 3, 4}, {2, 0, 4}, {2, 2, 4}}, {{"axis", Attr(int64_t{1})}}},
      {"concat", {{5, 1}, {5, 1}}, {{"axis", Attr(int64_t{-1})}}},
  };
}

TEST(MovementKernel, MovesEveryElementToItsPlace) {
  for (const Case& c : Cases()) {
    for (const DType dtype : {chips::F32, chips::BF16, chips::I8}) {
      const Graph graph = GraphOf(c, dtype);
      if (c.shapes.size() == 3 && c.shapes[1].size() == 3) {  // an empty part
        EXPECT_THAT(EmitMovementKernel(graph, TestMachine("edge_16")),
                    StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("without elements")));
        continue;
      }
      const std::vector<graph::HostTensor> inputs = RandomInputs(graph, 3);
      STRATA_ASSERT_OK_AND_ASSIGN(const auto expected,
                                  graph::Interpreter().Evaluate(graph, inputs));
      for (const char* name : {"edge_16", "tiny", "tpu_v4_like"}) {
        if (name[0] == 't' && dtype != chips::BF16) continue;
        SCOPED_TRACE(absl::StrCat(name, " ", c.op, " of ", inputs[0].TypeString()));
        const chips::npu::Machine machine = TestMachine(name);
        STRATA_ASSERT_OK_AND_ASSIGN(const NpuKernel kernel, EmitMovementKernel(graph, machine));
        STRATA_ASSERT_OK_AND_ASSIGN(const NpuRun run, RunNpuKernel(graph, kernel, machine, inputs));
        EXPECT_EQ(BitDifference(run.outputs[0], expected[0]), "") << kernel.loop_nest;
      }
    }
  }
}

TEST(MovementKernel, SaysWhatItCannotDo) {
  EXPECT_THAT(
      EmitMovementKernel(GraphOf(Transpose({3, 5}, {1, 0}), chips::F16), TestMachine("edge_16")),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("has no f16 to turn around")));
  EXPECT_THAT(EmitMovementKernel(GraphOf(Transpose({2, 1 << 24, 2}, {1, 0, 2}), chips::F32),
                                 TestMachine("edge_16")),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("than a stride reaches")));
}

}  // namespace
}  // namespace strata::compiler
