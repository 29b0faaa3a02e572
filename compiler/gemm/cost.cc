#include "compiler/gemm/cost.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/gemm/packed.h"

namespace strata::compiler {
namespace {

// Figures below are in instructions of one vector of 16 floats. Fitted to a Zen 4 core, coarse on purpose.
constexpr double kTileStart = 40;  // call, pointers, first loads
constexpr double kSpill = 2;       // times, when a tile does not fit the registers
constexpr double kCopy = 0.3;      // a word packed by copying
// More for each, when one panel is packed at a time: half of it with two, and so on.
constexpr double kShortRuns = 0.3;
constexpr double kTranspose = 0.55;  // a word packed by transposing
constexpr double kStoreFar = 0.15;  // a word of a packed operand that goes to memory and comes back
constexpr double kBytesFromThirdLevel = 12;  // a vector instruction's time brings so many
constexpr double kRoom = 0.625;              // of the second-level cache, for a block of B
constexpr double kExposed = 0.3;             // of that time, which prefetching does not hide

// Of rows shared among threads:
constexpr double kWorthRows = 1.0 / 16;  // of the product's time that memory takes
constexpr int64_t kFewestPanels = 32;    // of A: the last one must not make a thread wait
constexpr int64_t kRowColumns = 1024;    // of a block: its rows are the runs that memory moves

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t EvenDepth(int64_t K, int64_t most) {
  const int64_t blocks = std::max<int64_t>(1, CeilDiv(K, most));
  return std::clamp<int64_t>(CeilDiv(CeilDiv(K, blocks), 2) * 2, 2, 65536);
}

// Tiles that fill the registers: as square as the broadcast of A allows.
std::vector<std::pair<int64_t, int64_t>> Tiles(const GemmMachine& machine) {
  std::vector<std::pair<int64_t, int64_t>> tiles;
  const int64_t registers = machine.registers * machine.lanes / kGemmLanes;  // of 16 floats
  for (int64_t vectors = 1; vectors <= 4; ++vectors) {
    const int64_t most = std::min((registers - vectors - 1) / vectors, kGemmRowStride);
    for (int64_t rows = std::max<int64_t>(1, most); rows >= std::max<int64_t>(1, most - 2); --rows)
      tiles.push_back({rows, vectors});
  }
  return tiles;
}

double TileCost(int64_t rows, int64_t vectors, double words, const GemmMachine& machine) {
  const double sums = static_cast<double>(rows * vectors);
  const double issued =
      std::max(sums, static_cast<double>(rows + vectors));  // arithmetic, or loads
  const int64_t needed = (rows * vectors + vectors + 1) * kGemmLanes / machine.lanes;
  const double wide = static_cast<double>(kGemmLanes) / static_cast<double>(machine.lanes);
  return words * issued * wide * (needed > machine.registers ? kSpill : 1) + 2 * sums + kTileStart;
}

// Valid configs of these depths, the best first.
std::vector<GemmConfig> Ranked(const GemmProblem& problem, const std::set<int64_t>& depths,
                               const GemmMachine& machine) {
  std::vector<std::pair<double, GemmConfig>> ranked;
  for (const auto& [rows, vectors] : Tiles(machine)) {
    for (int64_t depth : depths) {
      for (int64_t panels : {1, 2, 4, 8, 12, 16}) {
        const GemmConfig config{.rows = rows, .vectors = vectors, .depth = depth, .panels = panels};
        if (CheckGemmConfig(config).ok())
          ranked.push_back({GemmCost(problem, config, machine), config});
      }
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<GemmConfig> configs;
  for (const auto& [cost, config] : ranked) configs.push_back(config);
  return configs;
}

}  // namespace

GemmMachine GemmMachineOf(const chips::Chip& chip, const std::string& isa) {
  GemmMachine machine;
  if (isa != "avx512" && isa != "avx512_bf16") {
    machine.registers = 16;
    machine.lanes = isa == "avx2" ? 8 : 4;
  }
  for (const chips::MemoryLevel& memory : chip.memories()) {
    if (memory.kind() == chips::CACHE && memory.name() == "L2" &&
        memory.capacity_bytes().value() > 0)
      machine.l2_bytes = static_cast<int64_t>(memory.capacity_bytes().value());
  }
  return machine;
}

double GemmCost(const GemmProblem& p, const GemmConfig& c, const GemmMachine& machine) {
  const PackedShape a = PackedA(p, c), b = PackedB(p, c);
  const double words = static_cast<double>(a.words);
  const double depth =
      std::min(words, static_cast<double>(c.depth) / (p.dtype == chips::BF16 ? 2 : 1));
  const double blocks = depth > 0 ? words / depth : 1;
  const int64_t whole = p.M / c.rows, rest = p.M % c.rows;
  double tiles = static_cast<double>(whole) * TileCost(c.rows, c.vectors, depth, machine);
  if (rest > 0) tiles += TileCost(rest, c.vectors, depth, machine);
  double cost = tiles * static_cast<double>(b.panels) * blocks;

  const auto pack = [&](bool transposed, double rows, double run, bool far) {
    return words * rows *
           ((transposed ? kTranspose : kCopy) + kShortRuns / run + (far ? kStoreFar : 0));
  };
  cost += pack(!p.transpose_a, static_cast<double>(p.M), 4, true);
  cost +=
      pack(p.transpose_b, static_cast<double>(p.N), static_cast<double>(c.panels), c.pack_b_first);

  // Panels of A stream past each block of B; what of both the second-level cache does not hold comes from the third.
  const double width = static_cast<double>(c.panels * c.columns());
  const double b_bytes = depth * width * 4;
  const double a_bytes = depth * static_cast<double>(a.panels * a.width) * 4;
  const double streams = static_cast<double>(p.N) / width * blocks;
  const double room = kRoom * static_cast<double>(machine.l2_bytes);
  double from_far = a_bytes + b_bytes > room ? a_bytes * streams : 0;
  if (b_bytes > room) from_far += b_bytes * streams * static_cast<double>(a.panels);
  return cost + kExposed * from_far / kBytesFromThirdLevel;
}

std::vector<GemmConfig> GemmCandidates(const GemmProblem& problem, const GemmMachine& machine) {
  std::set<int64_t> depths;
  for (int64_t most : {256, 384, 512, 768, 1024, 1536}) depths.insert(EvenDepth(problem.K, most));
  if (problem.result == chips::BF16) depths = {EvenDepth(problem.K, 65536)};
  std::vector<GemmConfig> configs = Ranked(problem, depths, machine);
  if (configs.empty()) configs.push_back({.rows = 1, .vectors = 1, .depth = 2, .panels = 1});
  return configs;
}

GemmConfig DefaultGemmConfig(const GemmProblem& problem, const GemmMachine& machine) {
  return GemmCandidates(problem, machine).front();
}

std::optional<GemmConfig> WholeSumConfig(const GemmProblem& problem, const GemmMachine& machine) {
  const int64_t whole = EvenDepth(problem.K, 65536);
  if (whole < problem.K) return std::nullopt;
  const std::vector<GemmConfig> configs = Ranked(problem, {whole}, machine);
  return configs.empty() ? std::nullopt : std::optional<GemmConfig>(configs.front());
}

GemmConfig WithRowsShared(const GemmProblem& problem, const GemmConfig& config, double bytes,
                          const GemmMachine& machine) {
  const int64_t b_bytes = 4 * PackedB(problem, config).elements();
  const double traffic = bytes / kGemmBytesFromMemory;
  if (traffic < kWorthRows * GemmCost(problem, config, machine) ||
      bytes < 4 * static_cast<double>(machine.l2_bytes) || b_bytes > 2 * machine.l2_bytes ||
      CeilDiv(problem.M, config.rows) < kFewestPanels)
    return config;
  GemmConfig shared = config;
  const int64_t panels = PackedB(problem, config).panels;
  const int64_t blocks = CeilDiv(panels * config.columns(), kRowColumns);
  shared.panels = CeilDiv(panels, blocks);
  shared.pack_b_first = shared.by_rows = true;
  return CheckGemmConfig(shared).ok() ? shared : config;
}

}  // namespace strata::compiler
