#include "compiler/kernels/cpu/packed_product.h"

#include <algorithm>
#include <atomic>

#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {
namespace {

// With so many rows at most their panels stay in the L2 cache while one group of weights after the other passes. With more,
// a thread keeps weights at hand while all panels pass: a part of an L2 cache of 1 MB.
constexpr int64_t kFewRows = 96;
constexpr int64_t kWeightsAtHand = 256 << 10;
// A tile of so few rows is done with a line before memory brings the next: the machine's own prefetching of one stream is
// then the best (60 GB/s where lines asked for ahead come at 40). More rows leave time in which what comes next can be asked
// for.
constexpr int kStreamedRows = 4;
// How far ahead of itself a group's only tile asks memory: nearer lines come too late, and a whole group ahead was seen to be
// up to 6 % slower.
constexpr int64_t kAheadBytes = 8 << 10;
// Numbers of x which every thread rounds for itself: sooner done than a region of its own, or than reading from another core
// what one thread has rounded.
constexpr int64_t kRoundAlone = 1 << 16;
// Bytes of weights times rows below which a part of the groups is not worth a thread.
constexpr int64_t kGroupGrain = 1 << 15;

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

PackedProduct::PackedProduct(const chips::WeightFormat& format, bool rows16, int64_t K, int threads,
                             const PackedKernel* kernel)
    : format_(format),
      layout_(chips::LayoutOf(format)),
      rows16_(rows16),
      K_(K),
      group_bytes_(layout_.GroupBytes(K)),
      panel_bytes_(PanelBytes(layout_, K)),
      threads_(threads),
      kernel_(kernel != nullptr ? *kernel : BestPackedKernel(layout_)) {}

void PackedProduct::Round(const std::vector<Tile>& tiles, int64_t begin, int64_t end,
                          const std::vector<const float*>& x, uint8_t* panels) const {
  for (int64_t i = begin; i < end; ++i) {
    const Tile& tile = tiles[static_cast<size_t>(i)];
    kernel_.round(layout_, K_, x.data() + tile.first, tile.count,
                  panels + tile.first * panel_bytes_);
  }
}

// Weights that memory should bring while tile i of `tiles` works on a group: where it is the only one, what the tile itself
// comes to soon; else its share of the next group. They end at `end`.
void PackedProduct::SetAhead(const uint8_t* end, size_t i, size_t tiles, PackedTile* tile) const {
  const int64_t lines = group_bytes_ / 64;
  const PartRange range = PartOf(lines, static_cast<int64_t>(tiles), static_cast<int64_t>(i));
  const int64_t offset = tiles == 1 ? kAheadBytes : group_bytes_ + range.begin * 64;
  if (offset >= end - tile->group) return;
  tile->ahead = tile->group + offset;
  tile->ahead_lines = std::min(range.end - range.begin, (end - tile->ahead) / 64);
}

int64_t PackedProduct::GroupsAtHand() const {
  return std::clamp<int64_t>(kWeightsAtHand / (group_bytes_ + 1), 1, 16);
}

void PackedProduct::RunGroups(const Task& task, const std::vector<Tile>& tiles,
                              const uint8_t* panels, int64_t begin, int64_t end) const {
  const PackedPart& part = *task.part;
  const bool few = part.count <= kFewRows;
  const int64_t at_hand = few ? 1 : GroupsAtHand();
  uint8_t* packed = rows16_ ? nullptr : Scratch(1, at_hand * group_bytes_);
  for (int64_t first = begin; first < end; first += at_hand) {
    const int64_t groups = std::min(at_hand, end - first);
    const uint8_t* weights = part.weights + first * group_bytes_;
    if (!rows16_) {
      chips::PackRows(format_, part.weights, part.N, K_, first, groups, packed);
      weights = packed;
    }
    for (size_t i = 0; i < task.tiles; ++i) {
      const Tile& tile = tiles[task.first_tile + i];
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t n = (first + g) * chips::kPackedRows;
        float* to[kPackedTileRows];
        for (int t = 0; t < tile.count; ++t) to[t] = part.y[tile.first + t] + n;
        PackedTile work = {layout_,
                           K_,
                           weights + g * group_bytes_,
                           panels + tile.first * panel_bytes_,
                           to,
                           std::min(chips::kPackedRows, part.N - n)};
        if (rows16_ && few && part.count > kStreamedRows)
          SetAhead(part.weights + end * group_bytes_, i, task.tiles, &work);
        kernel_.tile[static_cast<size_t>(tile.count)](work);
      }
    }
  }
}

void PackedProduct::Split(const std::vector<PackedPart>& parts, std::vector<Tile>* tiles,
                          std::vector<Task>* tasks) const {
  const PackedPart* last = nullptr;  // whose tiles are the last ones
  for (const PackedPart& part : parts) {
    if (part.count == 0 || part.N == 0) continue;
    // As many tiles as needed, of even sizes.
    const int64_t count = (part.count + kPackedTileRows - 1) / kPackedTileRows;
    const bool same = last != nullptr && last->first == part.first && last->count == part.count;
    for (int64_t i = 0; i < count && !same; ++i) {
      const PartRange range = PartOf(part.count, count, i);
      tiles->push_back({part.first + range.begin, static_cast<int>(range.end - range.begin)});
    }
    last = &part;
    tasks->push_back({&part, chips::PackedGroups(part.N),
                      tiles->size() - static_cast<size_t>(count), static_cast<size_t>(count)});
  }
}

void PackedProduct::Run(const std::vector<PackedPart>& parts,
                        const std::vector<const float*>& x) const {
  std::vector<Tile> tiles;
  std::vector<Task> tasks;
  Split(parts, &tiles, &tasks);
  const int64_t rows = static_cast<int64_t>(x.size());
  const int64_t panels_bytes = rows * panel_bytes_, count = static_cast<int64_t>(tiles.size());
  // All groups of all tasks in one row, of which each thread takes a stretch.
  int64_t groups = 0;
  for (const Task& task : tasks) groups += task.groups;
  const auto run = [&](const uint8_t* panels, int64_t begin, int64_t end) {
    int64_t at = 0;  // the task's first group in the row
    for (const Task& task : tasks) {
      const int64_t first = std::max(begin - at, int64_t{0});
      const int64_t last = std::min(end - at, task.groups);
      if (first < last) RunGroups(task, tiles, panels, first, last);
      at += task.groups;
    }
  };
  // Few rows: long streams.
  const int64_t grain = std::max<int64_t>(1, kGroupGrain / (group_bytes_ * (rows + 1) + 1));
  if (rows * K_ <= kRoundAlone) {
    ParallelFor(groups, grain, threads_, [&](int64_t begin, int64_t end) {
      uint8_t* panels = Scratch(0, panels_bytes);
      Round(tiles, 0, count, x, panels);
      run(panels, begin, end);
    });
    return;
  }
  uint8_t* panels = Scratch(0, panels_bytes);
  ParallelFor(count, 1, threads_,
              [&](int64_t begin, int64_t end) { Round(tiles, begin, end, x, panels); });
  if (rows <= kFewRows) {
    ParallelFor(groups, grain, threads_,
                [&](int64_t begin, int64_t end) { run(panels, begin, end); });
    return;
  }
  // Threads take what is at hand when they are free, less toward the end: none waits long for another.
  std::atomic<int64_t> next = 0;
  ParallelFor(threads_, 1, threads_, [&](int64_t, int64_t) {
    int64_t begin = next;
    while (begin < groups) {
      const int64_t taken =
          std::clamp<int64_t>((groups - begin) / (3 * threads_), 1, GroupsAtHand());
      if (!next.compare_exchange_weak(begin, begin + taken)) continue;
      run(panels, begin, begin + taken);
      begin = next;
    }
  });
}

}  // namespace strata::compiler
