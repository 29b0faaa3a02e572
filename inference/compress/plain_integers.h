// PlainIntegers: a second definition of integer graphs, to hold the first against: int64 arithmetic written out from the
// formulas, one loop a dimension, on values as plain arrays. It shares no code with the ops' reference kernels.
//
//   PlainIntegers plain(graph, inputs);
//   EXPECT_EQ(plain.Run(), "");                 // or which node it does not know
//   plain.of(value_id)                          // the integers of a value; empty where it holds floats
#ifndef STRATA_INFERENCE_COMPRESS_PLAIN_INTEGERS_H_
#define STRATA_INFERENCE_COMPRESS_PLAIN_INTEGERS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "framework/graph/attributes.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::inference {

class PlainIntegers {
 public:
  using Ints = std::vector<int64_t>;

  // `known`: by value id, what is given: inputs, and where floats become integers.
  PlainIntegers(const graph::Graph& graph, std::vector<graph::HostTensor> known)
      : graph_(graph), values_(static_cast<size_t>(graph.values_size())) {
    for (size_t v = 0; v < known.size(); ++v) {
      if (known[v].dtype() == chips::DTYPE_UNSPECIFIED || chips::IsFloat(known[v].dtype()))
        continue;
      for (double x : known[v].ToDoubles()) values_[v].push_back(static_cast<int64_t>(x));
    }
  }

  const Ints& of(uint32_t value) const { return values_[value]; }

  std::string Run() {
    for (const graph::Node& node : graph_.nodes()) {
      if (!chips::IsInteger(Type(node.outputs(0)).dtype) || !of(node.outputs(0)).empty()) continue;
      if (!RunNode(node)) return node.op();
    }
    return "";
  }

 private:
  graph::TensorType Type(uint32_t value) const {
    return TypeOf(graph_.values(static_cast<int>(value)));
  }
  Ints Dims(uint32_t value) const { return Type(value).dims(); }

  bool RunNode(const graph::Node& node) {
    const graph::AttributeReader attrs(node);
    const Ints& a = of(node.inputs_size() > 0 ? node.inputs(0) : node.outputs(0));
    Ints& y = values_[node.outputs(0)];
    y.assign(static_cast<size_t>(Type(node.outputs(0)).elements()), 0);
    if (node.op() == "constant") {
      std::fill(y.begin(), y.end(), static_cast<int64_t>(attrs.Float("value")));
    } else if (node.op() == "cast" || node.op() == "reshape") {
      y = a;
    } else if (node.op() == "add" || node.op() == "sub" || node.op() == "mul") {
      const Ints& b = of(node.inputs(1));  // a row, a scalar or the same shape
      for (size_t i = 0; i < y.size(); ++i) {
        const int64_t c = b[i % b.size()];
        y[i] = node.op() == "add" ? a[i] + c : node.op() == "sub" ? a[i] - c : a[i] * c;
      }
    } else if (node.op() == "requantize") {
      Requantize(node, a, &y);
    } else if (node.op() == "conv2d") {
      Conv(node, a, &y);
    } else if (node.op() == "matmul") {
      const int64_t K = Dims(node.inputs(1))[0], N = Dims(node.inputs(1))[1];
      for (size_t i = 0; i < y.size(); ++i) {
        const int64_t m = static_cast<int64_t>(i) / N, n = static_cast<int64_t>(i) % N;
        for (int64_t k = 0; k < K; ++k)
          y[i] += At(a, m * K + k) * At(of(node.inputs(1)), k * N + n);
      }
    } else if (node.op() == "max_pool2d") {
      Pool(node, a, &y);
    } else if (node.op() == "reduce_sum") {  // over H and W
      const Ints x = Dims(node.inputs(0));
      for (size_t i = 0; i < a.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        y[static_cast<size_t>(at / (x[1] * x[2] * x[3]) * x[3] + at % x[3])] += a[i];
      }
    } else {
      return false;
    }
    return true;
  }

  static int64_t At(const Ints& values, int64_t i) { return values[static_cast<size_t>(i)]; }

  void Requantize(const graph::Node& node, const Ints& x, Ints* y) const {
    const graph::AttributeReader attrs(node);
    const Ints &m = of(node.inputs(1)), &s = of(node.inputs(2));
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t c = i % m.size();
      const __int128 unit = __int128{1} << s[c];
      __int128 twice = __int128{2} * x[i] * m[c] + (s[c] > 0 ? unit : 0), q = twice / (2 * unit);
      if (q * 2 * unit > twice) --q;  // floor
      (*y)[i] = std::clamp<int64_t>(attrs.Int("zero_point", 0) + static_cast<int64_t>(q),
                                    attrs.Int("low", -128), attrs.Int("high", 127));
    }
  }

  void Conv(const graph::Node& node, const Ints& a, Ints* y) const {
    const graph::AttributeReader attrs(node);
    const Ints x = Dims(node.inputs(0)), w = Dims(node.inputs(1)), out = Dims(node.outputs(0));
    const Ints strides = attrs.Ints("strides"), padding = attrs.Ints("padding");
    const int64_t outer = w[3] / attrs.Int("groups", 1);
    const Ints& weights = of(node.inputs(1));
    for (int64_t n = 0; n < out[0]; ++n)
      for (int64_t i = 0; i < out[1]; ++i)
        for (int64_t j = 0; j < out[2]; ++j)
          for (int64_t o = 0; o < out[3]; ++o) {
            int64_t sum = 0;
            for (int64_t kh = 0; kh < w[0]; ++kh)
              for (int64_t kw = 0; kw < w[1]; ++kw) {
                const int64_t h = i * strides[0] + kh - padding[0],
                              v = j * strides[1] + kw - padding[2];
                if (h < 0 || v < 0 || h >= x[1] || v >= x[2]) continue;
                for (int64_t c = 0; c < w[2]; ++c)
                  sum += At(a, ((n * x[1] + h) * x[2] + v) * x[3] + o / outer * w[2] + c) *
                         At(weights, ((kh * w[1] + kw) * w[2] + c) * w[3] + o);
              }
            (*y)[static_cast<size_t>(((n * out[1] + i) * out[2] + j) * out[3] + o)] = sum;
          }
  }

  void Pool(const graph::Node& node, const Ints& a, Ints* y) const {
    const graph::AttributeReader attrs(node);
    const Ints x = Dims(node.inputs(0)), out = Dims(node.outputs(0)), window = attrs.Ints("window");
    const Ints strides = attrs.Ints("strides"), padding = attrs.Ints("padding");
    for (size_t at = 0; at < y->size(); ++at) {
      const auto i = static_cast<int64_t>(at);
      const int64_t c = i % out[3], column = i / out[3] % out[2],
                    row = i / out[3] / out[2] % out[1], n = i / out[3] / out[2] / out[1];
      int64_t most = -1000;
      for (int64_t h = row * strides[0] - padding[0]; h < row * strides[0] - padding[0] + window[0];
           ++h)
        for (int64_t w = column * strides[1] - padding[2];
             w < column * strides[1] - padding[2] + window[1]; ++w)
          if (h >= 0 && w >= 0 && h < x[1] && w < x[2])
            most = std::max(most, At(a, ((n * x[1] + h) * x[2] + w) * x[3] + c));
      (*y)[at] = most;
    }
  }

  const graph::Graph& graph_;
  std::vector<Ints> values_;  // by value id
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_PLAIN_INTEGERS_H_
