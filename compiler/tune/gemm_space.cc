#include "compiler/tune/gemm_space.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "compiler/gemm/cost.h"

namespace strata::compiler::tune {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Vectors of 16 floats that fit the registers: 32 of 512 bits, else 16 of 256.
int64_t RegisterVectors(const std::string& isa) { return isa.rfind("avx512", 0) == 0 ? 32 : 8; }

std::vector<int64_t> Rows(int64_t m) {
  std::vector<int64_t> rows;
  for (int64_t r : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}) {
    if (rows.empty() || r <= m) rows.push_back(r);
  }
  return rows;
}

// All of K, or even parts of it.
std::vector<int64_t> Depths(const GemmProblem& problem) {
  const int64_t k = std::max<int64_t>(problem.K, 1);
  std::set<int64_t> depths;
  for (int64_t most : {128, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 65536}) {
    // Parts of a sum in bf16 would be rounded.
    if (problem.result == chips::BF16 && most < k) continue;
    const int64_t depth = CeilDiv(k, CeilDiv(k, most));
    depths.insert(std::clamp<int64_t>(depth + depth % 2, 2, 65536));
  }
  if (depths.empty()) depths.insert(65536);  // such a sum is not emitted
  return {depths.begin(), depths.end()};
}

std::vector<int64_t> Panels(int64_t n) {
  std::vector<int64_t> panels;
  for (int64_t p : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64}) {
    if (panels.empty() || p <= CeilDiv(n, kGemmLanes)) panels.push_back(p);
  }
  return panels;
}

}  // namespace

SearchSpace GemmSpace(const GemmProblem& problem, const std::string& isa) {
  const int64_t registers = RegisterVectors(isa);
  return *SearchSpace::Create(
      {{"ROWS", Rows(problem.M)},
       {"VECTORS", {1, 2, 3, 4, 5, 6}},
       {"DEPTH", Depths(problem)},
       {"PANELS", Panels(problem.N)},
       {"PACK_B", {0, 1}}},
      {{"the tile and a row of B fit the registers",
        [registers](const Setting& s) { return (s["ROWS"] + 1) * s["VECTORS"] <= registers; }},
       {"CheckGemmConfig",
        [](const Setting& s) { return CheckGemmConfig(GemmConfigOf(s)).ok(); }}});
}

GemmConfig GemmConfigOf(const Setting& s) {
  GemmConfig config;
  config.rows = s["ROWS"];
  config.vectors = s["VECTORS"];
  config.depth = s["DEPTH"];
  config.panels = s["PANELS"];
  config.pack_b_first = s["PACK_B"] != 0;
  return config;
}

std::optional<Config> NearestInSpace(const SearchSpace& space, const GemmConfig& wanted) {
  const auto distance = [](int64_t a, int64_t b) {
    return std::abs(std::log2(static_cast<double>(a)) - std::log2(static_cast<double>(b)));
  };
  std::optional<Config> nearest;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < space.size(); ++i) {
    const Config config = space.At(i);
    const GemmConfig c = GemmConfigOf(space.SettingOf(config));
    const double d = distance(c.rows, wanted.rows) + distance(c.vectors, wanted.vectors) +
                     distance(c.depth, wanted.depth) + distance(c.panels, wanted.panels) +
                     (c.pack_b_first == wanted.pack_b_first ? 0 : 2);
    if (d >= least || !space.IsValid(config)) continue;
    least = d;
    nearest = config;
  }
  return nearest;
}

Features::Extra GemmFeatures(const GemmProblem& problem, const std::string& isa, int threads) {
  const GemmMachine machine = GemmMachineOf(chips::Chip(), isa);
  return [problem, machine, threads](const Setting& setting) {
    const GemmConfig c = GemmConfigOf(setting);
    const double rows = static_cast<double>(c.rows), vectors = static_cast<double>(c.vectors);
    const int64_t panels = CeilDiv(std::max<int64_t>(problem.N, 1), c.columns());
    const int64_t tiles = CeilDiv(std::max<int64_t>(problem.M, 1), c.rows);
    const int64_t depths = CeilDiv(std::max<int64_t>(problem.K, 1), c.depth);
    const double depth = static_cast<double>(std::min(c.depth, problem.K));
    const int64_t share = CeilDiv(panels, threads);  // of the busiest thread
    const auto filled = [](int64_t size, int64_t count, int64_t each) {
      return static_cast<double>(size) / static_cast<double>(count * each);
    };
    return std::vector<double>{
        std::log2(GemmCost(problem, c, machine)),
        filled(problem.M, tiles, c.rows),
        filled(problem.N, panels, c.columns()),
        filled(panels, share, threads),
        filled(share, CeilDiv(share, c.panels), c.panels),
        static_cast<double>(depths),
        rows * vectors / (rows + vectors),
        (rows + 1) * vectors,
        std::log2(depth * vectors * 64 + 1),                                  // a panel of B
        std::log2(depth * vectors * 64 * static_cast<double>(c.panels) + 1),  // a block of B
        std::log2(depth * static_cast<double>(problem.M) * 4 + 1),            // A at this depth
        static_cast<double>(tiles) * static_cast<double>(CeilDiv(share, c.panels)),
    };
  };
}

}  // namespace strata::compiler::tune
