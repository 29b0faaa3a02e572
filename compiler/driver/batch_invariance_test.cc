// The ground of a server's promise: what the compiler makes of the row-wise parts of a decoder gives a row the same bits
// whatever other rows there are and however many. Each graph is compiled for several numbers of rows and run on rows cut
// out of one batch; every row is compared with itself in the whole batch.
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/builder.h"
#include "framework/graph/types.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

constexpr int64_t kWhole = 512;

// A graph under construction for R rows, and where its inputs come from.
class Rows {
 public:
  Rows(int64_t rows) : rows_(rows), builder_("rows") {}

  int64_t rows() const { return rows_; }
  Builder& b() { return builder_; }

  // A number a row and place of `inner`; the same seeds give the same rows.
  ValueId Row(Shape inner) {
    inner.insert(inner.begin(), rows_);
    return Input(std::move(inner), true, chips::F32, 0);
  }
  ValueId Ids(int64_t below) { return Input({rows_}, true, chips::I32, below); }
  ValueId Weight(Shape shape) { return Input(std::move(shape), false, chips::F32, 0); }

  ValueId Apply(const std::string& op, const std::vector<ValueId>& in,
                const Attributes& attributes = {}) {
    return builder_.Apply(op, in, attributes);
  }
  ValueId Add(ValueId a, ValueId b) { return Apply("add", {a, b}); }
  ValueId Mul(ValueId a, ValueId b) { return Apply("mul", {a, b}); }
  ValueId Number(double x) { return builder_.Constant(x, chips::F32); }
  ValueId Reshape(ValueId x, Shape inner) {
    inner.insert(inner.begin(), rows_);
    return Apply("reshape", {x}, {{"dims", Attr(inner)}});
  }
  ValueId Slice(ValueId x, int64_t axis, int64_t start, int64_t limit) {
    return Apply("slice", {x},
                 {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
  }
  ValueId Reduce(const std::string& op, ValueId x, int64_t axis, bool keep) {
    return Apply(op, {x}, {{"axes", Attr(std::vector<int64_t>{axis})}, {"keep_dims", Attr(keep)}});
  }
  ValueId RmsNorm(ValueId x, ValueId gamma) {
    return Apply("rms_norm", {x, gamma}, {{"epsilon", Attr(1e-5)}});
  }
  void Output(ValueId x) { builder_.Output(x, absl::StrCat("y", outputs_++)); }

  // Inputs of rows [first, first + rows) of the whole batch.
  std::vector<HostTensor> Inputs(int64_t first) const {
    std::vector<HostTensor> tensors;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Source& source = inputs_[i];
      std::vector<int64_t> dims = source.dims;
      if (source.by_row) dims[0] = rows_;
      HostTensor tensor = HostTensor::Allocate(source.dtype, dims);
      const int64_t width = dims.empty() || dims[0] == 0 ? 0 : tensor.elements() / dims[0];
      for (int64_t r = 0; r < dims[0]; ++r) {
        const int64_t row = source.by_row ? first + r : r;
        std::mt19937 random(static_cast<uint32_t>(1 + i * 100003 + static_cast<size_t>(row)));
        for (int64_t e = r * width; e < (r + 1) * width; ++e) {
          if (source.dtype == chips::I32) {
            tensor.data<int32_t>()[e] =
                static_cast<int32_t>(random() % static_cast<uint32_t>(source.below));
          } else {
            tensor.data<float>()[e] = std::uniform_real_distribution<float>(-2, 2)(random);
          }
        }
      }
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

 private:
  struct Source {
    std::vector<int64_t> dims;
    bool by_row;
    chips::DType dtype;
    int64_t below;
  };
  ValueId Input(Shape shape, bool by_row, chips::DType dtype, int64_t below) {
    std::vector<int64_t> dims;
    for (const graph::Size& size : shape) dims.push_back(size.size());
    inputs_.push_back({dims, by_row, dtype, below});
    return builder_.Input(absl::StrCat("x", inputs_.size()), {dtype, std::move(shape)},
                          by_row ? graph::DATA : graph::PARAMETER);
  }

  int64_t rows_;
  Builder builder_;
  std::vector<Source> inputs_;
  int outputs_ = 0;
};

using Build = std::function<void(Rows&)>;

absl::StatusOr<std::vector<HostTensor>> CompileAndRun(const Build& build, int64_t rows,
                                                      int64_t first) {
  Rows r(rows);
  build(r);
  const std::vector<HostTensor> inputs = r.Inputs(first);
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, std::move(r.b()).Build());
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan,
                          compiler->Compile(graph, chips::Chip(), CompileOptions()));
  RegisterAllDevices();
  DeviceOptions options;
  options.threads = 2;
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("cpu", options));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  return executable->Run(inputs, {});
}

// The graphs are compiled as one, so that a number of rows costs one run of the compiler.
void ExpectSameRows(const std::vector<std::pair<std::string, Build>>& graphs,
                    const std::vector<int64_t>& sizes) {
  std::vector<std::string> names;
  const Build all = [&](Rows& r) {
    names.clear();
    for (const auto& [name, build] : graphs) {
      const int before = static_cast<int>(r.b().graph().outputs_size());
      build(r);
      for (int i = before; i < r.b().graph().outputs_size(); ++i)
        names.push_back(absl::StrCat(name, ":", i - before));
    }
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto whole, CompileAndRun(all, kWhole, 0));
  for (int64_t rows : sizes) {
    const int64_t first = 5 * rows % (kWhole - rows + 1);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto part, CompileAndRun(all, rows, first));
    ASSERT_EQ(part.size(), whole.size());
    for (size_t o = 0; o < whole.size(); ++o) {
      const size_t bytes = whole[o].size_bytes() / kWhole;
      int64_t differ = 0;
      for (int64_t r = 0; r < rows; ++r) {
        differ +=
            std::memcmp(part[o].data<char>() + static_cast<size_t>(r) * bytes,
                        whole[o].data<char>() + static_cast<size_t>(first + r) * bytes, bytes) != 0;
      }
      EXPECT_EQ(differ, 0) << names[o] << ": rows of a batch of " << rows
                           << " that differ from those of " << kWhole;
    }
  }
}

const std::vector<int64_t> kSizes = {1, 2, 3, 4, 8, 12, 16, 64};

// ---- parts of decoders

void Norms(Rows& r, int64_t C) {
  const ValueId x = r.Row({C}), y = r.Row({C}), gamma = r.Weight({C}), beta = r.Weight({C});
  r.Output(r.RmsNorm(x, gamma));
  r.Output(r.Apply("layer_norm", {y, gamma, beta}, {{"epsilon", Attr(1e-5)}}));
  const ValueId residual = r.Add(x, y);  // is a result, too
  r.Output(residual);
  r.Output(r.RmsNorm(residual, gamma));
  // Gemma: gains are offsets from 1, and a norm follows the block before its residual.
  const ValueId gain = r.Add(gamma, r.Number(1));
  r.Output(r.Add(x, r.RmsNorm(y, gain)));
  // Cohere: mean and spread by hand.
  const ValueId centred = r.Apply("sub", {x, r.Reduce("reduce_mean", x, 1, true)});
  const ValueId spread = r.Reduce("reduce_mean", r.Apply("square", {centred}), 1, true);
  r.Output(r.Mul(r.Mul(centred, r.Apply("rsqrt", {r.Add(spread, r.Number(1e-5))})), gamma));
}

void Gates(Rows& r, int64_t F) {
  const ValueId both = r.Row({2 * F});
  const ValueId gate = r.Slice(both, 1, 0, F), up = r.Slice(both, 1, F, 2 * F);
  r.Output(r.Mul(r.Apply("silu", {gate}), up));
  r.Output(r.Mul(r.Apply("gelu", {gate}, {{"approximate", Attr(true)}}), up));
  r.Output(r.Apply("gelu", {r.Add(up, r.Weight({F}))}, {{"approximate", Attr(false)}}));
  r.Output(r.Apply("square", {r.Apply("relu", {gate})}));
}

void Heads(Rows& r, int64_t H, int64_t D) {
  const ValueId qkv = r.Row({H * D + 2 * D});
  const ValueId q = r.Reshape(r.Slice(qkv, 1, 0, H * D), {H, D});
  const ValueId k = r.Reshape(r.Slice(qkv, 1, H * D, H * D + D), {1, D});
  const ValueId positions = r.Apply("reshape", {r.Ids(4000)}, {{"dims", Attr(Shape{1, r.rows()})}});
  for (const ValueId x : {q, k}) {
    const ValueId normed = r.RmsNorm(x, r.Weight({D}));
    const Shape four = {1, r.rows(), x == q ? H : 1, D};
    r.Output(
        r.Reshape(r.Apply("rope", {r.Apply("reshape", {normed}, {{"dims", Attr(four)}}), positions},
                          {{"theta", Attr(1e4)}}),
                  {x == q ? H : 1, D}));
  }
  // Parts of a head that turn and parts that do not, joined.
  const ValueId a = r.Slice(q, 2, 0, D / 2), b = r.Slice(q, 2, D / 2, D);
  r.Output(r.Apply("concat", {r.Mul(b, r.Number(0.3)), a}, {{"axis", Attr(2)}}));
  r.Output(r.Add(qkv, r.Weight({H * D + 2 * D})));
}

void Logits(Rows& r, int64_t V) {
  const ValueId x = r.Row({V});
  r.Output(r.Mul(r.Apply("tanh", {r.Apply("div", {x, r.Number(30)})}), r.Number(30)));
  r.Output(r.Apply("softmax", {x}));
  r.Output(r.Add(r.Mul(x, r.Number(0.07)), r.Weight({V})));
}

void Embeddings(Rows& r, int64_t C) {
  const ValueId ids = r.Ids(33);
  const ValueId x = r.Apply("embedding", {r.Weight({33, C}), ids});
  r.Output(r.Mul(x, r.Number(13.856406)));
  r.Output(r.RmsNorm(r.Add(x, r.Apply("embedding", {r.Weight({33, C}), ids})), r.Weight({C})));
}

void Experts(Rows& r, int64_t E, int64_t C) {
  constexpr int64_t kChosen = 2;
  const ValueId scores = r.Row({E}), bias = r.Weight({E});
  const auto choose = [&](ValueId x) {
    return r.b().ApplyMulti("top_k", {x}, {{"k", Attr(kChosen)}});
  };
  const std::vector<ValueId> best = choose(r.Apply("softmax", {scores}));
  const ValueId share = r.Apply("div", {best[0], r.Reduce("reduce_sum", best[0], 1, true)});
  const ValueId outputs = r.Row({kChosen, C}), shared = r.Row({C});
  const ValueId mixed =
      r.Reduce("reduce_sum", r.Mul(outputs, r.Reshape(share, {kChosen, 1})), 1, false);
  r.Output(r.Add(r.Add(mixed, shared), r.Row({C})));
  r.Output(share);
  const std::vector<ValueId> biased = choose(r.Add(r.Apply("sigmoid", {scores}), bias));
  r.Output(biased[0]);
  r.Output(biased[1]);
  r.Output(r.Mul(
      shared,
      r.Reshape(r.Apply("sigmoid", {r.Reduce("reduce_sum", r.Mul(scores, bias), 1, false)}), {1})));
}

TEST(BatchInvarianceTest, PartsOfDecoders) {
  std::vector<std::pair<std::string, Build>> graphs;
  for (int64_t C : {96, 200, 1536})
    graphs.push_back({absl::StrCat("norms", C), [=](Rows& r) { Norms(r, C); }});
  graphs.push_back({"gates", [](Rows& r) { Gates(r, 180); }});
  graphs.push_back({"heads", [](Rows& r) { Heads(r, 6, 64); }});
  graphs.push_back({"odd heads", [](Rows& r) { Heads(r, 3, 10); }});
  graphs.push_back({"logits", [](Rows& r) { Logits(r, 1003); }});
  graphs.push_back({"embeddings", [](Rows& r) { Embeddings(r, 72); }});
  graphs.push_back({"experts", [](Rows& r) { Experts(r, 8, 40); }});
  ExpectSameRows(graphs, kSizes);
}

// ---- random ones

// A dozen ops on values of [R, C], [R, 1] and [C], with results that others need, too.
void Random(Rows& r, uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return random() % n; };
  const int64_t C = std::vector<int64_t>{5, 16, 33, 64, 1100}[below(5)];
  std::vector<ValueId> wide = {r.Row({C}), r.Row({C})}, narrow = {r.Row({1})},
                       flat = {r.Weight({C})};
  const auto any = [&](const std::vector<ValueId>& list) { return list[below(list.size())]; };
  const auto other = [&] {
    const size_t kind = below(4);
    return kind == 0 ? any(flat) : kind == 1 ? any(narrow) : any(wide);
  };
  const std::vector<std::string> unary = {"neg",    "exp",  "tanh", "sigmoid",
                                          "square", "relu", "silu"};
  const std::vector<std::string> binary = {"add", "add", "mul", "mul", "sub", "max"};
  for (int step = 0; step < 14; ++step) {
    switch (below(6)) {
      case 0:
        narrow.push_back(r.Mul(
            r.Reduce(std::vector<std::string>{"reduce_sum", "reduce_mean", "reduce_max"}[below(3)],
                     any(wide), 1, true),
            r.Number(0.1)));
        break;
      case 1:
        narrow.push_back(r.Apply(binary[below(binary.size())], {any(narrow), any(narrow)}));
        break;
      case 2:
        wide.push_back(
            r.Apply("tanh", {r.Apply(unary[below(unary.size())], {r.Apply("tanh", {any(wide)})})}));
        break;
      default:
        wide.push_back(r.Apply(binary[below(binary.size())], {any(wide), other()}));
    }
    if (below(5) == 0) r.Output(wide.back());
  }
  r.Output(wide.back());
  r.Output(narrow.back());
}

TEST(BatchInvarianceTest, RandomRowWiseGraphs) {
  std::vector<std::pair<std::string, Build>> graphs;
  for (uint32_t seed = 1; seed <= 12; ++seed)
    graphs.push_back({absl::StrCat("random", seed), [=](Rows& r) { Random(r, seed); }});
  ExpectSameRows(graphs, {1, 3, 16});
}

}  // namespace
}  // namespace strata::compiler
