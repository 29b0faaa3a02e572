#include "chips/npu/davinci/davinci_core.h"

#include <algorithm>
#include <utility>

#include "chips/npu/davinci/davinci_datapath.h"
#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/davinci/vector_types.h"
#include "chips/npu/machine/machine.h"

namespace strata::chips::npu::davinci {
namespace {

int64_t Whole(const Figure& figure) { return static_cast<int64_t>(figure.value()); }

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(what); }

MemorySpec Spec(const char* name, const Memory& memory) {
  MemorySpec spec;
  spec.name = name;
  spec.bytes = Whole(memory.capacity_bytes());
  spec.banks = static_cast<int>(memory.banks());
  spec.alignment = static_cast<int>(memory.alignment_bytes());
  spec.picojoules_per_byte = memory.picojoules_per_byte().value();
  return spec;
}

// Rows of one piece; the loads of the cube and its products touch such pieces only.
Access Piece(int memory, bool write, int64_t address, int64_t bytes) {
  return {memory, write, address, bytes > 0 ? 1 : 0, bytes, 0};
}

class DavinciCore : public Core {
 public:
  explicit DavinciCore(const Machine& machine)
      : machine_(machine),
        l1_rate_(Whole(machine.davinci().l1_bytes_per_cycle())),
        ub_rate_(Whole(machine.davinci().ub_bytes_per_cycle())) {
    const DavinciParts& parts = machine.davinci();
    memories_ = {Spec("GM", machine.dram()), Spec("L1", machine.l1()), Spec("L0A", parts.l0a()),
                 Spec("L0B", parts.l0b()),   Spec("L0C", parts.l0c()), Spec("UB", parts.ub())};
    memories_[kGm].declared = true;
    events_ = {{"int8 multiply-adds", machine.picojoules_per_mac_i8().value(), true},
               {"fp16 multiply-adds", parts.picojoules_per_mac_f16().value(), true},
               {"vector operations", machine.picojoules_per_vector_op().value(), false}};
  }

  const Isa& isa() const override { return DavinciIsa(); }
  const std::vector<MemorySpec>& memories() const override { return memories_; }
  const std::vector<EventSpec>& events() const override { return events_; }
  double clock_hz() const override { return machine_.clock_hz().value(); }
  int queue_depth() const override { return static_cast<int>(Whole(machine_.queue_depth())); }
  bool SeesItself(int unit) const override { return unit != kV; }

  std::unique_ptr<Datapath> NewDatapath(MemoryImage* image) const override {
    return NewDavinciDatapath(image);
  }

  absl::Status EffectOf(const Resolved& in, Effect* effect) const override {
    *effect = Effect();
    switch (in.unit) {
      case kMte1:
        return Mte1(in, effect);
      case kMte2:
        return Mte2(in, effect);
      case kMte3:
        return Mte3(in, effect);
      case kM:
        return Cube(in, effect);
      case kV:
        return Vector(in, effect);
      default:
        return absl::OkStatus();
    }
  }

 private:
  static int64_t BytesOf(bool half) { return half ? 2 : 1; }

  absl::Status CheckType(bool half) const {
    if (HasType(machine_, half ? F16 : I8)) return absl::OkStatus();
    return Bad(absl::StrCat("machine '", machine_.name(), "' has no ", half ? "fp16" : "int8"));
  }

  static void Copy(const Resolved& in, int to, int from, Effect* effect) {
    const auto& v = in.values;
    effect->Add({from, false, v[1], v[2], v[3], v[5]});
    effect->Add({to, true, v[0], v[2], v[3], v[4]});
  }

  static void Take(int64_t busy, int64_t latency, Effect* effect) {
    effect->busy = std::max<int64_t>(busy, 1);
    effect->latency = effect->busy + latency;
  }

  // `which` of the accesses is the one to GM.
  void TakeGm(const Resolved& in, size_t which, Effect* effect) const {
    const int64_t burst = Whole(machine_.dram_burst_bytes());
    const int64_t moved = in.values[2] * CeilDiv(in.values[3], burst) * burst;
    effect->accesses[which].moved_bytes = moved;
    const __int128 clock = Whole(machine_.clock_hz());
    const int64_t rate = Whole(machine_.dram_bytes_per_second());
    Take(static_cast<int64_t>((clock * moved + rate - 1) / rate),
         Whole(machine_.dram_latency_cycles()), effect);
  }

  absl::Status Mte2(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    if (in.row->opcode == kFillL1) {
      effect->Add({kL1, true, v[0], v[1], v[2], v[3]});
      Take(CeilDiv(v[1] * v[2], l1_rate_), 0, effect);
      return absl::OkStatus();
    }
    Copy(in, in.row->opcode == kLdL1 ? kL1 : kUb, kGm, effect);
    TakeGm(in, 0, effect);
    return absl::OkStatus();
  }

  absl::Status Mte3(const Resolved& in, Effect* effect) const {
    const bool store = in.row->opcode == kStUb;
    Copy(in, store ? kGm : kL1, kUb, effect);
    if (store) {
      TakeGm(in, 1, effect);
    } else {
      Take(CeilDiv(in.values[2] * in.values[3], ub_rate_), 0, effect);
    }
    return absl::OkStatus();
  }

  absl::Status Mte1(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    const bool half = in.row->opcode % 2 == 1;
    switch (in.row->opcode) {
      case kLoadAI8:
      case kLoadAF16:
        return Load(kL0a, half, v, v[2], v[3], effect);
      case kLoadTAI8:
      case kLoadTAF16:
        return Load(kL0a, half, v, v[3], v[2], effect);
      case kLoadBI8:
      case kLoadBF16:
        return Load(kL0b, half, v, v[2], v[3], effect);
      case kLoadTBI8:
      case kLoadTBF16:
        return Load(kL0b, half, v, v[3], v[2], effect);
      case kLoad3dI8:
      case kLoad3dF16:
        return Windows(half, v, effect);
      default:
        Copy(in, kUb, kL1, effect);
        Take(CeilDiv(v[2] * v[3], l1_rate_), 0, effect);
        return absl::OkStatus();
    }
  }

  using Values = std::array<int64_t, kMaxOperands>;

  // Reads rows x cols elements and writes the fractals of a matrix of v[2] x v[3].
  absl::Status Load(int to, bool half, const Values& v, int64_t rows, int64_t cols,
                    Effect* effect) const {
    STRATA_RETURN_IF_ERROR(CheckType(half));
    const int64_t bytes = BytesOf(half);
    if (v[2] > 0 && v[3] > 0) effect->Add({kL1, false, v[1], rows, cols * bytes, v[4]});
    WriteFractals(to, v[0], v[2], v[3], bytes, effect);
    return absl::OkStatus();
  }

  // One side of L0A's and L0B's fractals is 16 elements, the other 32 bytes; k is the latter.
  void WriteFractals(int to, int64_t address, int64_t rows, int64_t cols, int64_t bytes,
                     Effect* effect) const {
    const int64_t written = FractalBytes(to, rows, cols, bytes);
    effect->Add(Piece(to, true, address, written));
    Take(CeilDiv(written, l1_rate_), 0, effect);
  }

  static int64_t FractalBytes(int memory, int64_t rows, int64_t cols, int64_t bytes) {
    const int64_t k0 = kFractalRowBytes / bytes;
    const int64_t row_side = memory == kL0a ? kSide : k0;
    const int64_t col_side = memory == kL0a ? k0 : kSide;
    return CeilDiv(rows, row_side) * CeilDiv(cols, col_side) * kFractalBytes;
  }

  absl::Status Windows(bool half, const Values& v, Effect* effect) const {
    STRATA_RETURN_IF_ERROR(CheckType(half));
    const int64_t bytes = BytesOf(half);
    const int64_t rows = v[2], cols = v[3], runs = v[4], run = v[5];
    const int64_t row_stride = v[6], col_stride = v[7], run_stride = v[8];
    const int64_t m = rows * cols, k = runs * run;
    if (m == 0 || k == 0) return absl::OkStatus();
    if (m > RangeOf(OperandKind::kSize).high || k > RangeOf(OperandKind::kSize).high) {
      return Bad(absl::StrCat("m ", m, ", k ", k, ": give at most 65535 of each"));
    }
    const int64_t span = (cols - 1) * col_stride + run * bytes;
    int64_t lines = std::max(rows, runs);
    if (rows > 1 && runs > 1) {
      if (run_stride == 0 || row_stride % run_stride != 0) {
        return Bad(
            absl::StrCat("row_stride: ", row_stride, " is no multiple of run_stride ", run_stride));
      }
      lines = (rows - 1) * (row_stride / run_stride) + runs;
    }
    effect->Add({kL1, false, v[1], lines, span, runs > 1 ? run_stride : row_stride});
    WriteFractals(kL0a, v[0], m, k, bytes, effect);
    return absl::OkStatus();
  }

  absl::Status Cube(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    const bool half = in.row->opcode == kMmadF16 || in.row->opcode == kMmadaF16;
    const int64_t m = v[3], k = v[4], n = v[5];
    STRATA_RETURN_IF_ERROR(CheckType(half));
    const int64_t bytes = BytesOf(half);
    if (m > 0 && n > 0) {
      effect->Add(Piece(kL0a, false, v[1], FractalBytes(kL0a, m, k, bytes)));
      effect->Add(Piece(kL0b, false, v[2], FractalBytes(kL0b, k, n, bytes)));
    }
    const int64_t m_blocks = CeilDiv(m, kSide), n_blocks = CeilDiv(n, kSide);
    Access c = {kL0c, true, v[0], n_blocks, m * kCRowBytes, m_blocks * kSide * kCRowBytes};
    c.read_first = in.row->opcode == kMmadaI8 || in.row->opcode == kMmadaF16;
    effect->Add(c);
    Take(m_blocks * n_blocks * CeilDiv(k * bytes, kFractalRowBytes),
         Whole(machine_.davinci().cube_latency_cycles()), effect);
    effect->events[half ? kMacF16 : kMacI8] = m * k * n;
    return absl::OkStatus();
  }

  absl::Status Vector(const Resolved& in, Effect* effect) const {
    const auto& v = in.values;
    const VectorTypes types = TypesOf(in.row->opcode);
    switch (in.row->opcode) {
      case kVcfg:
        if (-128 <= v[1] && v[1] <= v[2] && v[2] <= 127) return absl::OkStatus();
        return Bad(
            absl::StrCat("low ", v[1], ", high ", v[2], ": give -128 <= low <= high <= 127"));
      case kMvC:
        effect->Add({kL0c, false, v[1], CeilDiv(v[3], kSide), v[2] * kCRowBytes, v[5]});
        effect->Add({kUb, true, v[0], v[2], v[3] * 4, v[4]});
        return Elements(v[2], v[3], 4, effect);
      case kVfill32:
        effect->Add({kUb, true, v[0], v[1], v[2] * 4, v[3]});
        return Elements(v[1], v[2], 4, effect);
      case kVquantcI8: {
        const int64_t columns = v[4] > 0 ? v[5] * 4 : 0;
        effect->Add({kUb, false, v[1], v[4], v[5] * 4, v[7]});
        effect->Add(Piece(kUb, false, v[2], columns));
        effect->Add(Piece(kUb, false, v[3], columns));
        effect->Add({kUb, true, v[0], v[4], v[5], v[6]});
        return Elements(v[4], v[5], 4, effect);
      }
      case kVcsumI32:
        effect->Add({kUb, false, v[1], v[2], v[3] * 4, v[4]});
        effect->Add({kUb, true, v[0], v[2] > 0 ? 1 : 0, v[3] * 4, 0});
        return Elements(v[2], v[3], 4, effect);
      default:
        break;
    }
    switch (types.sources) {
      case 1:
        effect->Add({kUb, false, v[1], v[2], v[3] * types.from, v[5]});
        effect->Add({kUb, true, v[0], v[2], v[3] * types.to, v[4]});
        return Elements(v[2], v[3], std::max(types.from, types.to), effect);
      case 2:
        AddSource(v[1], v[3], v[4] * types.from, v[6], effect);
        AddSource(v[2], v[3], v[4] * types.from, v[7], effect);
        effect->Add({kUb, true, v[0], v[3], v[4] * types.to, v[5]});
        return Elements(v[3], v[4], types.to, effect);
      default:  // a scalar
        effect->Add({kUb, false, v[1], v[3], v[4] * types.from, v[6]});
        effect->Add({kUb, true, v[0], v[3], v[4] * types.to, v[5]});
        return Elements(v[3], v[4], types.to, effect);
    }
  }

  // A row for all (stride 0) is read once.
  static void AddSource(int64_t address, int64_t rows, int64_t row_bytes, int64_t stride,
                        Effect* effect) {
    if (stride == 0) rows = std::min<int64_t>(rows, 1);
    effect->Add({kUb, false, address, rows, row_bytes, stride});
  }

  absl::Status Elements(int64_t rows, int64_t cols, int64_t bytes, Effect* effect) const {
    const int64_t blocks = rows * CeilDiv(cols * bytes, kUbBlockBytes);
    Take(CeilDiv(blocks, ub_rate_ / kUbBlockBytes), Whole(machine_.vector_latency_cycles()),
         effect);
    effect->events[kVectorOp] = rows * cols;
    return absl::OkStatus();
  }

  const Machine machine_;
  const int64_t l1_rate_, ub_rate_;
  std::vector<MemorySpec> memories_;
  std::vector<EventSpec> events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> NewDavinciCore(const Machine& machine) {
  STRATA_RETURN_IF_ERROR(ValidateMachine(machine));
  if (!machine.has_davinci()) {
    return Bad(
        absl::StrCat("davinci: is unset; machine '", machine.name(), "' is no DaVinci core"));
  }
  return std::make_unique<DavinciCore>(machine);
}

}  // namespace strata::chips::npu::davinci
