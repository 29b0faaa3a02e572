#include "framework/tensor/tensor.h"

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/tensor/evaluate.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::HostTensor;
using graph::TensorType;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::Pointwise;

class TensorTest : public ::testing::Test {
 protected:
  // The values of `tensor`, with x = {{1, 2, 3}, {4, 5, 6}}.
  std::vector<double> Values(const Tensor& tensor) {
    const HostTensor x = HostTensor::FromVector<float>({2, 3}, {1, 2, 3, 4, 5, 6});
    absl::StatusOr<HostTensor> result = Evaluate(tensor, interpreter_, {{"x", x}});
    EXPECT_THAT(result, IsOk());
    return result.ok() ? result->ToDoubles() : std::vector<double>();
  }

  Builder b_{"test"};
  graph::Interpreter interpreter_;
  Tensor x_ = Input(b_, "x", {chips::F32, {2, 3}}, graph::DATA);
};

TEST_F(TensorTest, ArithmeticWithTensorsAndScalars) {
  EXPECT_THAT(Values(x_ + x_), ElementsAre(2, 4, 6, 8, 10, 12));
  EXPECT_THAT(Values(x_ - 1), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Values(1 - x_), ElementsAre(0, -1, -2, -3, -4, -5));
  EXPECT_THAT(Values(2 * x_ * x_), ElementsAre(2, 8, 18, 32, 50, 72));
  EXPECT_THAT(Values(x_ / 2), ElementsAre(0.5, 1, 1.5, 2, 2.5, 3));
  EXPECT_THAT(Values(60 / x_), ElementsAre(60, 30, 20, 15, 12, 10));
  EXPECT_THAT(Values(3 + -x_), ElementsAre(2, 1, 0, -1, -2, -3));
  EXPECT_THAT(Values(Max(x_, 7 - x_)), ElementsAre(6, 5, 4, 4, 5, 6));
  EXPECT_THAT(Values(Select(Less(x_, 7 - x_), x_, x_ * 0)), ElementsAre(1, 2, 3, 0, 0, 0));
}

TEST_F(TensorTest, Reductions) {
  EXPECT_THAT(Values(Sum(x_)), ElementsAre(21));
  EXPECT_THAT(Values(Sum(x_, {0})), ElementsAre(5, 7, 9));
  EXPECT_THAT(Values(Mean(x_, {-1})), ElementsAre(2, 5));
  EXPECT_EQ(Mean(x_, {-1}, /*keep_dims=*/true).shape(), (graph::Shape{2, 1}));
  EXPECT_THAT(Values(ReduceMax(x_, {1})), ElementsAre(3, 6));
}

TEST_F(TensorTest, Shapes) {
  EXPECT_THAT(Values(Transpose(x_, {1, 0})), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(Values(Slice(x_, 1, 1, 3)), ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(Values(Concat({x_, x_}, 0)), ElementsAre(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(Reshape(x_, {3, 2}).shape(), (graph::Shape{3, 2}));
  EXPECT_THAT(Values(Pad(Slice(x_, 0, 0, 1), 1, 1, 0)), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(x_.dim(-1), graph::Size(3));
}

TEST_F(TensorTest, MatMulAndSoftmax) {
  EXPECT_THAT(Values(MatMul(x_, x_, false, true)), ElementsAre(14, 32, 32, 77));
  EXPECT_THAT(Values(MatMul(x_, x_, true, false)), ElementsAre(17, 22, 27, 22, 29, 36, 27, 36, 45));
  EXPECT_THAT(Values(Sum(Softmax(x_), {-1})), Pointwise(FloatEq(), {1.0, 1.0}));
}

TEST_F(TensorTest, OnlyWhatIsNeededMustBeBound) {
  Tensor other = Input(b_, "other", {chips::F32, {"N"}}, graph::DATA);
  Tensor sum = x_ + Sum(other);
  EXPECT_THAT(Values(x_ * 1), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(Evaluate(sum, interpreter_), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'x'")));
}

TEST_F(TensorTest, ConstantsNeedNoInputs) {
  STRATA_ASSERT_OK_AND_ASSIGN(HostTensor value,
                              Evaluate(Exp(Constant(b_, 0, chips::F64, {2})), interpreter_));
  EXPECT_EQ(value.TypeString(), "f64[2]");
  EXPECT_THAT(value.ToDoubles(), ElementsAre(1, 1));
}

TEST_F(TensorTest, ErrorsStickAndNameTheModelLine) {
  Builder::Scope scope(b_, "layer");
  Tensor broken = MatMul(x_, x_);
  EXPECT_FALSE(broken.valid());
  Tensor after = Relu(broken + 1);
  EXPECT_FALSE(after.valid());
  EXPECT_EQ(after.type().rank(), 0);
  EXPECT_THAT(Evaluate(after, interpreter_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("matmul")));
  EXPECT_THAT(b_.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("layer (framework/tensor/tensor_test.cc")));
}

TEST_F(TensorTest, TensorsOfTwoBuildersDoNotMix) {
  Builder other("other");
  Tensor y = Input(other, "y", {chips::F32, {2, 3}}, graph::DATA);
  EXPECT_FALSE((x_ + y).valid());
  EXPECT_THAT(b_.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another builder")));
}

TEST(EmptyTensorTest, UseFailsWithoutHarm) {
  Tensor empty;
  EXPECT_FALSE((empty + empty * 2).valid());
  graph::Interpreter interpreter;
  EXPECT_THAT(Evaluate(empty, interpreter),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
}

TEST_F(TensorTest, AxisOutOfRangeIsAnError) {
  x_.dim(2);
  EXPECT_THAT(b_.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axis 2")));
  Builder b("reduce");
  Sum(Input(b, "x", {chips::F32, {2, 3}}, graph::DATA), {-5});
  EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axis -5")));
}

}  // namespace
}  // namespace strata::framework
