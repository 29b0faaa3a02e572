#include "chips/npu/sim/array_core.h"

#include <algorithm>
#include <utility>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_datapath.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kAccBytes = 4;

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
  explicit ArrayCore(const Machine& machine)
      : machine_(machine),
        rows_(Whole(machine.array().rows())),
        columns_(Whole(machine.array().columns())),
        width_(columns_ * Whole(machine.array().arrays())),
        planes_(Whole(machine.array().planes())) {
    memories_ = {Spec("DRAM", machine.dram()), Spec("L2", machine.l2()), Spec("L1", machine.l1()),
                 Spec("ACC", machine.accumulators()), MemorySpec()};
    memories_[kDram].declared = true;
    MemorySpec& planes = memories_[kPlane];
    planes.name = "plane";
    planes.bytes = planes_ * PlaneBytes();
    planes.banks = static_cast<int>(std::max<int64_t>(planes_, 1));
    events_ = {{"int8 multiply-adds", machine.picojoules_per_mac_i8().value(), true},
               {"bf16 multiply-adds", machine.picojoules_per_mac_bf16().value(), true},
               {"vector operations", machine.picojoules_per_vector_op().value(), false}};
  }

  const Isa& isa() const override { return ArrayIsa(); }
  const std::vector<MemorySpec>& memories() const override { return memories_; }
  const std::vector<EventSpec>& events() const override { return events_; }
  double clock_hz() const override { return machine_.clock_hz().value(); }
  int queue_depth() const override { return static_cast<int>(Whole(machine_.queue_depth())); }

  std::unique_ptr<Datapath> NewDatapath(MemoryImage* image) const override {
    return NewArrayDatapath(PlanePitch(), PlaneBytes(), image);
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
      case kLdwI8:
        return Weights(in, 1, effect);
      case kLdwBf16:
        return Weights(in, 2, effect);
      case kMmI8:
      case kMmaI8:
        return Stream(in, 1, in.row->opcode == kMmaI8, effect);
      case kMmBf16:
      case kMmaBf16:
        return Stream(in, 2, in.row->opcode == kMmaBf16, effect);
      case kMmoI8:
      case kMmoaI8:
        return Output(in, 1, in.row->opcode == kMmoaI8, effect);
      case kMmoBf16:
      case kMmoaBf16:
        return Output(in, 2, in.row->opcode == kMmoaBf16, effect);
      default:
        return in.unit == kVector ? Vector(in, effect) : absl::OkStatus();
    }
  }

 private:
  // A plane holds `rows_` rows of `width_` elements of two bytes, the widest type.
  int64_t PlanePitch() const { return width_ * 2; }
  int64_t PlaneBytes() const { return rows_ * PlanePitch(); }

  absl::Status CheckType(int64_t bytes) const {
    if (HasType(machine_, bytes == 1 ? I8 : BF16)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("machine '", machine_.name(), "' has no ", bytes == 1 ? "int8" : "bf16"));
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

  absl::Status Weights(const Resolved& in, int64_t bytes, Effect* effect) const {
    const auto& v = in.values;
    const int64_t k = v[2], n = v[3];
    STRATA_RETURN_IF_ERROR(CheckDataflow(WEIGHT_STATIONARY));
    STRATA_RETURN_IF_ERROR(CheckType(bytes));
    STRATA_RETURN_IF_ERROR(CheckPlane(v[0]));
    STRATA_RETURN_IF_ERROR(AtMost("k", k, rows_, "the array's rows"));
    STRATA_RETURN_IF_ERROR(AtMost("n", n, width_, "the columns of all arrays"));
    effect->Add({kL1, false, v[1], k, n * bytes, v[4]});
    effect->Add({kPlane, true, v[0] * PlaneBytes(), k, n * bytes, PlanePitch()});
    effect->busy = effect->latency = std::max<int64_t>(k, 1);
    return absl::OkStatus();
  }

  absl::Status Stream(const Resolved& in, int64_t bytes, bool add, Effect* effect) const {
    const auto& v = in.values;
    const int64_t m = v[3], k = v[4], n = v[5];
    STRATA_RETURN_IF_ERROR(CheckDataflow(WEIGHT_STATIONARY));
    STRATA_RETURN_IF_ERROR(CheckType(bytes));
    STRATA_RETURN_IF_ERROR(CheckPlane(v[2]));
    STRATA_RETURN_IF_ERROR(AtMost("k", k, rows_, "the array's rows"));
    STRATA_RETURN_IF_ERROR(AtMost("n", n, width_, "the columns of all arrays"));
    if (n > 0) effect->Add({kL1, false, v[1], m, k * bytes, v[7]});
    if (m > 0) effect->Add({kPlane, false, v[2] * PlaneBytes(), k, n * bytes, PlanePitch()});
    Accumulate(v[0], m, n, v[6], add, effect);
    effect->busy = std::max<int64_t>(m, 1);
    effect->latency = std::max(effect->busy, m + rows_ + columns_ - 2);
    effect->events[bytes == 1 ? kMacI8 : kMacBf16] = m * k * n;
    return absl::OkStatus();
  }

  absl::Status Output(const Resolved& in, int64_t bytes, bool add, Effect* effect) const {
    const auto& v = in.values;
    const int64_t m = v[3], k = v[4], n = v[5];
    STRATA_RETURN_IF_ERROR(CheckDataflow(OUTPUT_STATIONARY));
    STRATA_RETURN_IF_ERROR(CheckType(bytes));
    STRATA_RETURN_IF_ERROR(AtMost("m", m, rows_, "the array's rows"));
    STRATA_RETURN_IF_ERROR(AtMost("n", n, width_, "the columns of all arrays"));
    if (n > 0) effect->Add({kL1, false, v[1], m, k * bytes, v[7]});
    if (m > 0) effect->Add({kL1, false, v[2], k, n * bytes, v[8]});
    Accumulate(v[0], m, n, v[6], add, effect);
    effect->busy = std::max<int64_t>(k + m, 1);
    effect->latency = std::max(effect->busy, k + 2 * m + std::min(n, columns_) - 2);
    effect->events[bytes == 1 ? kMacI8 : kMacBf16] = m * k * n;
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
    switch (in.row->opcode) {
      case kVcfg:
        return Requantisation(v[1], v[3], v[4]);
      case kVfill:
        Accumulate(v[0], v[1], v[2], v[3], false, effect);
        return Elements(v[1] * v[2], effect);
      case kVbiasI32:
      case kVbiasF32:
        if (v[2] > 0) effect->Add({kL1, false, v[1], 1, v[3] * kAccBytes, 0});
        Accumulate(v[0], v[2], v[3], v[4], true, effect);
        return Elements(v[2] * v[3], effect);
      case kVin:
        return Elementwise(in, kAcc, 4, kL1, 4, effect);
      case kVwidenI8:
        return Elementwise(in, kAcc, 4, kL1, 1, effect);
      case kVwidenBf16:
        return Elementwise(in, kAcc, 4, kL1, 2, effect);
      case kVout:
        return Elementwise(in, kL1, 4, kAcc, 4, effect);
      case kVquantI8:
        return Elementwise(in, kL1, 1, kAcc, 4, effect);
      case kVcastBf16:
        return Elementwise(in, kL1, 2, kAcc, 4, effect);
      case kVreluI32:
      case kVreluF32:
        return Elementwise(in, kAcc, 4, kAcc, 4, effect);
      case kVquantcI8:
        effect->Add({kAcc, false, v[1], v[3], v[4] * kAccBytes, v[6]});
        effect->Add({kL1, false, v[2], v[3] > 0 ? 1 : 0, v[4] * 2 * kAccBytes, 0});
        effect->Add({kL1, true, v[0], v[3], v[4], v[5]});
        return Elements(v[3] * v[4], effect);
      default: {  // dst = dst op src
        STRATA_RETURN_IF_ERROR(Elementwise(in, kAcc, 4, kAcc, 4, effect));
        effect->accesses[1].read_first = true;
        return absl::OkStatus();
      }
    }
  }

  static absl::Status Requantisation(int64_t shift, int64_t low, int64_t high) {
    if (shift >= 0 && shift <= 62 && -128 <= low && low <= high && high <= 127) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("shift ", shift, ", low ", low, ", high ", high,
                                                   ": give 0 <= shift <= 62 and -128 <= low <= "
                                                   "high <= 127"));
  }

  absl::Status Elementwise(const Resolved& in, int to, int64_t to_bytes, int from,
                           int64_t from_bytes, Effect* effect) const {
    const auto& v = in.values;
    effect->Add({from, false, v[1], v[2], v[3] * from_bytes, v[5]});
    effect->Add({to, true, v[0], v[2], v[3] * to_bytes, v[4]});
    return Elements(v[2] * v[3], effect);
  }

  absl::Status Elements(int64_t count, Effect* effect) const {
    const int64_t latency = Whole(machine_.vector_latency_cycles());
    const int64_t lanes = Whole(machine_.vector_lanes());
    effect->busy = effect->latency = std::max<int64_t>(latency + CeilDiv(count, lanes), 1);
    effect->events[kVectorOp] = count;
    return absl::OkStatus();
  }

  const Machine machine_;
  const int64_t rows_, columns_, width_, planes_;
  std::vector<MemorySpec> memories_;
  std::vector<EventSpec> events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> NewArrayCore(const Machine& machine) {
  STRATA_RETURN_IF_ERROR(ValidateMachine(machine));
  return std::make_unique<ArrayCore>(machine);
}

}  // namespace strata::chips::npu
