#include "compiler/npu/davinci_product.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "chips/npu/davinci/davinci_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

namespace dv = chips::npu::davinci;

constexpr int64_t kMostRows = 256;  // of a tile
constexpr int64_t kMostColumns = 128;

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }
int64_t RoundDown(int64_t a, int64_t b) { return a / b * b; }

int64_t Capacity(const chips::npu::Memory& memory) {
  return static_cast<int64_t>(memory.capacity_bytes().value());
}

// A part of the depth: runs rows of windows of `run` elements; of a plain product one run.
struct Chunk {
  int64_t depth = 0;  // first row of W
  int64_t filter_row = 0, offset = 0;
  int64_t runs = 1, run = 0;
};

// Whole rows of windows where a step holds them, else parts of one.
std::vector<Chunk> ChunksOf(const ProductProblem& problem, int64_t step) {
  std::vector<Chunk> chunks;
  const int64_t segment = problem.segment, segments = problem.depth / segment;
  const int64_t together = std::max<int64_t>(step / segment, 1);
  for (int64_t s = 0; s < segments; s += together) {
    const int64_t runs = std::min(together, segments - s);
    const int64_t length = std::min(segment, step);
    for (int64_t at = 0; at < segment; at += length) {
      chunks.push_back({s * segment + at, s, at, runs, std::min(length, segment - at)});
    }
  }
  return chunks;
}

class Emitter {
 public:
  Emitter(const ProductProblem& problem, const DavinciTiling& tiling,
          const ProductAddresses& addresses, DavinciTail* tail, ProgramBuilder* builder)
      : p_(problem),
        t_(tiling),
        addresses_(addresses),
        tail_(*tail),
        builder_(*builder),
        chunks_(ChunksOf(problem, tiling.step)) {}

  void Run() {
    for (int64_t n = 0; n < p_.columns; n += t_.panel) {
      panel_ = {n, std::min(t_.panel, p_.columns - n)};
      LoadPanel();
      tail_.BeginPanel(panel_.begin, panel_.columns);
      if (p_.window.has_value()) {
        Images();
      } else {
        for (int64_t row = 0; row < p_.rows; row += t_.rows) {
          Rows(row, std::min(t_.rows, p_.rows - row));
        }
      }
      w_place_ = 1 - w_place_;
    }
  }

 private:
  struct Panel {
    int64_t begin = 0, columns = 0;
  };
  // Output pixels [y, y + rows) x [x, x + columns) of an image.
  struct Pixels {
    int64_t image, y, rows, x, columns;
  };

  int64_t WBase() const { return w_place_ * t_.w_place; }
  int64_t ABase() const { return 2 * t_.w_place + a_place_ * t_.a_place; }

  void LoadPanel() {
    const int64_t n = panel_.begin, columns = panel_.columns;
    if (p_.transposed) {  // its rows are W's columns
      EmitRows(dv::kLdL1,
               {WBase(), addresses_.w + n * p_.depth, columns, p_.depth, p_.depth, p_.depth},
               &builder_);
    } else {
      EmitRows(dv::kLdL1, {WBase(), addresses_.w + n, p_.depth, columns, columns, p_.columns},
               &builder_);
    }
  }

  void Images() {
    const ConvWindow& w = *p_.window;
    for (int64_t image = 0; image < p_.batch; ++image) {
      for (int64_t y = 0; y < w.out_h; y += t_.pixel_rows) {
        for (int64_t x = 0; x < w.out_w; x += t_.pixels) {
          Windows({image, y, std::min(t_.pixel_rows, w.out_h - y), x,
                   std::min(t_.pixels, w.out_w - x)});
        }
      }
    }
  }

  void Rows(int64_t row, int64_t rows) {
    EmitRows(dv::kLdL1,
             {ABase(), addresses_.a + row * p_.depth, rows, p_.depth, p_.depth, p_.depth},
             &builder_);
    const auto load = [&](const Chunk& chunk, int64_t l0) {
      builder_.Emit(dv::kLoadAI8, {l0, ABase() + chunk.offset, rows, chunk.run, p_.depth});
    };
    Tiles(row, rows, load);
    a_place_ = 1 - a_place_;
  }

  void Windows(const Pixels& o) {
    const ConvWindow& w = *p_.window;
    const int64_t line = ((o.columns - 1) * w.stride_w + w.kernel_w) * w.channels;
    LoadLines(o, line);
    const auto load = [&](const Chunk& chunk, int64_t l0) {
      builder_.Emit(dv::kLoad3dI8,
                    {l0, ABase() + chunk.filter_row * line + chunk.offset, o.rows, o.columns,
                     chunk.runs, chunk.run, w.stride_h * line, w.stride_w * w.channels, line});
    };
    Tiles((o.image * w.out_h + o.y) * w.out_w + o.x, o.rows * o.columns, load);
    a_place_ = 1 - a_place_;
  }

  // The lines of the input that the windows see; zeros where they hang over its edges.
  void LoadLines(const Pixels& o, int64_t line) {
    const ConvWindow& w = *p_.window;
    const int64_t lines = (o.rows - 1) * w.stride_h + w.kernel_h;
    const int64_t top = o.y * w.stride_h - w.top, left = o.x * w.stride_w - w.left;
    const int64_t y = std::max<int64_t>(top, 0), x = std::max<int64_t>(left, 0);
    const int64_t height = std::min(w.height, top + lines) - y;
    const int64_t width = std::min(w.width, left + line / w.channels) - x;
    const bool inside = height == lines && width * w.channels == line;
    if (!inside) builder_.Emit(dv::kFillL1, {ABase(), lines, line, line, 0});
    if (height <= 0 || width <= 0) return;
    EmitRows(dv::kLdL1,
             {ABase() + (y - top) * line + (x - left) * w.channels,
              addresses_.a + ((o.image * w.height + y) * w.width + x) * w.channels, height,
              width * w.channels, line, w.width * w.channels},
             &builder_);
  }

  // All tiles of C that one tile of A and the panel give; `load` brings a chunk of A to L0A.
  template <typename LoadA>
  void Tiles(int64_t row, int64_t rows, const LoadA& load) {
    for (int64_t j = 0; j < panel_.columns; j += t_.columns) {
      const int64_t columns = std::min(t_.columns, panel_.columns - j);
      const int64_t c = c_place_ * t_.c_place;
      for (const Chunk& chunk : chunks_) {
        const int64_t l0 = l0_place_ * t_.l0_place, depth = chunk.runs * chunk.run;
        load(chunk, l0);
        LoadW(chunk.depth, depth, j, columns, l0);
        builder_.Emit(chunk.depth == 0 ? dv::kMmadI8 : dv::kMmadaI8,
                      {c, l0, l0, rows, depth, columns});
        l0_place_ = 1 - l0_place_;
      }
      Output(c, row, rows, panel_.begin + j, columns);
      c_place_ = 1 - c_place_;
    }
  }

  void LoadW(int64_t at, int64_t depth, int64_t j, int64_t columns, int64_t l0) {
    if (p_.transposed) {
      builder_.Emit(dv::kLoadTBI8, {l0, WBase() + j * p_.depth + at, depth, columns, p_.depth});
    } else {
      builder_.Emit(dv::kLoadBI8,
                    {l0, WBase() + at * panel_.columns + j, depth, columns, panel_.columns});
    }
  }

  void Output(int64_t c, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    const int64_t most = tail_.MaxRows(columns);
    for (int64_t r = 0; r < rows; r += most) {
      const DavinciTile tile = {row + r, std::min(most, rows - r), column, columns};
      builder_.Emit(dv::kMvC,
                    {tail_.HeadAddress(tile), c + r * dv::kCRowBytes, tile.rows, columns,
                     tail_.HeadPitch(columns), RoundUp(rows, dv::kSide) * dv::kCRowBytes});
      tail_.Run(tile);
    }
  }

  const ProductProblem& p_;
  const DavinciTiling& t_;
  const ProductAddresses addresses_;
  DavinciTail& tail_;
  ProgramBuilder& builder_;
  const std::vector<Chunk> chunks_;
  Panel panel_;
  int64_t w_place_ = 0, a_place_ = 0, l0_place_ = 0, c_place_ = 0;
};

// Rows of output pixels, or parts of one, whose input lines fit their place.
void FitWindows(const ConvWindow& w, DavinciTiling* t) {
  t->pixels = std::min({w.out_w, t->rows, kMostRows});
  t->pixel_rows =
      t->pixels < w.out_w ? 1 : std::min(w.out_h, std::max<int64_t>(t->rows / w.out_w, 1));
  const auto bytes = [&] {
    return ((t->pixel_rows - 1) * w.stride_h + w.kernel_h) *
           ((t->pixels - 1) * w.stride_w + w.kernel_w) * w.channels;
  };
  while (bytes() > t->a_place && t->pixel_rows > 1) --t->pixel_rows;
  while (bytes() > t->a_place && t->pixels > 1) t->pixels = (t->pixels + 1) / 2;
  t->rows = bytes() > t->a_place ? 0 : t->pixel_rows * t->pixels;
}

}  // namespace

std::string DavinciTiling::ToString() const {
  const std::string rows_of = pixels > 0 ? absl::StrCat(pixel_rows, " x ", pixels, " output pixels")
                                         : absl::StrCat(rows, " rows");
  return absl::StrCat("for each panel of ", panel, " columns of W: GM to L1\n  for each ", rows_of,
                      " of A: GM to L1\n    for each ", columns,
                      " columns of the panel\n      for each ", step,
                      " of the depth: L1 to L0A and L0B, product into L0C\n"
                      "      L0C to UB, vector steps, UB to GM\n");
}

absl::StatusOr<DavinciTiling> ChooseDavinciTiling(const chips::npu::Machine& machine,
                                                  const ProductProblem& problem,
                                                  const DavinciTail& tail) {
  const chips::npu::DavinciParts& parts = machine.davinci();
  DavinciTiling t;
  const int64_t l1 = Capacity(machine.l1());
  t.w_place = RoundDown(l1 * 3 / 8, dv::kUbBlockBytes);
  t.a_place = RoundDown(l1 / 8, dv::kUbBlockBytes);
  t.l0_place =
      RoundDown(std::min(Capacity(parts.l0a()), Capacity(parts.l0b())) / 2, dv::kFractalBytes);
  t.c_place = RoundDown(Capacity(parts.l0c()) / 2, dv::kSide * dv::kCRowBytes);
  const int64_t most = RoundDown(t.l0_place / dv::kFractalRowBytes, dv::kSide);  // of rows, columns
  t.panel = std::min({t.w_place / problem.depth, problem.columns, DavinciTail::kMaxPanel});
  t.columns = std::min({t.panel, most, kMostColumns, t.c_place / (dv::kSide * 4)});
  if (t.columns > dv::kSide) t.columns = RoundDown(t.columns, dv::kSide);
  // Rows of a panel fill GM's bursts.
  const int64_t burst = static_cast<int64_t>(machine.dram_burst_bytes().value());
  const bool narrow = t.columns < problem.columns && burst % dv::kSide == 0;
  if (narrow && t.columns > burst) t.columns = RoundDown(t.columns, burst);
  if (t.columns < 1) return absl::UnimplementedError("L1 does not hold a column of its weights");
  t.panel = std::max(RoundDown(t.panel, t.columns), std::min(t.panel, t.columns));
  // Whole blocks, so that a tile of fewer rows, rounded up, fits as well.
  const int64_t c_rows = RoundDown(t.c_place / (RoundUp(t.columns, dv::kSide) * 4), dv::kSide);
  t.rows = std::min({most, kMostRows, c_rows});
  if (problem.window.has_value()) {
    FitWindows(*problem.window, &t);
  } else {
    t.rows = std::min({t.rows, t.a_place / problem.depth, problem.rows});
  }
  if (t.rows < 1) return absl::UnimplementedError("L1 does not hold a row of its input");
  const int64_t sides = RoundUp(std::max(t.rows, t.columns), dv::kSide);
  t.step = std::min(RoundDown(t.l0_place / sides, dv::kFractalRowBytes),
                    RoundUp(problem.depth, dv::kFractalRowBytes));
  if (tail.MaxRows(t.columns) < 1) {
    return absl::UnimplementedError("UB does not hold a row of all its operands");
  }
  return t;
}

void EmitDavinciProduct(const ProductProblem& problem, const DavinciTiling& tiling,
                        const ProductAddresses& addresses, DavinciTail* tail,
                        ProgramBuilder* builder) {
  Emitter(problem, tiling, addresses, tail, builder).Run();
}

}  // namespace strata::compiler
