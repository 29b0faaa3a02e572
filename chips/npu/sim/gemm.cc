#include "chips/npu/sim/gemm.h"

#include <algorithm>
#include <initializer_list>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kAccBytes = 4;
constexpr int64_t kRegionAlignment = 4096;
constexpr int64_t kParts = 6;  // of L1: A, W and C, two places each

int64_t Whole(const Figure& figure) { return static_cast<int64_t>(figure.value()); }
int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t BytesOf(DType type) { return type == BF16 ? 2 : 1; }
const char* SuffixOf(DType type) {
  return type == I8 ? ".i8" : type == BF16 ? ".bf16" : type == F8_E4M3 ? ".e4m3" : ".e5m2";
}
int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

// Where the tiles lie.
struct Layout {
  int64_t part = 0;                                 // bytes of a part of L1
  int64_t half = 0;                                 // bytes of a half of the accumulators
  int64_t a = 0, w = 0, c = 0;                      // DRAM
  int64_t a_pitch = 0, w_pitch = 0, out_pitch = 0;  // of full tiles' rows in L1
  GemmTiles tiles;
};

absl::Status DoesNotFit(const Machine& machine) {
  return absl::InvalidArgumentError(
      absl::StrCat("machine '", machine.name(), "': no tile fits into L1 and the accumulators"));
}

absl::StatusOr<Layout> Plan(const Machine& machine, const GemmShape& shape, int64_t bytes) {
  Layout layout;
  const int64_t alignment = machine.l1().alignment_bytes();
  const int64_t l1 = Whole(machine.l1().capacity_bytes());
  const int64_t bank = l1 / machine.l1().banks();
  const int64_t banks = machine.l1().banks() / kParts;
  layout.part = banks > 0 ? banks * bank : l1 / kParts / alignment * alignment;
  layout.half = Whole(machine.accumulators().capacity_bytes()) / 2;
  const Array& array = machine.array();
  const bool stationary = array.dataflow() == WEIGHT_STATIONARY;
  const int64_t width = Whole(array.columns()) * Whole(array.arrays());
  GemmTiles& tiles = layout.tiles;
  tiles.n = std::min(shape.n, width);
  layout.out_pitch = RoundUp(tiles.n * kAccBytes, alignment);
  layout.w_pitch = RoundUp(tiles.n * bytes, alignment);
  const int64_t deep = std::min<int64_t>(layout.part / layout.w_pitch, 4096);
  if (deep < 1) return DoesNotFit(machine);
  tiles.k = std::min(shape.k, stationary ? std::min(Whole(array.rows()), deep) : deep);
  // Weight-stationary tiles of A are narrow: several are loaded at once where a burst is wider.
  const int64_t burst = Whole(machine.dram_burst_bytes());
  const int64_t wide =
      std::min(tiles.k * CeilDiv(burst, tiles.k * bytes), deep / tiles.k * tiles.k);
  tiles.load_k = stationary ? std::min(shape.k, wide) : tiles.k;
  layout.a_pitch = RoundUp(tiles.load_k * bytes, alignment);
  tiles.m = std::min({shape.m, layout.half / layout.out_pitch, layout.part / layout.out_pitch,
                      layout.part / std::max<int64_t>(layout.a_pitch, 1), int64_t{65535}});
  if (!stationary) tiles.m = std::min(tiles.m, Whole(array.rows()));
  if (tiles.m < 1) return DoesNotFit(machine);
  layout.w = RoundUp(shape.m * shape.k * bytes, kRegionAlignment);
  layout.c = layout.w + RoundUp(shape.k * shape.n * bytes, kRegionAlignment);
  return layout;
}

class Generator {
 public:
  Generator(const Machine& machine, const GemmShape& shape, const Layout& layout)
      : shape_(shape),
        layout_(layout),
        stationary_(machine.array().dataflow() == WEIGHT_STATIONARY),
        bytes_(BytesOf(shape.type)),
        suffix_(SuffixOf(shape.type)),
        places_(shape.double_buffered ? 2 : 1),
        planes_(std::min<int64_t>(places_, std::max<int64_t>(Whole(machine.array().planes()), 1))) {
    program_.isa = &ArrayIsa();
    program_.name = "gemm";
    AddRegion(RegionKind::kInput, "A", 0, shape.m * shape.k * bytes_);
    AddRegion(RegionKind::kInput, "W", layout.w, shape.k * shape.n * bytes_);
    AddRegion(RegionKind::kOutput, "C", layout.c, shape.m * shape.n * kAccBytes);
  }

  Program Run() {
    const GemmTiles& t = layout_.tiles;
    const int64_t outputs = CeilDiv(shape_.m, t.m) * CeilDiv(shape_.n, t.n);
    outputs_ = outputs;
    loads_ = outputs * CeilDiv(shape_.k, t.load_k);
    products_ = outputs * CeilDiv(shape_.k, t.k);
    for (int64_t n = 0; n < shape_.n; n += t.n) {
      for (int64_t m = 0; m < shape_.m; m += t.m) OutputTile(m, n);
    }
    return std::move(program_);
  }

 private:
  void AddRegion(RegionKind kind, const char* name, int64_t address, int64_t bytes) {
    program_.regions.push_back(
        {kind, name, static_cast<uint64_t>(address), static_cast<uint64_t>(bytes)});
  }

  void Emit(const std::string& name, std::initializer_list<int64_t> operands) {
    Instruction instruction;
    instruction.row = program_.isa->Find(name);
    size_t i = 0;
    for (const int64_t operand : operands) instruction.operands[i++].value = operand;
    program_.instructions.push_back(instruction);
  }
  void Signal(int from, int to, int64_t token) { Emit("signal", {from, to, token}); }
  void Wait(int from, int to, int64_t token) { Emit("wait", {from, to, token}); }

  int64_t PlaceOfA(int64_t place) const { return layout_.part * place; }
  int64_t PlaceOfW(int64_t place) const { return layout_.part * (2 + place); }
  int64_t PlaceOfOutput(int64_t place) const { return layout_.part * (4 + place); }

  // The products along k for the tile of C at (m, n), and its way out.
  void OutputTile(int64_t m, int64_t n) {
    const GemmTiles& full = layout_.tiles;
    GemmTiles tile = {std::min(full.m, shape_.m - m), 0, std::min(full.n, shape_.n - n), 0};
    for (int64_t k = 0; k < shape_.k; k += full.load_k) {
      tile.load_k = std::min(full.load_k, shape_.k - k);
      Loads(m, k, n, tile);
      for (int64_t inner = 0; inner < tile.load_k; inner += full.k) {
        tile.k = std::min(full.k, tile.load_k - inner);
        const bool last = inner + tile.k == tile.load_k;
        if (stationary_) Weights(inner, last, tile);
        Product(k, inner, last, tile);
        ++product_;
      }
      ++load_;
    }
    Output(m, n, tile);
    ++output_;
  }

  bool IsReused() const { return load_ + places_ < loads_; }

  void Loads(int64_t m, int64_t k, int64_t n, const GemmTiles& tile) {
    const int64_t place = load_ % places_;
    if (load_ >= places_) {
      Wait(kMatrix, kLoad, place);
      if (stationary_) Wait(kWeights, kLoad, place);
    }
    Emit("ld.l1", {PlaceOfA(place), (m * shape_.k + k) * bytes_, tile.m, tile.load_k * bytes_,
                   layout_.a_pitch, shape_.k * bytes_});
    Emit("ld.l1", {PlaceOfW(place), layout_.w + (k * shape_.n + n) * bytes_, tile.load_k,
                   tile.n * bytes_, layout_.w_pitch, shape_.n * bytes_});
    if (stationary_) Signal(kLoad, kWeights, place);
    Signal(kLoad, kMatrix, place);
  }

  // Rows `inner` and on of the loaded W go into a plane.
  void Weights(int64_t inner, bool last, const GemmTiles& tile) {
    const int64_t place = load_ % places_;
    const int64_t plane = product_ % planes_;
    if (inner == 0) Wait(kLoad, kWeights, place);
    if (product_ >= planes_) Wait(kMatrix, kWeights, plane);
    Emit("ldw" + suffix_,
         {plane, PlaceOfW(place) + inner * layout_.w_pitch, tile.k, tile.n, layout_.w_pitch});
    if (last && IsReused()) Signal(kWeights, kLoad, place);
    Signal(kWeights, kMatrix, plane);
  }

  void Product(int64_t k, int64_t inner, bool last, const GemmTiles& tile) {
    const int64_t place = load_ % places_;
    const int64_t plane = product_ % planes_;
    const int64_t acc = layout_.half * (output_ % places_);
    const int64_t a = PlaceOfA(place) + inner * bytes_;
    const bool first = k + inner == 0;
    if (inner == 0) Wait(kLoad, kMatrix, place);
    if (stationary_) Wait(kWeights, kMatrix, plane);
    if (first && output_ >= places_) Wait(kVector, kMatrix, output_ % places_);
    if (stationary_) {
      Emit((first ? "mm" : "mma") + suffix_,
           {acc, a, plane, tile.m, tile.k, tile.n, layout_.out_pitch, layout_.a_pitch});
      if (product_ + planes_ < products_) Signal(kMatrix, kWeights, plane);
    } else {
      Emit((first ? "mmo" : "mmoa") + suffix_,
           {acc, a, PlaceOfW(place), tile.m, tile.k, tile.n, layout_.out_pitch, layout_.a_pitch,
            layout_.w_pitch});
    }
    if (last && IsReused()) Signal(kMatrix, kLoad, place);
  }

  void Output(int64_t m, int64_t n, const GemmTiles& tile) {
    const int64_t place = output_ % places_;
    const bool reused = output_ + places_ < outputs_;
    const int64_t pitch = layout_.out_pitch;
    Signal(kMatrix, kVector, place);
    Wait(kMatrix, kVector, place);
    if (output_ >= places_) Wait(kStore, kVector, place);
    Emit("vout.32", {PlaceOfOutput(place), layout_.half * place, tile.m, tile.n, pitch, pitch});
    if (reused) Signal(kVector, kMatrix, place);
    Signal(kVector, kStore, place);
    Wait(kVector, kStore, place);
    Emit("st.l1", {layout_.c + (m * shape_.n + n) * kAccBytes, PlaceOfOutput(place), tile.m,
                   tile.n * kAccBytes, shape_.n * kAccBytes, pitch});
    if (reused) Signal(kStore, kVector, place);
  }

  const GemmShape shape_;
  const Layout layout_;
  const bool stationary_;
  const int64_t bytes_;
  const std::string suffix_;
  const int64_t places_;
  const int64_t planes_;
  Program program_;
  int64_t loads_ = 0, products_ = 0, outputs_ = 0;  // in all
  int64_t load_ = 0, product_ = 0, output_ = 0;     // so far
};

}  // namespace

absl::StatusOr<GemmProgram> MakeGemm(const Machine& machine, const GemmShape& shape) {
  STRATA_RETURN_IF_ERROR(ValidateMachine(machine));
  if (shape.m < 1 || shape.k < 1 || shape.n < 1) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", shape.m, " x ", shape.k, " x ",
                                                   shape.n, ": give sizes of at least 1"));
  }
  if (!HasType(machine, shape.type)) {
    return absl::InvalidArgumentError(
        absl::StrCat("machine '", machine.name(), "' does not multiply ", DType_Name(shape.type)));
  }
  const int64_t bytes = BytesOf(shape.type);
  const int64_t longest = RangeOf(OperandKind::kStride).high;
  if (shape.k > longest / bytes || shape.n > longest / kAccBytes) {
    return absl::InvalidArgumentError(absl::StrCat("k ", shape.k, ", n ", shape.n,
                                                   ": rows are longer than a stride of ", longest,
                                                   " bytes; cut the product"));
  }
  if (shape.m >
      RangeOf(OperandKind::kAddress).high / (std::max(shape.k, shape.n) * kAccBytes * 3)) {
    return absl::InvalidArgumentError(absl::StrCat("m ", shape.m,
                                                   ": the matrices are larger than "
                                                   "what an address reaches; cut the product"));
  }
  STRATA_ASSIGN_OR_RETURN(const Layout layout, Plan(machine, shape, bytes));
  return GemmProgram{Generator(machine, shape, layout).Run(), layout.tiles};
}

}  // namespace strata::chips::npu
