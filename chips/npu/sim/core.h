// What the verifier and the simulator ask of a core: its table of instructions, its memories, and what
// one instruction touches, costs and computes. Queues, tokens, hazards, banks and time are not a core's
// business: they are the same for all. ArrayCore is one, DavinciCore (chips/npu/davinci) another.
#ifndef STRATA_CHIPS_NPU_SIM_CORE_H_
#define STRATA_CHIPS_NPU_SIM_CORE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

inline constexpr int kMaxAccesses = 4;
inline constexpr int kMaxEvents = 4;

// An instruction as it is dispatched: registers are resolved.
struct Resolved {
  const InstructionRow* row = nullptr;
  std::array<int64_t, kMaxOperands> values = {};
  int unit = 0;       // whose queue it goes to
  size_t index = 0;   // in Program::instructions
  int64_t order = 0;  // counts what is dispatched
};

// Rows of bytes that an instruction reads or writes. Reads come before writes.
struct Access {
  int memory = 0;
  bool write = false;
  int64_t address = 0;
  int64_t rows = 0;
  int64_t row_bytes = 0;
  int64_t stride = 0;
  bool read_first = false;  // of a write: what is there is read, too
  // What the memory moves for it, where that is more than rows x row_bytes: DRAM's whole bursts.
  int64_t moved_bytes = 0;
};

struct Effect {
  std::array<Access, kMaxAccesses> accesses;
  int access_count = 0;
  int64_t busy = 1;     // cycles until the unit can start its next instruction; >= 1
  int64_t latency = 1;  // cycles until the results are there; >= busy
  std::array<int64_t, kMaxEvents> events = {};  // counts, as Core::events()

  void Add(const Access& access) { accesses[static_cast<size_t>(access_count++)] = access; }
};

struct MemorySpec {
  std::string name;
  int64_t bytes = 0;  // 0: the machine has none
  int banks = 1;
  int alignment = 1;  // of addresses, and of strides between rows
  double picojoules_per_byte = 0;
  bool declared = false;  // only what the program's regions declare may be touched
};

// Something that costs energy and is not a byte of memory traffic.
struct EventSpec {
  const char* name;
  double picojoules;
  bool mac;  // a multiply-add: two operations
};

// The content of all memories, by index of Isa::memories.
using MemoryImage = std::vector<std::vector<uint8_t>>;

// Computes, on an image whose memories are as large as what the instructions touch.
class Datapath {
 public:
  virtual ~Datapath() = default;
  virtual void Execute(const Resolved& instruction) = 0;
};

class Core {
 public:
  virtual ~Core() = default;
  virtual const Isa& isa() const = 0;
  virtual const std::vector<MemorySpec>& memories() const = 0;  // as Isa::memories
  virtual const std::vector<EventSpec>& events() const = 0;     // at most kMaxEvents
  virtual double clock_hz() const = 0;
  virtual int queue_depth() const = 0;

  // Whether a unit's instructions see what earlier ones of the same unit wrote. Where not, what reads it
  // needs a barrier (kBarrier) before it. Writes of a unit are always in order.
  virtual bool SeesItself(int unit) const { return unit >= 0; }

  // INVALID_ARGUMENT when the machine cannot do it: "k: 17 is more than the array's 16 rows".
  // Bounds and alignment of accesses are not checked here, but by CheckAccesses().
  virtual absl::Status EffectOf(const Resolved& instruction, Effect* effect) const = 0;

  virtual std::unique_ptr<Datapath> NewDatapath(MemoryImage* image) const = 0;
};

// Regions inside declared memory, with names of their own, apart from one another.
absl::Status CheckRegions(const Core& core, const Program& program);

// Bounds, alignment, rows that are written over one another, undeclared DRAM.
absl::Status CheckAccesses(const Core& core, const Program& program, const Effect& effect);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_CORE_H_
