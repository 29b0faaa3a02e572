#include <algorithm>

#include "compiler/loop/schedule.h"

namespace strata::compiler::loop {
namespace {

// The order of memory accesses, as one walk over the tree meets them.
struct Touch {
  Access access;
  bool store = false;
};

void Collect(const Computation& c, const std::vector<Stmt>& body, std::vector<Touch>* touches) {
  for (const Stmt& stmt : body) {
    Collect(c, stmt.body, touches);
    if (stmt.kind == Stmt::Kind::kLet) {
      const Expr& expr = c.exprs[static_cast<size_t>(stmt.expr)];
      if (expr.kind == Expr::Kind::kLoad) touches->push_back({expr.access, false});
    }
    if (stmt.kind == Stmt::Kind::kStore) touches->push_back({stmt.access, true});
  }
}

bool SamePlace(const Access& a, const Access& b) {
  return a.strides == b.strides && a.offset == b.offset;
}

// Whether `output` may live in the storage of `input`: same places, and no read after the first store (pieces of a loop
// kernel touch different places, so their order does not matter).
bool MayShare(const Computation& c, const std::vector<Touch>& touches, int input, int output) {
  const Access* place = nullptr;
  bool stored = false;
  for (const Touch& touch : touches) {
    if (touch.access.buffer == output) {
      if (place != nullptr && !SamePlace(*place, touch.access)) return false;
      place = &touch.access;
    }
  }
  if (place == nullptr) return false;
  for (const Touch& touch : touches) {
    if (touch.store && touch.access.buffer == output) stored = true;
    if (touch.store || touch.access.buffer != input) continue;
    if (!SamePlace(*place, touch.access)) return false;
    if (stored && c.kind != Kind::kLoop) return false;
  }
  return true;
}

}  // namespace

std::vector<std::vector<int>> InPlace(const Nest& nest) {
  const Computation& c = nest.computation;
  std::vector<Touch> touches;
  Collect(c, nest.body, &touches);
  std::vector<std::vector<int>> result;
  for (size_t o = static_cast<size_t>(c.inputs); o < c.buffers.size(); ++o) {
    std::vector<int> inputs;
    for (int i = 0; i < c.inputs; ++i) {
      const Buffer& input = c.buffers[static_cast<size_t>(i)];
      int64_t in_elements = 1, out_elements = 1;
      for (int64_t dim : input.dims) in_elements *= dim;
      for (int64_t dim : c.buffers[o].dims) out_elements *= dim;
      if (input.dtype == c.buffers[o].dtype && in_elements == out_elements &&
          MayShare(c, touches, i, static_cast<int>(o))) {
        inputs.push_back(i);
      }
    }
    result.push_back(std::move(inputs));
  }
  return result;
}

}  // namespace strata::compiler::loop
