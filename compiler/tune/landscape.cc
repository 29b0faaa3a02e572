#include "compiler/tune/landscape.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::compiler::tune {
namespace {

SearchSpace MustCreate(std::vector<Knob> knobs, std::vector<Constraint> constraints = {}) {
  return *SearchSpace::Create(std::move(knobs), std::move(constraints));
}

double Ceil(double a, double b) { return std::ceil(a / b); }

// What the counted core has: bytes of the caches, cycles of a vector line from each level, and of an instruction.
constexpr double kLanes = 16, kLine = 64;
constexpr double kL1 = 32e3, kL2 = 1e6, kL3 = 16e6;
constexpr double kFromL2 = 1.0, kFromL3 = 3.0, kFromMemory = 8.0;
constexpr double kFmasACycle = 2, kLoadsACycle = 2, kFmaLatency = 4;
constexpr int64_t kMostAccumulators = 48, kRegisters = 32;

// Cycles of a line of a block of `bytes` that is read again and again.
double Reread(double bytes) {
  if (bytes <= 0.75 * kL1) return 0;
  if (bytes <= 0.75 * kL2) return kFromL2;
  return bytes <= 0.75 * kL3 ? kFromL3 : kFromMemory;
}

absl::StatusOr<double> GemmCycles(const GemmSize& size, const Setting& s) {
  const double mr = static_cast<double>(s["MR"]), nv = static_cast<double>(s["NV"]);
  if (s["MR"] * s["NV"] > kMostAccumulators)
    return absl::ResourceExhaustedError("the register tile does not compile");
  const double m = static_cast<double>(size.m), n = static_cast<double>(size.n);
  const double k = static_cast<double>(size.k), threads = static_cast<double>(size.threads);
  const double kc = std::min(static_cast<double>(s["KC"]), k), mc = static_cast<double>(s["MC"]);
  const double nr = nv * kLanes, nc = nr * static_cast<double>(s["NCP"]);
  const double k_blocks = Ceil(k, kc), panels = Ceil(n, nr), m_tiles = Ceil(m, mr);

  // One step of k in a register tile.
  const double spilled = std::max(0.0, mr * nv + nv + 1 - static_cast<double>(kRegisters));
  const double work =
      std::max({mr * nv / kFmasACycle, kFmaLatency, (mr + nv + 2 * spilled) / kLoadsACycle});
  const double b_panel = kc * nr * 4, a_panel = kc * mr * 4;
  // The panel of B is read again for each tile of rows, that of A for each panel of the block.
  const bool rows_outside = s["ROWS_OUTSIDE"] != 0;
  const double inner = rows_outside ? nv * Reread(kc * nc * 4) + mr / kLanes * Reread(a_panel)
                                    : nv * Reread(b_panel + a_panel) +
                                          mr / kLanes * Reread(std::min(mc, m) * kc * 4);
  // Loads of lines from further away overlap with arithmetic, but for half of them.
  const double step = std::max(work, inner) + 0.5 * std::min(work, inner);
  const double tiles = m_tiles * panels;
  double cycles = tiles * k * step;

  // Each block of k reads and writes C; prefetch hides half of the wait and costs an instruction a line.
  const double c_lines = tiles * mr * nv * k_blocks;
  cycles += c_lines * (s["PREFETCH"] != 0 ? 2.5 : 4.0);
  // Packing: B once a block of rows, A once a block of columns.
  const double m_blocks = Ceil(m, mc), n_blocks = Ceil(n, nc);
  cycles += (rows_outside ? 1 : m_blocks) * k * n * 4 / kLine * (kFromL3 + 1);
  cycles += n_blocks * m * k * 4 / kLine * (Reread(m * kc * 4) + 0.5);
  cycles += tiles * k_blocks * 20;  // entering a tile
  // The threads share blocks of columns; the last round may be partly idle.
  return cycles * Ceil(n_blocks, threads) / n_blocks;
}

uint64_t HashOf(uint64_t seed, const Setting& s, const std::vector<std::string>& names) {
  uint64_t hash = seed;
  for (const std::string& name : names)
    hash = Random(hash ^ static_cast<uint64_t>(s[name]) * 0x9e3779b97f4a7c15ull).Next();
  return hash;
}

}  // namespace

Landscape GemmLandscape(const GemmSize& size) {
  return {absl::StrCat("gemm ", size.m, "x", size.n, "x", size.k, " on ", size.threads,
                       size.threads == 1 ? " thread" : " threads"),
          MustCreate({{"MR", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24}},
                      {"NV", {1, 2, 3, 4, 6}},
                      {"KC", {32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048}},
                      {"NCP", {1, 2, 3, 4, 6, 8, 12, 16, 32}},
                      {"MC", {32, 64, 128, 256, 512, 1024}},
                      {"PREFETCH", {0, 1}},
                      {"ROWS_OUTSIDE", {0, 1}}},
                     {{"a block of A holds a tile",
                       [](const Setting& s) { return s["MC"] >= 2 * s["MR"]; }}}),
          [size](const Setting& s) { return GemmCycles(size, s); }};
}

Landscape BowlLandscape() {
  std::vector<Knob> knobs;
  for (const char* name : {"A", "B", "C", "D"})
    knobs.push_back({name, {1, 2, 4, 8, 16, 32, 64, 128}});
  return {"bowl", MustCreate(std::move(knobs)), [](const Setting& s) -> absl::StatusOr<double> {
            double cost = 1;
            double at = 1;
            for (const char* name : {"A", "B", "C", "D"}) {
              const double distance = std::log2(static_cast<double>(s[name])) - (at += 1);
              cost += 0.1 * distance * distance;
            }
            return cost;
          }};
}

Landscape RuggedLandscape(uint64_t seed) {
  const std::vector<std::string> names = {"A", "B", "C", "D", "E", "F"};
  std::vector<Knob> knobs;
  for (const std::string& name : names) knobs.push_back({name, {1, 2, 4, 8, 16}});
  return {absl::StrCat("rugged ", seed), MustCreate(std::move(knobs)),
          [seed, names](const Setting& s) -> absl::StatusOr<double> {
            const uint64_t hash = HashOf(seed, s, names);
            if (hash % 16 == 0) return absl::InternalError("this kernel gives wrong results");
            double cost = 1;
            for (size_t pair = 0; pair < 3; ++pair) {
              // Product and quotient of a pair: each has its own best, which the seed sets.
              const double a = std::log2(static_cast<double>(s[names[2 * pair]]));
              const double b = std::log2(static_cast<double>(s[names[2 * pair + 1]]));
              const double sum = a + b - static_cast<double>((seed >> (4 * pair)) % 6 + 1);
              const double difference = a - b - static_cast<double>((seed >> (2 * pair)) % 3) + 1;
              cost += 0.15 * sum * sum + 0.1 * difference * difference;
            }
            const double roughness = static_cast<double>(hash >> 40) / static_cast<double>(1 << 24);
            return cost * (0.9 + 0.2 * roughness);
          }};
}

Optimum FindOptimum(const Landscape& landscape) {
  Optimum best;
  best.cost = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < landscape.space.size(); ++i) {
    const Config config = landscape.space.At(i);
    if (!landscape.space.IsValid(config)) continue;
    const absl::StatusOr<double> cost = landscape.cost(landscape.space.SettingOf(config));
    if (!cost.ok()) continue;
    ++best.valid;
    if (*cost < best.cost) {
      best.cost = *cost;
      best.config = config;
    }
  }
  return best;
}

}  // namespace strata::compiler::tune
