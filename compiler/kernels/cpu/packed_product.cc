#include "compiler/kernels/cpu/packed_product.h"

#include <algorithm>

#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {
namespace {

// Weights that a thread keeps at hand while all panels pass: under half of an L2 cache of 1 MB.
constexpr int64_t kWeightsAtHand = 384 << 10;
// Rows of x below which rounding them is not worth a parallel region of its own.
constexpr int64_t kRoundGrain = 1 << 14;

// Memory of the calling thread, kept from call to call: routines of a plan run one after the other.
uint8_t* Scratch(int which, int64_t bytes) {
  thread_local std::vector<uint8_t> scratch[2];
  std::vector<uint8_t>& buffer = scratch[which];
  const size_t needed = static_cast<size_t>(bytes) + 64;
  if (buffer.size() < needed) {
    buffer.clear();
    buffer.resize(needed);
  }
  const uintptr_t address = reinterpret_cast<uintptr_t>(buffer.data());
  return buffer.data() + (64 - address % 64) % 64;
}

}  // namespace

PackedProduct::PackedProduct(const chips::WeightFormat& format, bool rows16, int64_t N, int64_t K,
                             int threads, const PackedKernel* kernel)
    : format_(format),
      layout_(chips::LayoutOf(format)),
      rows16_(rows16),
      N_(N),
      K_(K),
      group_bytes_(layout_.GroupBytes(K)),
      panel_bytes_(PanelBytes(layout_, K)),
      threads_(threads),
      kernel_(kernel != nullptr ? *kernel : BestPackedKernel(layout_)) {}

void PackedProduct::Round(const std::vector<Tile>& tiles, const std::vector<const float*>& x,
                          uint8_t* panels) const {
  const int64_t grain = std::max<int64_t>(1, kRoundGrain / (kPackedTileRows * K_ + 1));
  ParallelFor(static_cast<int64_t>(tiles.size()), grain, threads_, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Tile& tile = tiles[static_cast<size_t>(i)];
      kernel_.round(layout_, K_, x.data() + tile.first, tile.count,
                    panels + tile.first * panel_bytes_);
    }
  });
}

void PackedProduct::RunGroups(const Part& part, const std::vector<Tile>& tiles,
                              const uint8_t* panels, int64_t begin, int64_t end,
                              const std::vector<float*>& y) const {
  const int64_t at_hand = std::clamp<int64_t>(kWeightsAtHand / (group_bytes_ + 1), 1, 16);
  uint8_t* packed = rows16_ ? nullptr : Scratch(1, at_hand * group_bytes_);
  for (int64_t first = begin; first < end; first += at_hand) {
    const int64_t groups = std::min(at_hand, end - first);
    const uint8_t* weights = part.weights + first * group_bytes_;
    if (!rows16_) {
      chips::PackRows(format_, part.weights, N_, K_, first, groups, packed);
      weights = packed;
    }
    for (size_t i = part.first_tile; i < part.first_tile + part.tiles; ++i) {
      const Tile& tile = tiles[i];
      const uint8_t* panel = panels + tile.first * panel_bytes_;
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t n = (first + g) * chips::kPackedRows;
        float* rows[kPackedTileRows];
        for (int t = 0; t < tile.count; ++t) rows[t] = y[static_cast<size_t>(tile.first + t)] + n;
        kernel_.tile[static_cast<size_t>(tile.count)]({layout_, K_, weights + g * group_bytes_,
                                                       panel, rows,
                                                       std::min(chips::kPackedRows, N_ - n)});
      }
    }
  }
}

void PackedProduct::Run(const std::vector<PackedSegment>& segments,
                        const std::vector<const float*>& x, const std::vector<float*>& y) const {
  std::vector<Tile> tiles;
  std::vector<Part> parts;
  for (const PackedSegment& segment : segments) {
    if (segment.count == 0) continue;
    // As many tiles as needed, of even sizes.
    const int64_t count = (segment.count + kPackedTileRows - 1) / kPackedTileRows;
    parts.push_back({segment.weights, tiles.size(), static_cast<size_t>(count)});
    for (int64_t i = 0; i < count; ++i) {
      const PartRange range = PartOf(segment.count, count, i);
      tiles.push_back({segment.first + range.begin, static_cast<int>(range.end - range.begin)});
    }
  }
  uint8_t* panels = Scratch(0, static_cast<int64_t>(x.size()) * panel_bytes_);
  Round(tiles, x, panels);
  // All groups of all parts in one row, which threads halve.
  const int64_t groups = chips::PackedGroups(N_);
  const int64_t grain = std::max<int64_t>(
      1, (1 << 15) / (group_bytes_ * std::max<int64_t>(1, static_cast<int64_t>(x.size())) + 1));
  ParallelFor(static_cast<int64_t>(parts.size()) * groups, grain, threads_,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end;) {
                  const int64_t part = i / groups, first = i % groups;
                  const int64_t last = std::min(groups, first + end - i);
                  RunGroups(parts[static_cast<size_t>(part)], tiles, panels, first, last, y);
                  i += last - first;
                }
              });
}

}  // namespace strata::compiler
