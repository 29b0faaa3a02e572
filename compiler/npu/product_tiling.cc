#include "compiler/npu/product_tiling.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/product_traffic.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::Machine;
using chips::npu::MemorySpec;

constexpr size_t kMostSteps = 20000;  // tilings of more are not counted unless there are no others
constexpr int64_t kMostChunk = 4096;  // of an output-stationary product

int64_t Whole(const chips::Figure& figure) { return static_cast<int64_t>(figure.value()); }

// `most`, its half, its quarter, ..., down to `least`; each a multiple of `unit` where it can be.
std::vector<int64_t> Halves(int64_t most, int64_t least, int64_t unit) {
  std::vector<int64_t> sizes;
  for (int64_t size = most; size >= std::max<int64_t>(least, 1) && sizes.size() < 4; size /= 2) {
    const int64_t rounded = size > unit ? size / unit * unit : size;
    if (sizes.empty() || sizes.back() != rounded) sizes.push_back(rounded);
  }
  if (sizes.empty()) sizes.push_back(std::max<int64_t>(most, 1));
  return sizes;
}

class Chooser {
 public:
  Chooser(const Core& core, const Machine& machine, const ProductProblem& problem,
          const EpilogueShape& shape)
      : core_(core),
        machine_(machine),
        problem_(problem),
        shape_(shape),
        l1_(core.memories()[chips::npu::kL1]),
        stationary_(machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY),
        array_rows_(Whole(machine.array().rows())),
        width_(Whole(machine.array().columns()) * Whole(machine.array().arrays())) {}

  absl::StatusOr<ProductTiling> Run() {
    for (const bool own_banks : {true, false}) {
      for (const ProductTiling& panels : PanelChoices()) {
        ProductTiling base = panels;
        base.own_banks = own_banks;
        TryColumns(base);
      }
      if (found_) return best_;
    }
    return absl::UnimplementedError(absl::StrCat(
        "no tile of the product fits into the ", core_.memories()[chips::npu::kL1].bytes,
        " bytes of L1 and the ", core_.memories()[chips::npu::kAcc].bytes,
        " of the accumulators of ", machine_.name()));
  }

 private:
  bool IsAligned(int64_t bytes) const { return bytes % l1_.alignment == 0; }

  // How A may come to L1.
  std::vector<ProductTiling> PanelChoices() const {
    ProductTiling tiling;
    if (!problem_.window.has_value()) return {tiling};
    const ConvWindow& w = *problem_.window;
    const bool padded =
        w.top > 0 || w.left > 0 || w.padded_h() > w.height || w.padded_w() > w.width;
    std::vector<ProductTiling> choices;
    if (IsAligned(w.channels * problem_.bytes)) {
      tiling.panels = PanelKind::kDirect;
      choices.push_back(tiling);
      if (padded || w.kernel_w > w.stride_w) return choices;
    }
    tiling.panels = PanelKind::kUnfolded;
    tiling.pad_in_dram = padded;
    choices.push_back(tiling);
    return choices;
  }

  // Depths of a chunk: the array's rows, or for an output-stationary array what L1 has room for.
  std::vector<int64_t> Chunks() const {
    if (stationary_) return {std::min(array_rows_, problem_.segment)};
    const int64_t unit = std::max<int64_t>(l1_.alignment / problem_.bytes, 1);
    std::vector<int64_t> chunks;
    for (const int64_t c : Halves(std::min(problem_.segment, kMostChunk), 1, unit)) {
      chunks.push_back(c);
    }
    chunks.push_back(std::min(problem_.segment, unit));
    return chunks;
  }

  void TryColumns(const ProductTiling& base) {
    // Parts of W's rows must begin at an aligned address.
    const bool parts = problem_.transposed || IsAligned(width_ * problem_.bytes);
    std::set<int64_t> sizes = {std::min(width_, problem_.columns)};
    if (parts) {
      for (int64_t n = width_; n < problem_.columns && n <= 16 * width_; n *= 2) sizes.insert(n);
      if (problem_.columns <= 32 * width_) sizes.insert(problem_.columns);
    }
    for (const int64_t columns : sizes) {
      for (const int64_t chunk : Chunks()) {
        ProductTiling tiling = base;
        tiling.columns = columns;
        tiling.chunk = chunk;
        if (tiling.panels == PanelKind::kDirect && !IsAligned(chunk * problem_.bytes) &&
            chunk < problem_.segment) {
          tiling.panels = PanelKind::kUnfolded;
          tiling.pad_in_dram = true;
        }
        TryRows(tiling);
      }
    }
  }

  void TryRows(ProductTiling tiling) {
    const int64_t part = core_.memories()[chips::npu::kAcc].bytes / 2;
    const int64_t row = tiling.columns * 4;
    const int64_t most =
        (part - row * (shape_.row_vectors + 2 * shape_.channel_tables) - 4 * shape_.cells) /
        (row * shape_.acc_tiles);
    if (most < 1) return;
    const int64_t all = problem_.window.has_value() || !problem_.one_weight
                            ? problem_.rows
                            : problem_.rows * problem_.batch;
    const int64_t unit = problem_.window.has_value() ? problem_.window->out_w : 16;
    for (int64_t rows : Halves(std::min({most, all, int64_t{32768}}), 1, unit)) {
      // Tiles of about the same height.
      if (rows >= unit || !problem_.window.has_value()) {
        rows = std::min(rows, RoundUp(CeilDiv(all, CeilDiv(all, rows)), unit));
      }
      tiling.rows = rows;
      TryDepth(tiling);
    }
  }

  void TryDepth(ProductTiling tiling) {
    // What lies in A's or transposed W's rows at an unaligned address can only be a panel by itself.
    const bool parts = IsAligned(tiling.chunk * problem_.bytes) ||
                       (problem_.window.has_value() && !problem_.transposed);
    std::vector<int64_t> depths = {tiling.chunk};
    if (parts) depths = Halves(problem_.depth, tiling.chunk, tiling.chunk);
    if (parts && depths.back() > tiling.chunk) depths.push_back(tiling.chunk);
    for (const int64_t depth : depths) {
      if (found_ && depth == tiling.chunk && depths.size() > 3) continue;  // many small loads
      tiling.depth = depth;
      for (const bool rows_outer : {true, false}) {
        tiling.rows_outer = rows_outer;
        TryPlaces(tiling);
      }
    }
  }

  // At least two steps' places; then all that is left for one of the operands.
  void TryPlaces(ProductTiling tiling) {
    const ProductCuts cuts = CutsOf(problem_, tiling);
    const size_t steps = cuts.rows.size() * cuts.columns.size() * cuts.depth.size();
    if (steps > kMostSteps && found_) return;
    const int64_t compute = MatrixCycles(cuts);
    if (IsIdeal() || (found_ && compute > best_.cycles + best_.cycles / 50)) return;
    const ProductProblem seen = PanelProblem(problem_, tiling);
    const std::unique_ptr<APanels> a = PanelsOf(seen, tiling, cuts, 0, l1_.alignment);
    const WPanels w(seen, cuts, 0, l1_.alignment);
    const size_t needed = MostPanels(cuts, *a);
    // Windows of neighbouring tiles share rows; panels of a matrix do not.
    const int64_t least = static_cast<int64_t>(needed);
    for (const int64_t a_places : {2 * least, least + (least + 1) / 2, least}) {
      tiling.a_places = a_places;
      tiling.w_places = 2;
      ProductLayout layout = LayoutOf(core_, tiling, cuts, a->bytes(), w.bytes(), shape_);
      if (!layout.fits && a_places == least) {
        tiling.w_places = 1;
        layout = LayoutOf(core_, tiling, cuts, a->bytes(), w.bytes(), shape_);
      }
      if (!layout.fits) continue;
      TryMorePlaces(tiling, cuts, *a, w, layout, compute);
      return;
    }
  }

  // Panels of A that a step needs; tiles in the middle need the most.
  size_t MostPanels(const ProductCuts& cuts, const APanels& a) const {
    std::vector<int64_t> keys;
    size_t most = 1;
    const size_t rows = cuts.rows.size();
    for (const size_t r : {size_t{0}, std::min<size_t>(1, rows - 1), rows / 2}) {
      for (const DepthTile& depth : cuts.depth) {
        a.Keys(cuts.rows[r], depth, &keys);
        most = std::max(most, keys.size());
      }
    }
    return most;
  }

  void TryMorePlaces(const ProductTiling& tiling, const ProductCuts& cuts, const APanels& a,
                     const WPanels& w, const ProductLayout& layout, int64_t compute) {
    const int64_t a_all = APanelCount(tiling, cuts), w_all = WPanelCount(cuts);
    ProductTiling more_a = tiling, more_w = tiling;
    more_a.a_places = std::max(tiling.a_places,
                               std::min(a_all, tiling.a_places + layout.l1_left / layout.a.pitch));
    more_w.w_places = std::max(tiling.w_places,
                               std::min(w_all, tiling.w_places + layout.l1_left / layout.w.pitch));
    const std::initializer_list<ProductTiling> choices = {tiling, more_a, more_w};
    for (const ProductTiling& places : choices) {
      const bool same = places.a_places == tiling.a_places && places.w_places == tiling.w_places;
      if (same && &places != choices.begin()) continue;
      for (const ProductTiling& l2 : L2Choices(places, a_all, w_all, a.bytes(), w.bytes())) {
        if (IsIdeal()) return;
        Consider(l2, cuts, a, w, compute);
      }
    }
  }

  int64_t APanelCount(const ProductTiling& tiling, const ProductCuts& cuts) const {
    const int64_t tiles = static_cast<int64_t>(cuts.rows.size() * cuts.depth.size());
    if (tiling.panels == PanelKind::kMatrix) return tiles;
    const int64_t rows = problem_.batch * problem_.window->padded_h();
    return tiling.panels == PanelKind::kDirect ? rows : std::max(rows, tiles);
  }

  int64_t WPanelCount(const ProductCuts& cuts) const {
    return static_cast<int64_t>(cuts.columns.size() * cuts.depth.size()) *
           (problem_.one_weight ? 1 : problem_.batch);
  }

  // Who may stay in L2: nobody, one, both.
  std::vector<ProductTiling> L2Choices(const ProductTiling& tiling, int64_t a_all, int64_t w_all,
                                       int64_t a_bytes, int64_t w_bytes) const {
    const MemorySpec& l2 = core_.memories()[chips::npu::kL2];
    std::vector<ProductTiling> choices = {tiling};
    if (l2.bytes == 0) return choices;
    const int64_t a_most = l2.bytes / RoundUp(a_bytes, l2.alignment);
    const int64_t w_most = l2.bytes / RoundUp(w_bytes, l2.alignment);
    const auto add = [&](int64_t a_places, int64_t w_places) {
      ProductTiling next = tiling;
      next.a_l2_places = a_places, next.w_l2_places = w_places;
      choices.push_back(next);
    };
    if (a_most >= tiling.a_places) add(std::min(a_all, a_most), 0);
    if (w_most >= tiling.w_places) add(0, std::min(w_all, w_most));
    const int64_t a_part = std::min(a_all, a_most / 2), w_part = std::min(w_all, w_most / 2);
    if (a_part > 0 && w_part > 0) add(a_part, w_part);
    return choices;
  }

  int64_t MatrixCycles(const ProductCuts& cuts) const {
    const bool two_planes = stationary_ && Whole(machine_.array().planes()) > 1;
    const int64_t line = problem_.window.has_value() ? problem_.window->out_w : problem_.rows;
    std::map<int64_t, int64_t> heights, depths;  // how many tiles and chunks there are of each
    for (const RowTile& rows : cuts.rows) ++heights[rows.rows];
    for (const DepthTile& tile : cuts.depth) {
      for (const Chunk& chunk : tile.chunks) ++depths[chunk.depth];
    }
    int64_t passes = 0;  // through the array, for a tile's width
    for (const ColumnTile& columns : cuts.columns) passes += CeilDiv(columns.columns, width_);
    int64_t cycles = 0;
    for (const auto& [rows, tiles] : heights) {
      for (const auto& [depth, chunks] : depths) {
        const int64_t run = std::min(rows, line);
        const int64_t groups = CeilDiv(run, array_rows_) * CeilDiv(rows, run);
        const int64_t streamed = two_planes ? std::max(rows, depth) : rows + depth;
        cycles += tiles * chunks * passes * (stationary_ ? streamed : groups * depth + rows);
      }
    }
    return cycles;
  }

  int64_t VectorCycles(const ProductCuts& cuts) const {
    const int64_t elements = problem_.batch * problem_.rows * problem_.columns;
    const int64_t tiles = static_cast<int64_t>(cuts.rows.size() * cuts.columns.size());
    return shape_.passes * (CeilDiv(elements, Whole(machine_.vector_lanes())) +
                            tiles * Whole(machine_.vector_latency_cycles()));
  }

  int64_t DramCycles(int64_t bytes) const {
    const double cycles = static_cast<double>(bytes) * machine_.clock_hz().value() /
                          machine_.dram_bytes_per_second().value();
    return static_cast<int64_t>(cycles);
  }

  void Consider(ProductTiling tiling, const ProductCuts& cuts, const APanels& a, const WPanels& w,
                int64_t compute) {
    const ProductLayout layout = LayoutOf(core_, tiling, cuts, a.bytes(), w.bytes(), shape_);
    if (!layout.fits) return;
    const ProductTraffic traffic = CountTraffic(machine_, problem_, tiling, cuts, a, w, shape_);
    tiling.dram_bytes = traffic.dram_bytes;
    const int64_t dram = DramCycles(traffic.dram_bytes) + traffic.dram_instructions;
    int64_t busiest = std::max({compute, VectorCycles(cuts), dram});
    if (tiling.w_places < 2) busiest = compute + dram;  // products wait for each load of W
    if (traffic.moved_bytes > 0) {
      busiest = std::max(busiest, traffic.moved_bytes / Whole(machine_.l2_bytes_per_cycle()));
    }
    // Nothing overlaps the first loads and the last tile's way out.
    const int64_t tiles = static_cast<int64_t>(cuts.rows.size() * cuts.columns.size());
    tiling.cycles = busiest + DramCycles(traffic.first_bytes) + VectorCycles(cuts) / tiles;
    if (found_ && !IsBetter(tiling)) return;
    found_ = true;
    best_ = tiling;
  }

  // Each operand passes once and the array never waits: nothing can be better by much.
  bool IsIdeal() const {
    if (!found_) return false;
    const int64_t c = problem_.batch * problem_.rows * problem_.columns;
    int64_t bytes = (problem_.one_weight ? 1 : problem_.batch) * problem_.depth * problem_.columns *
                    problem_.bytes;
    const int64_t pixels =
        problem_.window.has_value()
            ? problem_.window->height * problem_.window->width * problem_.window->channels
            : problem_.rows * problem_.depth;
    bytes += problem_.batch * pixels * problem_.bytes;
    for (const int64_t tile_bytes : shape_.tile_bytes) bytes += c * tile_bytes;
    const int64_t array = CeilDiv(problem_.macs(), array_rows_ * width_);
    const int64_t least = std::max(array, DramCycles(bytes));
    return best_.dram_bytes <= bytes + bytes / 20 && best_.cycles <= least + least / 20;
  }

  bool IsBetter(const ProductTiling& tiling) const {
    const int64_t margin = best_.cycles / 50;
    if (tiling.cycles < best_.cycles - margin) return true;
    return tiling.cycles <= best_.cycles + margin && tiling.dram_bytes < best_.dram_bytes;
  }

  const Core& core_;
  const Machine& machine_;
  const ProductProblem& problem_;
  const EpilogueShape& shape_;
  const MemorySpec& l1_;
  const bool stationary_;
  const int64_t array_rows_, width_;
  bool found_ = false;
  ProductTiling best_;
};

}  // namespace

std::string ProductTiling::ToString() const {
  const char* kinds[] = {"", ", rows of the image shared by their windows",
                         ", windows unfolded by the DMA"};
  std::string text = absl::StrCat("tiles of C ", rows, " x ", columns, ", depth ", depth, " by ",
                                  chunk, kinds[static_cast<int>(panels)], "; L1 keeps ", a_places,
                                  " of A and ", w_places, " of W");
  if (a_l2_places > 0) absl::StrAppend(&text, ", L2 ", a_l2_places, " of A");
  if (w_l2_places > 0) absl::StrAppend(&text, ", L2 ", w_l2_places, " of W");
  return absl::StrCat(text, "; ", dram_bytes, " bytes of DRAM");
}

absl::StatusOr<ProductTiling> ChooseTiling(const Core& core, const Machine& machine,
                                           const ProductProblem& problem,
                                           const EpilogueShape& shape) {
  return Chooser(core, machine, problem, shape).Run();
}

}  // namespace strata::compiler
