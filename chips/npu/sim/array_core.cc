#include "chips/npu/sim/array_core.h"

#include <algorithm>
#include <utility>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_datapath.h"
#include "chips/npu/sim/tile_product_as.h"

namespace strata::chips::npu {
namespace {

using Values = std::array<int64_t, kMaxOperands>;

constexpr int64_t kAccBytes = 4;

// By ArrayType.
struct TypeRow {
  DType dtype;
  const char* name;
  int64_t bytes;
  ArrayEvent event;
  TileType tile;
};
constexpr TypeRow kTypes[] = {{I8, "int8", 1, kMacI8, TileType::kI8},
                              {BF16, "bf16", 2, kMacBf16, TileType::kBf16},
                              {F8_E4M3, "fp8 E4M3", 1, kMacF8, TileType::kE4m3},
                              {F8_E5M2, "fp8 E5M2", 1, kMacF8, TileType::kE5m2}};

int64_t Whole(const Figure& figure) { return static_cast<int64_t>(figure.value()); }

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

MemorySpec Spec(const char* name, const Memory& memory) {
  MemorySpec spec;
  spec.name = name;
  spec.bytes = Whole(memory.capacity_bytes());
  spec.banks = static_cast<int>(std::max(memory.banks(), 1u));
  spec.alignment = static_cast<int>(std::max(memory.alignment_bytes(), 1u));
  spec.picojoules_per_byte = memory.picojoules_per_byte().value();
  return spec;
}

absl::Status AtMost(const char* operand, int64_t value, int64_t limit, const char* what) {
  if (value <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(operand, ": ", value, " is more than ", what, ", ", limit));
}

class ArrayCore : public Core {
 public:
  ArrayCore(const Machine& machine, std::optional<Generation> products_as)
      : machine_(machine),
        products_as_(products_as),
        rows_(Whole(machine.array().rows())),
        columns_(Whole(machine.array().columns())),
        width_(columns_ * Whole(machine.array().arrays())),
        planes_(Whole(machine.array().planes())),
        lanes_(Whole(machine.vector_lanes())),
        latency_(Whole(machine.vector_latency_cycles())),
        special_passes_(Whole(machine.special_function_passes())) {
    memories_ = {Spec("DRAM", machine.dram()), Spec("L2", machine.l2()), Spec("L1", machine.l1()),
                 Spec("ACC", machine.accumulators()), MemorySpec()};
    memories_[kDram].declared = true;
    MemorySpec& planes = memories_[kPlane];
    planes.name = "plane";
    planes.bytes = planes_ * PlaneBytes();
    planes.banks = static_cast<int>(std::max<int64_t>(planes_, 1));
    events_ = {{"int8 multiply-adds", machine.picojoules_per_mac_i8().value(), true},
               {"bf16 multiply-adds", machine.picojoules_per_mac_bf16().value(), true},
               {"vector operations", machine.picojoules_per_vector_op().value(), false},
               {"fp8 multiply-adds", machine.picojoules_per_mac_f8().value(), true}};
  }

  const Isa& isa() const override { return ArrayIsa(); }
  const std::vector<MemorySpec>& memories() const override { return memories_; }
  const std::vector<EventSpec>& events() const override { return events_; }
  double clock_hz() const override { return machine_.clock_hz().value(); }
  int queue_depth() const override { return static_cast<int>(Whole(machine_.queue_depth())); }

  std::unique_ptr<Datapath> NewDatapath(MemoryImage* image) const override {
    return NewArrayDatapath({PlanePitch(), PlaneBytes(), lanes_, products_as_}, image);
  }

  absl::Status EffectOf(const Resolved& in, Effect* effect) const override {
    *effect = Effect();
    switch (in.row->opcode) {
      case kLdL2:
        return Copy(in, kL2, kDram, effect);
      case kLdL1:
        return Copy(in, kL1, kDram, effect);
      case kMvL1:
        return Copy(in, kL1, kL2, effect);
      case kMvL2:
        return Copy(in, kL2, kL1, effect);
      case kStL2:
        return Copy(in, kDram, kL2, effect);
      case kStL1:
        return Copy(in, kDram, kL1, effect);
      default:
        break;
    }
    if (in.unit == kVector) return Vector(in, effect);
    if (in.unit == kWeights) return Weights(in, effect);
    if (in.unit == kMatrix) return Product(in, effect);
    return absl::OkStatus();
  }

 private:
  // A plane holds `rows_` rows of `width_` elements of two bytes, the widest type.
  int64_t PlanePitch() const { return width_ * 2; }
  int64_t PlaneBytes() const { return rows_ * PlanePitch(); }

  absl::Status CheckType(int type) const {
    if (!HasType(machine_, kTypes[type].dtype)) {
      return absl::InvalidArgumentError(
          absl::StrCat("machine '", machine_.name(), "' has no ", kTypes[type].name));
    }
    const TileType tile = kTypes[type].tile;
    if (!products_as_.has_value() || tile == TileType::kI8 ||
        TileProductAs::Has(*products_as_, tile))
      return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("a chip of the ", GenerationName(*products_as_),
                                                   " generation multiplies no ",
                                                   kTypes[type].name));
  }

  absl::Status CheckDataflow(Dataflow dataflow) const {
    if (machine_.array().dataflow() == dataflow) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("machine '", machine_.name(), "' is ",
                                                   dataflow == WEIGHT_STATIONARY
                                                       ? "output-stationary; use mmo and mmoa"
                                                       : "weight-stationary; use ldw, mm and mma"));
  }

  absl::Status CheckPlane(int64_t plane) const {
    if (plane < planes_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("plane: ", plane, " does not exist; there are ", planes_));
  }

  absl::Status Copy(const Resolved& in, int to, int from, Effect* effect) const {
    const auto& v = in.values;
    effect->Add({from, false, v[1], v[2], v[3], v[5]});
    effect->Add({to, true, v[0], v[2], v[3], v[4]});
    if (to == kDram || from == kDram) {
      const int64_t burst = Whole(machine_.dram_burst_bytes());
      const int64_t moved = v[2] * CeilDiv(v[3], burst) * burst;
      effect->accesses[from == kDram ? 0 : 1].moved_bytes = moved;
      effect->busy = DramCycles(moved);
      effect->latency = effect->busy + Whole(machine_.dram_latency_cycles());
    } else {
      const int64_t width = std::max<int64_t>(Whole(machine_.l2_bytes_per_cycle()), 1);
      effect->busy = effect->latency = 1 + CeilDiv(v[2] * v[3], width);
    }
    return absl::OkStatus();
  }

  int64_t DramCycles(int64_t bytes) const {
    const __int128 clock = Whole(machine_.clock_hz());
    const int64_t rate = Whole(machine_.dram_bytes_per_second());
    const __int128 cycles = (clock * bytes + rate - 1) / rate;
    return std::max<int64_t>(static_cast<int64_t>(cycles), 1);
  }

  absl::Status Weights(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    const int64_t k = v[2], n = v[3];
    if (in.row->opcode < kLdwI8) return absl::OkStatus();  // a token
    const int type = (in.row->opcode - kLdwI8) % 4;
    const bool transposed = in.row->opcode >= kLdwtI8;
    const int64_t bytes = kTypes[type].bytes;
    STRATA_RETURN_IF_ERROR(CheckDataflow(WEIGHT_STATIONARY));
    STRATA_RETURN_IF_ERROR(CheckType(type));
    STRATA_RETURN_IF_ERROR(CheckPlane(v[0]));
    STRATA_RETURN_IF_ERROR(AtMost("k", k, rows_, "the array's rows"));
    STRATA_RETURN_IF_ERROR(AtMost("n", n, width_, "the columns of all arrays"));
    effect->Add({kL1, false, v[1], transposed ? n : k, (transposed ? k : n) * bytes, v[4]});
    effect->Add({kPlane, true, v[0] * PlaneBytes(), k, n * bytes, PlanePitch()});
    effect->busy = effect->latency = std::max<int64_t>(transposed ? n : k, 1);
    return absl::OkStatus();
  }

  absl::Status Product(const Resolved& in, Effect* effect) const {
    const int opcode = in.row->opcode;
    if (opcode < kMmI8) return absl::OkStatus();  // a token
    const int type = (opcode & 7) >> 1;
    const bool add = (opcode & 1) != 0;
    STRATA_RETURN_IF_ERROR(CheckDataflow(opcode < kMmoI8 ? WEIGHT_STATIONARY : OUTPUT_STATIONARY));
    STRATA_RETURN_IF_ERROR(CheckType(type));
    const auto& v = in.values;
    STRATA_RETURN_IF_ERROR(AtMost("n", v[5], width_, "the columns of all arrays"));
    effect->events[kTypes[type].event] = v[3] * v[4] * v[5];
    return opcode < kMmoI8 ? Stream(v, kTypes[type].bytes, add, effect)
                           : Output(v, kTypes[type].bytes, add, effect);
  }

  absl::Status Stream(const Values& v, int64_t bytes, bool add, Effect* effect) const {
    const int64_t m = v[3], k = v[4], n = v[5];
    STRATA_RETURN_IF_ERROR(CheckPlane(v[2]));
    STRATA_RETURN_IF_ERROR(AtMost("k", k, rows_, "the array's rows"));
    if (n > 0) effect->Add({kL1, false, v[1], m, k * bytes, v[7]});
    if (m > 0) effect->Add({kPlane, false, v[2] * PlaneBytes(), k, n * bytes, PlanePitch()});
    Accumulate(v[0], m, n, v[6], add, effect);
    effect->busy = std::max<int64_t>(m, 1);
    effect->latency = std::max(effect->busy, m + rows_ + columns_ - 2);
    return absl::OkStatus();
  }

  absl::Status Output(const Values& v, int64_t bytes, bool add, Effect* effect) const {
    const int64_t m = v[3], k = v[4], n = v[5];
    STRATA_RETURN_IF_ERROR(AtMost("m", m, rows_, "the array's rows"));
    if (n > 0) effect->Add({kL1, false, v[1], m, k * bytes, v[7]});
    if (m > 0) effect->Add({kL1, false, v[2], k, n * bytes, v[8]});
    Accumulate(v[0], m, n, v[6], add, effect);
    effect->busy = std::max<int64_t>(k + m, 1);
    effect->latency = std::max(effect->busy, k + 2 * m + std::min(n, columns_) - 2);
    return absl::OkStatus();
  }

  // C is one access: `add` says that it is read as well, which the accumulators do in the same cycle.
  static void Accumulate(int64_t address, int64_t m, int64_t n, int64_t stride, bool add,
                         Effect* effect) {
    Access access = {kAcc, true, address, m, n * kAccBytes, stride};
    access.read_first = add;
    effect->Add(access);
  }

  absl::Status Vector(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    const uint8_t opcode = in.row->opcode;
    if (IsVectorBinary(opcode)) return Binary(opcode, v, effect);
    if (IsVectorUnary(opcode)) return Elementwise(opcode, v, kAcc, 4, kAcc, 4, effect);
    if (IsVectorReduction(opcode)) return Reduction(v, effect);
    switch (opcode) {
      case kVcfg:
        return Requantisation(v[1], v[3], v[4]);
      case kVfill:
        Accumulate(v[0], v[1], v[2], v[3], false, effect);
        return Elements(opcode, v[1] * v[2], effect);
      case kVin:
        return Elementwise(opcode, v, kAcc, 4, kL1, 4, effect);
      case kVwidenI8:
      case kVwidenE4m3:
      case kVwidenE5m2:
        return Elementwise(opcode, v, kAcc, 4, kL1, 1, effect);
      case kVwidenBf16:
        return Elementwise(opcode, v, kAcc, 4, kL1, 2, effect);
      case kVout:
        return Elementwise(opcode, v, kL1, 4, kAcc, 4, effect);
      case kVquantI8:
      case kVcastI8:
      case kVcastE4m3:
      case kVcastE5m2:
        return Elementwise(opcode, v, kL1, 1, kAcc, 4, effect);
      case kVcastBf16:
        return Elementwise(opcode, v, kL1, 2, kAcc, 4, effect);
      case kVquantcI8:
        effect->Add({kAcc, false, v[1], v[3], v[4] * kAccBytes, v[6]});
        effect->Add({kL1, false, v[2], v[3] > 0 ? 1 : 0, v[4] * 2 * kAccBytes, 0});
        effect->Add({kL1, true, v[0], v[3], v[4], v[5]});
        return Elements(opcode, v[3] * v[4], effect);
      case kVmacI8:
        effect->Add({kL1, false, v[1], v[3], v[4], v[6]});
        effect->Add({kL1, false, v[2], v[3] > 0 ? 1 : 0, v[4], 0});
        Accumulate(v[0], v[3], v[4], v[5], true, effect);
        return Elements(opcode, v[3] * v[4], effect);
      default:
        return absl::OkStatus();  // a token
    }
  }

  absl::Status Binary(uint8_t opcode, const Values& v, Effect* effect) const {
    STRATA_RETURN_IF_ERROR(AtMost("kind", v[8], kColumns, "the last kind"));
    const int64_t row = v[4] * kAccBytes, one = v[4] > 0 ? kAccBytes : 0;
    effect->Add({kAcc, false, v[1], v[3], (v[8] & kColumnA) != 0 ? one : row, v[6]});
    effect->Add({kAcc, false, v[2], v[3], (v[8] & kColumnB) != 0 ? one : row, v[7]});
    Accumulate(v[0], v[3], v[4], v[5], opcode == kVselect, effect);
    return Elements(opcode, v[3] * v[4], effect);
  }

  absl::Status Reduction(const Values& v, Effect* effect) const {
    const int64_t rows = v[2], cols = v[3];
    effect->Add({kAcc, false, v[1], rows, cols * kAccBytes, v[5]});
    effect->Add({kAcc, true, v[0], rows, kAccBytes, v[4]});
    int64_t cycles = latency_ + rows * CeilDiv(cols, lanes_);
    for (int64_t width = std::min(std::max<int64_t>(cols, 1), lanes_); width > 1;
         width = CeilDiv(width, 2)) {
      ++cycles;
    }
    effect->busy = effect->latency = std::max<int64_t>(cycles, 1);
    effect->events[kVectorOp] = rows * cols;
    return absl::OkStatus();
  }

  static absl::Status Requantisation(int64_t shift, int64_t low, int64_t high) {
    if (shift >= 0 && shift <= 62 && -128 <= low && low <= high && high <= 127) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("shift ", shift, ", low ", low, ", high ", high,
                                                   ": give 0 <= shift <= 62 and -128 <= low <= "
                                                   "high <= 127"));
  }

  absl::Status Elementwise(uint8_t opcode, const Values& v, int to, int64_t to_bytes, int from,
                           int64_t from_bytes, Effect* effect) const {
    effect->Add({from, false, v[1], v[2], v[3] * from_bytes, v[5]});
    effect->Add({to, true, v[0], v[2], v[3] * to_bytes, v[4]});
    return Elements(opcode, v[2] * v[3], effect);
  }

  absl::Status Elements(uint8_t opcode, int64_t count, Effect* effect) const {
    const int64_t passes = IsSpecialFunction(opcode) ? special_passes_ : 1;
    effect->busy = effect->latency =
        std::max<int64_t>(latency_ + passes * CeilDiv(count, lanes_), 1);
    effect->events[kVectorOp] = passes * count;
    return absl::OkStatus();
  }

  const Machine machine_;
  const std::optional<Generation> products_as_;
  const int64_t rows_, columns_, width_, planes_;
  const int64_t lanes_, latency_, special_passes_;
  std::vector<MemorySpec> memories_;
  std::vector<EventSpec> events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> NewArrayCore(const Machine& machine,
                                                   std::optional<Generation> products_as) {
  STRATA_RETURN_IF_ERROR(ValidateMachine(machine));
  return std::make_unique<ArrayCore>(machine, products_as);
}

}  // namespace strata::chips::npu
