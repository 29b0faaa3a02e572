#include "compiler/npu/strided_copy.h"

#include <functional>

#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::OpCall;
using Dims = std::vector<int64_t>;

Dims StridesOf(const Dims& dims, int64_t bytes) {
  Dims strides(dims.size());
  int64_t stride = bytes;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= dims[d];
  }
  return strides;
}

// Joins what can be; takes in the dims innermost that are gapless on both sides.
StridedCopy Joined(const StridedCopy& copy, int64_t element) {
  StridedCopy joined = copy;
  joined.dims.clear();
  joined.bytes = element;
  for (const CopyDim& dim : copy.dims) {
    if (dim.size == 1) continue;
    CopyDim* last = joined.dims.empty() ? nullptr : &joined.dims.back();
    if (last != nullptr && last->src == dim.src * dim.size && last->dst == dim.dst * dim.size) {
      *last = {last->size * dim.size, dim.src, dim.dst};
    } else {
      joined.dims.push_back(dim);
    }
  }
  while (!joined.dims.empty()) {
    const CopyDim& dim = joined.dims.back();
    if (dim.dst != joined.bytes || (dim.src != joined.bytes && copy.input >= 0)) break;
    joined.bytes *= dim.size;
    joined.dims.pop_back();
  }
  return joined;
}

// A box of `sizes` from one array to another.
StridedCopy Box(int input, const Dims& sizes, const Dims& src, const Dims& dst) {
  StridedCopy copy;
  copy.input = input;
  for (size_t d = 0; d < sizes.size(); ++d) copy.dims.push_back({sizes[d], src[d], dst[d]});
  return copy;
}

class Copies {
 public:
  explicit Copies(const OpCall& call)
      : call_(call),
        element_(static_cast<int64_t>(chips::SizeOf(call.outputs[0].dtype))),
        to_(call.outputs[0].dims()),
        dst_(StridesOf(to_, element_)) {}

  std::vector<StridedCopy> Run() {
    const std::string& op = call_.node->op();
    const Dims from = call_.inputs[0].dims();
    const Dims src = StridesOf(from, element_);
    const int64_t rank = static_cast<int64_t>(to_.size());
    const auto axis = [&] {
      const int64_t given = call_.attrs().Int("axis");
      return static_cast<size_t>(given < 0 ? given + rank : given);
    };
    if (op == "reshape") {
      Add(Box(0, {call_.outputs[0].elements()}, {element_}, {element_}));
    } else if (op == "transpose") {
      Dims permuted;
      for (const int64_t d : call_.attrs().Ints("permutation")) {
        permuted.push_back(src[static_cast<size_t>(d)]);
      }
      Add(Box(0, to_, permuted, dst_));
    } else if (op == "slice") {
      StridedCopy copy = Box(0, to_, src, dst_);
      copy.src = call_.attrs().Int("start") * src[axis()];
      Add(copy);
    } else if (op == "concat") {
      int64_t at = 0;
      for (size_t i = 0; i < call_.inputs.size(); ++i) {
        const Dims part = call_.inputs[i].dims();
        StridedCopy copy = Box(static_cast<int>(i), part, StridesOf(part, element_), dst_);
        copy.dst = at * dst_[axis()];
        at += part[axis()];
        Add(copy);
      }
    } else {
      Pad(from, src, axis());
    }
    return std::move(copies_);
  }

 private:
  void Add(const StridedCopy& copy) {
    for (const CopyDim& dim : copy.dims) {
      if (dim.size == 0) return;
    }
    copies_.push_back(Joined(copy, element_));
  }

  void Pad(const Dims& from, const Dims& src, size_t axis) {
    const int64_t before = call_.attrs().Int("before"), after = call_.attrs().Int("after");
    const int64_t stride = dst_[axis];
    StridedCopy inner = Box(0, from, src, dst_);
    inner.dst = before * stride;
    Add(inner);
    for (const auto& [size, begin] : {std::pair<int64_t, int64_t>{before, 0},
                                      std::pair<int64_t, int64_t>{after, before + from[axis]}}) {
      Dims sizes = from;
      sizes[axis] = size;
      StridedCopy zeros = Box(StridedCopy::kZeros, sizes, Dims(sizes.size(), 0), dst_);
      zeros.dst = begin * stride;
      Add(zeros);
    }
  }

  const OpCall& call_;
  const int64_t element_;
  const Dims to_, dst_;
  std::vector<StridedCopy> copies_;
};

}  // namespace

std::vector<StridedCopy> StridedCopiesOf(const OpCall& call) { return Copies(call).Run(); }

}  // namespace strata::compiler
