#include "compiler/gemm/ladder_counts.h"

#include <algorithm>

#include "compiler/gemm/packed.h"

namespace strata::compiler {
namespace {

constexpr int64_t kLine = 16;  // floats
constexpr size_t kCacheLines = 32768 / 64;

// Operands and scratch lie far apart.
enum Place : int64_t { kA = 0, kB = 1, kC = 2, kPackedA = 3, kPackedB = 4 };

// Memory as a rung uses it: elements touched go through the cache.
class Memory {
 public:
  void Touch(Place place, int64_t element, int64_t count = 1) {
    const int64_t base = static_cast<int64_t>(place) << 40;
    for (int64_t line = element / kLine; line <= (element + count - 1) / kLine; ++line)
      cache_.Touch(base + line);
  }
  double fetched() const { return cache_.fetched(); }

 private:
  LineCache cache_{kCacheLines};
};

template <typename Body>
void Blocks(int64_t n, int64_t step, const Body& body) {
  for (int64_t begin = 0; begin < n; begin += step) body(begin, std::min(begin + step, n));
}

}  // namespace

void LineCache::Touch(int64_t line) {
  auto it = where_.find(line);
  if (it != where_.end()) {
    order_.splice(order_.begin(), order_, it->second);
    return;
  }
  ++fetched_;
  if (order_.size() == lines_) {
    where_.erase(order_.back());
    order_.pop_back();
  }
  order_.push_front(line);
  where_[line] = order_.begin();
}

GemmCounts CountNaive(const GemmProblem& p) {
  Memory memory;
  for (int64_t i = 0; i < p.M; ++i) {
    for (int64_t j = 0; j < p.N; ++j) {
      for (int64_t k = 0; k < p.K; ++k) {
        memory.Touch(kA, i * p.K + k);
        memory.Touch(kB, k * p.N + j);
      }
      memory.Touch(kC, i * p.N + j);
    }
  }
  const double products = p.flops() / 2;
  return {products, 2 * products, memory.fetched()};
}

GemmCounts CountTiled(const GemmProblem& p) {
  Memory memory;
  double loads = 0;
  Blocks(p.M, kLadderBlock, [&](int64_t i0, int64_t i1) {
    Blocks(p.K, kLadderBlock, [&](int64_t k0, int64_t k1) {
      Blocks(p.N, kLadderBlock, [&](int64_t j0, int64_t j1) {
        for (int64_t i = i0; i < i1; ++i) {
          for (int64_t k = k0; k < k1; ++k) {
            memory.Touch(kA, i * p.K + k);
            memory.Touch(kB, k * p.N + j0, j1 - j0);
            memory.Touch(kC, i * p.N + j0, j1 - j0);
            loads += 1 + static_cast<double>(j1 - j0);
          }
        }
      });
    });
  });
  return {p.flops() / 2, loads, memory.fetched()};
}

GemmCounts CountPacked(const GemmProblem& p) {
  Memory memory;
  double loads = 0;
  Blocks(p.K, kLadderBlock, [&](int64_t k0, int64_t k1) {
    Blocks(p.N, kLadderBlock, [&](int64_t j0, int64_t j1) {
      for (int64_t k = k0; k < k1; ++k) {
        memory.Touch(kB, k * p.N + j0, j1 - j0);
        for (int64_t j = 0; j < j1 - j0; j += 4)
          memory.Touch(kPackedB, j * kLadderBlock + (k - k0) * 4, 4);
      }
      Blocks(p.M, 4, [&](int64_t i0, int64_t i1) {
        for (int64_t j = 0; j < j1 - j0; j += 4) {
          for (int64_t k = k0; k < k1; ++k) {
            for (int64_t i = i0; i < i1; ++i) memory.Touch(kA, i * p.K + k);
            memory.Touch(kPackedB, j * kLadderBlock + (k - k0) * 4, 4);
            loads += static_cast<double>(i1 - i0) + 4;
          }
          for (int64_t i = i0; i < i1; ++i)
            memory.Touch(kC, i * p.N + j0 + j, std::min<int64_t>(4, j1 - j0 - j));
        }
      });
    });
  });
  return {p.flops() / 2, loads, memory.fetched()};
}

GemmCounts CountEmitted(const GemmProblem& p, const GemmConfig& c) {
  Memory memory;
  double multiply_adds = 0, loads = 0;
  const int64_t width = c.columns();
  Blocks(p.M, c.rows, [&](int64_t i0, int64_t i1) {  // the step before
    for (int64_t k = 0; k < p.K; ++k) {
      for (int64_t i = i0; i < i1; ++i) memory.Touch(kA, i * p.K + k);
      memory.Touch(kPackedA, (i0 / c.rows * p.K + k) * kGemmRowStride, kGemmRowStride);
    }
  });
  Blocks(p.N, width * c.panels, [&](int64_t q0, int64_t q1) {
    Blocks(p.K, c.depth, [&](int64_t k0, int64_t k1) {
      const auto panel = [&](int64_t j) {
        return (j - q0) / width * std::min(c.depth, p.K) * width;
      };
      Blocks(q1 - q0, width, [&](int64_t j0, int64_t j1) {
        for (int64_t k = k0; k < k1; ++k) {
          memory.Touch(kB, k * p.N + q0 + j0, j1 - j0);
          memory.Touch(kPackedB, panel(q0 + j0) + (k - k0) * width, width);
        }
      });
      Blocks(p.M, c.rows, [&](int64_t i0, int64_t i1) {
        Blocks(q1 - q0, width, [&](int64_t j0, int64_t j1) {
          for (int64_t k = k0; k < k1; ++k) {
            memory.Touch(kPackedA, (i0 / c.rows * p.K + k) * kGemmRowStride, kGemmRowStride);
            memory.Touch(kPackedB, panel(q0 + j0) + (k - k0) * width, width);
          }
          multiply_adds += static_cast<double>((i1 - i0) * c.vectors * (k1 - k0));
          loads += static_cast<double>((i1 - i0 + c.vectors) * (k1 - k0));
          for (int64_t i = i0; i < i1; ++i) memory.Touch(kC, i * p.N + q0 + j0, j1 - j0);
        });
      });
    });
  });
  return {multiply_adds, loads, memory.fetched()};
}

}  // namespace strata::compiler
