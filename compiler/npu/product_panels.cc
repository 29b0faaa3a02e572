#include "compiler/npu/product_panels.h"

#include <algorithm>

#include "compiler/npu/scratchpad.h"

namespace strata::compiler {
namespace {

int64_t DeepestTile(const ProductCuts& cuts) {
  int64_t depth = 0;
  for (const DepthTile& tile : cuts.depth) depth = std::max(depth, tile.end - tile.begin);
  return depth;
}

int64_t MostRows(const ProductCuts& cuts) {
  int64_t rows = 0;
  for (const RowTile& tile : cuts.rows) rows = std::max(rows, tile.rows);
  return rows;
}

class MatrixPanelsImpl : public APanels {
 public:
  MatrixPanelsImpl(const ProductProblem& problem, const ProductCuts& cuts, int64_t dram,
                   int64_t alignment)
      : problem_(problem),
        cuts_(cuts),
        dram_(dram),
        pitch_(RoundUp(DeepestTile(cuts) * problem.bytes, alignment)),
        bytes_(pitch_ * MostRows(cuts)) {}

  int64_t bytes() const override { return bytes_; }

  void Keys(const RowTile& rows, const DepthTile& depth,
            std::vector<int64_t>* keys) const override {
    *keys = {rows.index * static_cast<int64_t>(cuts_.depth.size()) + depth.index};
  }

  std::vector<Block> Blocks(int64_t key) const override {
    const int64_t tiles = static_cast<int64_t>(cuts_.depth.size());
    const RowTile& rows = cuts_.rows[static_cast<size_t>(key / tiles)];
    const DepthTile& depth = cuts_.depth[static_cast<size_t>(key % tiles)];
    const int64_t row = rows.batch * problem_.rows + rows.begin;
    return {{0, rows.rows, (depth.end - depth.begin) * problem_.bytes, pitch_,
             dram_ + (row * problem_.depth + depth.begin) * problem_.bytes,
             problem_.depth * problem_.bytes}};
  }

  void Pieces(const RowTile& rows, const DepthTile& depth, const Chunk& chunk,
              std::vector<Piece>* pieces) const override {
    Keys(rows, depth, &keys_);
    *pieces = {{keys_[0], (chunk.begin - depth.begin) * problem_.bytes, pitch_, rows.rows, 0}};
  }

 private:
  const ProductProblem problem_;
  const ProductCuts& cuts_;
  const int64_t dram_, pitch_, bytes_;
  mutable std::vector<int64_t> keys_;
};

// What both kinds of a convolution's panels share: which rows of the image and which pixels.
class ConvBase : public ConvPanels {
 public:
  ConvBase(const ProductProblem& problem, const ProductCuts& cuts)
      : problem_(problem), window_(*problem.window), cuts_(cuts), panel_depth_(problem.segment) {}

  void Keys(const RowTile& rows, const DepthTile& depth,
            std::vector<int64_t>* keys) const override {
    keys->clear();
    int64_t last = -1;
    for (const Chunk& chunk : depth.chunks) {
      const int64_t group = chunk.begin / panel_depth_;
      if (group == last) continue;  // the same panels
      last = group;
      Pieces(rows, depth, chunk, &pieces_);
      for (const Piece& piece : pieces_) keys->push_back(piece.key);
    }
    std::sort(keys->begin(), keys->end());
    keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
    if (!keys->empty() && keys->front() == kZeroPanel) keys->erase(keys->begin());
  }

  // Calls f(image row in padded rows, output column, rows, c_row) for the runs of pixels of a tile.
  template <typename F>
  void ForRuns(const RowTile& tile, int64_t kh, F f) const {
    for (int64_t r = 0; r < tile.rows;) {
      const int64_t pixel = tile.begin + r;
      const int64_t oh = pixel / window_.out_w, ow = pixel % window_.out_w;
      const int64_t rows = std::min(window_.out_w - ow, tile.rows - r);
      f(oh * window_.stride_h + kh, ow, rows, r);
      r += rows;
    }
  }

 protected:
  const ProductProblem problem_;
  const ConvWindow window_;
  const ProductCuts& cuts_;
  int64_t panel_depth_;  // what a panel has of the depth; a divisor of chunks' beginnings

 private:
  mutable std::vector<Piece> pieces_;
};

class DirectPanelsImpl : public ConvBase {
 public:
  DirectPanelsImpl(const ProductProblem& problem, const ProductCuts& cuts, int64_t dram,
                   int64_t alignment)
      : ConvBase(problem, cuts),
        dram_(dram),
        pixel_(window_.channels * problem.bytes),
        inside_(std::min(window_.width, window_.padded_w() - window_.left)),
        bytes_(RoundUp(window_.padded_w() * pixel_, alignment)) {}

  int64_t bytes() const override { return bytes_; }

  std::vector<Block> Blocks(int64_t key) const override {
    return {{window_.left * pixel_, 1, inside_ * pixel_, inside_ * pixel_,
             dram_ + key * window_.width * pixel_, 0}};
  }

  void Pieces(const RowTile& rows, const DepthTile&, const Chunk& chunk,
              std::vector<Piece>* pieces) const override {
    pieces->clear();
    const int64_t in_row = chunk.begin % problem_.segment * problem_.bytes;
    const int64_t step = window_.stride_w * pixel_;
    ForRuns(rows, chunk.begin / problem_.segment,
            [&](int64_t ih, int64_t ow, int64_t run, int64_t c_row) {
              const int64_t row = ih - window_.top;
              const bool inside = 0 <= row && row < window_.height;
              const int64_t key = inside ? rows.batch * window_.height + row : kZeroPanel;
              pieces->push_back({key, ow * step + in_row, step, run, c_row});
            });
  }

  std::vector<Border> Borders() const override {
    const int64_t right = (window_.left + inside_) * pixel_;
    std::vector<Border> borders = {{0, window_.left * pixel_},
                                   {right, window_.padded_w() * pixel_ - right}};
    borders.erase(std::remove_if(borders.begin(), borders.end(),
                                 [](const Border& border) { return border.bytes <= 0; }),
                  borders.end());
    return borders;
  }

 private:
  const int64_t dram_, pixel_, inside_, bytes_;
};

class UnfoldedPanelsImpl : public ConvBase {
 public:
  UnfoldedPanelsImpl(const ProductProblem& problem, const ProductCuts& cuts, int64_t dram,
                     int64_t alignment)
      : ConvBase(problem, cuts), dram_(dram), pixel_(window_.channels * problem.bytes) {
    const int64_t chunk = cuts.depth.front().chunks.front().depth;
    const bool aligned = chunk * problem.bytes % alignment == 0;
    span_ = aligned ? problem.segment : chunk;  // of the depth that a panel has
    spans_ = CeilDiv(problem.segment, span_);
    if (!aligned) panel_depth_ = 1;
    part_ = std::min(window_.out_w, MostRows(cuts));  // output pixels that a panel has
    parts_ = CeilDiv(window_.out_w, part_);
    pitch_ = RoundUp(span_ * problem.bytes, alignment);
  }

  int64_t bytes() const override { return pitch_ * part_; }

  std::vector<Block> Blocks(int64_t key) const override {
    const int64_t span = key % spans_ * span_;
    const int64_t ow = key / spans_ % parts_ * part_;
    const int64_t row = key / spans_ / parts_;  // of all images
    const int64_t first = row * window_.width + ow * window_.stride_w;
    return {{0, std::min(part_, window_.out_w - ow),
             std::min(span_, problem_.segment - span) * problem_.bytes, pitch_,
             dram_ + first * pixel_ + span * problem_.bytes, window_.stride_w * pixel_}};
  }

  void Pieces(const RowTile& rows, const DepthTile&, const Chunk& chunk,
              std::vector<Piece>* pieces) const override {
    pieces->clear();
    const int64_t in_segment = chunk.begin % problem_.segment;
    ForRuns(rows, chunk.begin / problem_.segment,
            [&](int64_t ih, int64_t ow, int64_t run, int64_t c_row) {
              const int64_t row = rows.batch * window_.height + ih;
              const int64_t key = (row * parts_ + ow / part_) * spans_ + in_segment / span_;
              pieces->push_back({key, ow % part_ * pitch_ + in_segment % span_ * problem_.bytes,
                                 pitch_, run, c_row});
            });
  }

  std::vector<Border> Borders() const override { return {}; }

 private:
  const int64_t dram_, pixel_;
  int64_t span_, spans_, part_, parts_, pitch_;
};

}  // namespace

std::unique_ptr<APanels> MatrixPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                      int64_t dram, int64_t alignment) {
  return std::make_unique<MatrixPanelsImpl>(problem, cuts, dram, alignment);
}

std::unique_ptr<ConvPanels> DirectPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                         int64_t dram, int64_t alignment) {
  return std::make_unique<DirectPanelsImpl>(problem, cuts, dram, alignment);
}

std::unique_ptr<ConvPanels> UnfoldedPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                           int64_t dram, int64_t alignment) {
  return std::make_unique<UnfoldedPanelsImpl>(problem, cuts, dram, alignment);
}

WPanels::WPanels(const ProductProblem& problem, const ProductCuts& cuts, int64_t dram,
                 int64_t alignment)
    : problem_(problem), cuts_(cuts), dram_(dram) {
  const int64_t row = problem.transposed ? DeepestTile(cuts) : cuts.columns.front().columns;
  pitch_ = RoundUp(row * problem.bytes, alignment);
}

int64_t WPanels::bytes() const {
  return pitch_ * (problem_.transposed ? cuts_.columns.front().columns : DeepestTile(cuts_));
}

int64_t WPanels::Key(int64_t batch, const DepthTile& depth, const ColumnTile& columns) const {
  const int64_t w = problem_.one_weight ? 0 : batch;
  return (w * static_cast<int64_t>(cuts_.depth.size()) + depth.index) *
             static_cast<int64_t>(cuts_.columns.size()) +
         columns.index;
}

std::vector<Block> WPanels::Blocks(int64_t key) const {
  const int64_t column_tiles = static_cast<int64_t>(cuts_.columns.size());
  const int64_t depth_tiles = static_cast<int64_t>(cuts_.depth.size());
  const ColumnTile& columns = cuts_.columns[static_cast<size_t>(key % column_tiles)];
  const DepthTile& depth = cuts_.depth[static_cast<size_t>(key / column_tiles % depth_tiles)];
  const int64_t batch = key / column_tiles / depth_tiles;
  const int64_t start = dram_ + batch * problem_.depth * problem_.columns * problem_.bytes;
  const int64_t deep = depth.end - depth.begin;
  if (problem_.transposed) {
    return {{0, columns.columns, deep * problem_.bytes, pitch_,
             start + (columns.begin * problem_.depth + depth.begin) * problem_.bytes,
             problem_.depth * problem_.bytes}};
  }
  return {{0, deep, columns.columns * problem_.bytes, pitch_,
           start + (depth.begin * problem_.columns + columns.begin) * problem_.bytes,
           problem_.columns * problem_.bytes}};
}

}  // namespace strata::compiler
