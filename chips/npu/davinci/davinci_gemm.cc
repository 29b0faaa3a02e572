#include "chips/npu/davinci/davinci_gemm.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/machine/machine.h"

namespace strata::chips::npu::davinci {
namespace {

constexpr int64_t kRegionAlignment = 4096;

int64_t Whole(const Figure& figure) { return static_cast<int64_t>(figure.value()); }
int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }
int64_t RoundDown(int64_t a, int64_t b) { return a / b * b; }

// Sizes of tiles, and where they lie. Each buffer is cut in two places; L1's places have three quarters
// for B and one for A, UB's a third each for C, for what becomes of it, and for bias and scale.
struct Layout {
  int64_t tile_m = 0, tile_n = 0;
  int64_t panel_n = 0;                           // columns of B in L1; a multiple of tile_n
  int64_t load_k = 0;                            // columns of A in L1
  int64_t step_k = 0;                            // of a product: what L0A and L0B hold
  int64_t rows = 0;                              // of C that V takes at a time
  int64_t a_place = 0, b_place = 0, a_base = 0;  // L1
  int64_t l0 = 0, l0c = 0, ub = 0;               // bytes of a place
};

Layout Fit(const Machine& machine, const DavinciGemmShape& shape, int64_t bytes) {
  const DavinciParts& parts = machine.davinci();
  const int64_t k0 = kFractalRowBytes / bytes;
  Layout l;
  const int64_t l1 = Whole(machine.l1().capacity_bytes());
  l.b_place = RoundDown(l1 * 3 / 8, kUbBlockBytes);
  l.a_base = 2 * l.b_place;
  l.a_place = RoundDown(l1 / 8, kUbBlockBytes);
  l.l0 = RoundDown(
      std::min(Whole(parts.l0a().capacity_bytes()), Whole(parts.l0b().capacity_bytes())) / 2,
      kFractalBytes);
  l.l0c = RoundDown(Whole(parts.l0c().capacity_bytes()) / 2, kSide * kCRowBytes);
  l.ub = RoundDown(Whole(parts.ub().capacity_bytes()) / 8, 2 * kUbBlockBytes);
  // As near to a square of C as its place allows, and no wider than B's panel.
  const int64_t wide = RoundDown(std::min(l.b_place / (shape.k * bytes), l.ub / 8), kSide);
  const int64_t l0c_n = RoundDown(l.l0c / (kSide * 4), kSide);
  const int64_t l0b_n = RoundDown(l.l0 / kFractalRowBytes, kSide);
  l.tile_n = std::min({wide, l0c_n, l0b_n, RoundUp(shape.n, kSide), int64_t{128}});
  if (l.tile_n < kSide) return l;
  l.panel_n = RoundDown(std::min(wide, RoundUp(shape.n, l.tile_n)), l.tile_n);
  l.tile_m = std::min({RoundDown(l.l0c / (l.tile_n * 4), kSide), RoundUp(shape.m, kSide),
                       RoundDown(l.l0 / kFractalRowBytes, kSide), int64_t{256}});
  if (l.tile_m < kSide) return l;
  const int64_t step = std::min(l.l0 / (l.tile_m * bytes), l.l0 / (l.tile_n * bytes));
  l.step_k = std::min(RoundDown(step, k0), RoundUp(shape.k, k0));
  if (l.step_k < k0) return l;
  l.load_k =
      std::min(RoundDown(l.a_place / (l.tile_m * bytes), l.step_k), RoundUp(shape.k, l.step_k));
  l.rows = std::min(l.ub / (l.tile_n * 4), l.tile_m);
  return l;
}

class Generator {
 public:
  Generator(const DavinciGemmShape& shape, const Layout& layout)
      : shape_(shape),
        l_(layout),
        half_(shape.type == F16),
        bytes_(half_ ? 2 : 1),
        out_bytes_(shape.narrow ? bytes_ : 4),
        places_(shape.double_buffered ? 2 : 1) {
    program_.isa = &DavinciIsa();
    program_.name = "gemm";
    a_ = AddRegion(RegionKind::kInput, "A", shape.m * shape.k * bytes_);
    b_ = AddRegion(RegionKind::kInput, "B", shape.k * shape.n * bytes_);
    if (shape.bias) bias_ = AddRegion(RegionKind::kInput, "bias", shape.n * 4);
    if (Scales()) scale_ = AddRegion(RegionKind::kInput, "scale", shape.n * 8);
    c_ = AddRegion(RegionKind::kOutput, "C", shape.m * shape.n * out_bytes_);
  }

  Program Run() {
    if (Scales()) Emit(kVcfg, {0, -128, 127});
    for (int64_t n = 0; n < shape_.n; n += l_.panel_n) Panel(n, std::min(l_.panel_n, shape_.n - n));
    // What is signalled for places that nobody fills any more.
    for (const auto& [pair, given] : open_) {
      for (int64_t i = 0; i < given; ++i) Emit(kWait, {pair.from, pair.to, pair.index});
    }
    return std::move(program_);
  }

 private:
  // A flag that says that a place is free again.
  struct Pair {
    int64_t from, to, index;
  };

  bool Scales() const { return shape_.narrow && !half_; }

  int64_t AddRegion(RegionKind kind, const char* name, int64_t bytes) {
    const int64_t address = end_;
    program_.regions.push_back(
        {kind, name, static_cast<uint64_t>(address), static_cast<uint64_t>(bytes)});
    end_ = RoundUp(address + bytes, kRegionAlignment);
    return address;
  }

  void Emit(uint8_t opcode, std::initializer_list<int64_t> operands) {
    Instruction instruction;
    instruction.row = program_.isa->FindOpcode(opcode);
    size_t i = 0;
    for (const int64_t operand : operands) instruction.operands[i++].value = operand;
    program_.instructions.push_back(instruction);
  }

  // The next pipe goes on with what this one made.
  void Hand(int from, int to, int64_t index) {
    Emit(kSignal, {from, to, index});
    Emit(kWait, {from, to, index});
  }

  void Release(int from, int to, int64_t index) {
    Emit(kSignal, {from, to, index});
    for (auto& [pair, given] : open_) {
      if (pair.from == from && pair.to == to && pair.index == index) {
        ++given;
        return;
      }
    }
    open_.push_back({{from, to, index}, 1});
  }

  // Waits for the place to be free, unless it has never been used.
  void Acquire(int from, int to, int64_t index) {
    for (auto& [pair, given] : open_) {
      if (pair.from != from || pair.to != to || pair.index != index || given == 0) continue;
      --given;
      Emit(kWait, {from, to, index});
    }
  }

  // All of k of a panel's columns of B in L1, their bias and scale in UB, and all of A by them.
  void Panel(int64_t n, int64_t cols) {
    const int64_t place = panel_ % places_;
    Acquire(kMte1, kMte2, kPanelFlag + place);
    Emit(kLdL1, {place * l_.b_place, b_ + n * bytes_, shape_.k, cols * bytes_, cols * bytes_,
                 shape_.n * bytes_});
    if (shape_.bias || Scales()) {
      Acquire(kV, kMte2, kPanelFlag + place);
      if (shape_.bias) Emit(kLdUb, {BiasPlace(), bias_ + n * 4, 1, cols * 4, 0, 0});
      if (Scales()) {
        Emit(kLdUb, {ScalePlace(), scale_ + n * 4, 2, cols * 4, l_.ub / 2, shape_.n * 4});
      }
      Hand(kMte2, kV, kPanelFlag + place);
    }
    Hand(kMte2, kMte1, kPanelFlag + place);
    if (WholeK()) LoadA(0, 0, shape_.k);
    for (int64_t m = 0; m < shape_.m; m += l_.tile_m) {
      const int64_t rows = std::min(l_.tile_m, shape_.m - m);
      // Before the tiles that use the last rows: a place is free for the next ones.
      const bool more = m + l_.tile_m < shape_.m;
      const bool ahead = WholeK() && more && places_ > 1;
      if (ahead) LoadA(m + l_.tile_m, 0, shape_.k);
      for (int64_t j = 0; j < cols; j += l_.tile_n) {
        Tile({m, rows, n, j, std::min(l_.tile_n, cols - j), cols});
      }
      if (WholeK()) ReleaseA();
      if (WholeK() && more && !ahead) LoadA(m + l_.tile_m, 0, shape_.k);
    }
    Release(kMte1, kMte2, kPanelFlag + place);
    if (shape_.bias || Scales()) Release(kV, kMte2, kPanelFlag + place);
    ++panel_;
  }

  int64_t BiasPlace() const { return (4 + panel_ % places_ * 2) * l_.ub; }
  int64_t ScalePlace() const { return (5 + panel_ % places_ * 2) * l_.ub; }

  // Whether a place of L1 holds the rows of A for all of k, so that all tiles of a panel share them.
  bool WholeK() const { return l_.load_k >= shape_.k; }

  int64_t PlaceOfA() const { return l_.a_base + load_ % places_ * l_.a_place; }

  void LoadA(int64_t m, int64_t k, int64_t depth) {
    const int64_t place = issued_++ % places_;
    Acquire(kMte1, kMte2, place);
    Emit(kLdL1,
         {l_.a_base + place * l_.a_place, a_ + (m * shape_.k + k) * bytes_,
          std::min(l_.tile_m, shape_.m - m), depth * bytes_, depth * bytes_, shape_.k * bytes_});
    Emit(kSignal, {kMte2, kMte1, place});
  }
  // Before the first use.
  void TakeA() { Emit(kWait, {kMte2, kMte1, load_ % places_}); }
  void ReleaseA() { Release(kMte1, kMte2, load_++ % places_); }

  // A tile of C: rows from m on, columns from n + j on, of a panel of `panel` columns.
  struct TileOfC {
    int64_t m, rows, n, j, cols, panel;
  };

  void Tile(const TileOfC& t) {
    for (int64_t k = 0; k < shape_.k; k += l_.load_k) {
      const int64_t depth = std::min(l_.load_k, shape_.k - k);
      if (!WholeK()) LoadA(t.m, k, depth);
      if (!WholeK() || t.j == 0) TakeA();
      for (int64_t at = 0; at < depth; at += l_.step_k) {
        Step(t, k, at, std::min(l_.step_k, depth - at), depth);
      }
      if (!WholeK()) ReleaseA();
    }
    Hand(kM, kV, tile_ % places_);
    Output(t);
    Release(kV, kM, tile_++ % places_);
  }

  // A product of `step` columns of k, from column `at` of the part of A that starts at column k.
  void Step(const TileOfC& t, int64_t k, int64_t at, int64_t step, int64_t depth) {
    const int64_t place = step_++ % places_;
    const int64_t l0 = place * l_.l0, c_place = tile_ % places_;
    const int64_t b = panel_ % places_ * l_.b_place + t.j * bytes_;
    const int64_t b_stride = t.panel * bytes_;
    const bool first = k + at == 0;
    Acquire(kM, kMte1, place);
    Emit(half_ ? kLoadAF16 : kLoadAI8,
         {l0, PlaceOfA() + at * bytes_, t.rows, step, depth * bytes_});
    Emit(half_ ? kLoadBF16 : kLoadBI8, {l0, b + (k + at) * b_stride, step, t.cols, b_stride});
    Hand(kMte1, kM, place);
    if (first) Acquire(kV, kM, c_place);
    const uint8_t product = half_ ? (first ? kMmadF16 : kMmadaF16) : (first ? kMmadI8 : kMmadaI8);
    Emit(product, {c_place * l_.l0c, l0, l0, t.rows, step, t.cols});
    Release(kM, kMte1, place);
  }

  // C's tile by rows: out of L0C, through V, to GM.
  void Output(const TileOfC& t) {
    const int64_t pitch = RoundUp(t.cols * 4, kUbBlockBytes);
    const int64_t out_pitch = RoundUp(t.cols * out_bytes_, kUbBlockBytes);
    const int64_t c = tile_ % places_ * l_.l0c;
    for (int64_t r = 0; r < t.rows; r += l_.rows) {
      const int64_t part = std::min(l_.rows, t.rows - r);
      const int64_t place = part_++ % places_;
      const int64_t wide = place * l_.ub;
      const int64_t out = shape_.narrow ? (2 + place) * l_.ub : wide;
      Acquire(kMte3, kV, place);
      Emit(kMvC,
           {wide, c + r * kCRowBytes, part, t.cols, pitch, RoundUp(t.rows, kSide) * kCRowBytes});
      Epilogue({wide, out, part, t.cols, pitch, out_pitch, t.j});
      Hand(kV, kMte3, place);
      Emit(kStUb, {c_ + ((t.m + r) * shape_.n + t.n + t.j) * out_bytes_, out, part,
                   t.cols * out_bytes_, shape_.n * out_bytes_, out_pitch});
      Release(kMte3, kV, place);
    }
  }

  // Rows of C in UB, and where the narrow ones go.
  struct RowsOfC {
    int64_t wide, out, rows, cols, pitch, out_pitch;
    int64_t j;  // first column within the panel
  };

  void Epilogue(const RowsOfC& c) {
    if (shape_.bias) {
      Emit(kBarrier, {kV});
      Emit(half_ ? kVaddF32 : kVaddI32,
           {c.wide, c.wide, BiasPlace() + c.j * 4, c.rows, c.cols, c.pitch, c.pitch, 0});
    }
    if (shape_.relu) {
      Emit(kBarrier, {kV});
      Emit(half_ ? kVreluF32 : kVreluI32, {c.wide, c.wide, c.rows, c.cols, c.pitch, c.pitch});
    }
    if (!shape_.narrow) return;
    Emit(kBarrier, {kV});
    if (half_) {
      Emit(kVconvF32F16, {c.out, c.wide, c.rows, c.cols, c.out_pitch, c.pitch});
    } else {
      const int64_t multiplier = ScalePlace() + c.j * 4;
      Emit(kVquantcI8, {c.out, c.wide, multiplier, multiplier + l_.ub / 2, c.rows, c.cols,
                        c.out_pitch, c.pitch});
    }
  }

  static constexpr int64_t kPanelFlag = 2;  // flags from here on are panels', those below tiles'

  const DavinciGemmShape shape_;
  const Layout l_;
  const bool half_;
  const int64_t bytes_, out_bytes_, places_;
  Program program_;
  int64_t end_ = 0;  // of the regions
  int64_t a_ = 0, b_ = 0, bias_ = 0, scale_ = 0, c_ = 0;
  int64_t panel_ = 0, tile_ = 0, issued_ = 0, load_ = 0, step_ = 0, part_ = 0;
  std::vector<std::pair<Pair, int64_t>> open_;
};

absl::Status CheckShape(const Machine& machine, const DavinciGemmShape& s) {
  if (s.m < 1 || s.k < 1 || s.n < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", s.m, " x ", s.k, " x ", s.n, ": give sizes of at least 1"));
  }
  if ((s.type != I8 && s.type != F16) || !HasType(machine, s.type)) {
    return absl::InvalidArgumentError(
        absl::StrCat("machine '", machine.name(), "' does not multiply ", DType_Name(s.type)));
  }
  const int64_t limit = RangeOf(OperandKind::kSize).high;
  if (s.k > limit || s.n > RangeOf(OperandKind::kStride).high / 4 ||
      s.m > RangeOf(OperandKind::kAddress).high / (std::max(s.k, s.n) * 16)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", s.m, " x ", s.k, " x ", s.n, ": more than an operand holds; cut the product"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Program> MakeDavinciGemm(const Machine& machine, const DavinciGemmShape& shape) {
  STRATA_RETURN_IF_ERROR(ValidateMachine(machine));
  if (!machine.has_davinci()) {
    return absl::InvalidArgumentError(
        absl::StrCat("davinci: is unset; machine '", machine.name(), "' is no DaVinci core"));
  }
  STRATA_RETURN_IF_ERROR(CheckShape(machine, shape));
  const Layout layout = Fit(machine, shape, shape.type == F16 ? 2 : 1);
  if (layout.tile_n < kSide || layout.tile_m < kSide || layout.load_k < 1 || layout.rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat("machine '", machine.name(), "': no tile of k ",
                                                   shape.k, " fits into its buffers"));
  }
  return Generator(shape, layout).Run();
}

}  // namespace strata::chips::npu::davinci
