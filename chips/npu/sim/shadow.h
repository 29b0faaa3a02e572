// Who wrote and who read each byte of one memory last, and whether the next access is ordered after it.
//
// Every access is stamped with its unit and a number that counts the unit's instructions. A Clock says,
// for the unit that makes an access, up to which number it knows each other unit to be complete
// (vector clocks: Mattern 1989). What is not known to be complete is a hazard.
#ifndef STRATA_CHIPS_NPU_SIM_SHADOW_H_
#define STRATA_CHIPS_NPU_SIM_SHADOW_H_

#include <array>
#include <cstdint>
#include <map>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

using Clock = std::array<int64_t, kMaxUnits>;

// One access: number 0 means none, or data that was there before the program.
struct Stamp {
  int unit = 0;
  int64_t number = 0;
  size_t index = 0;   // of the instruction in the program
  int64_t order = 0;  // of its dispatch
};

enum class Hazard : uint8_t {
  kNone,
  kUnwritten,
  kReadAfterWrite,
  kWriteAfterRead,
  kWriteAfterWrite
};

struct Finding {
  Hazard hazard = Hazard::kNone;
  int64_t begin = 0, end = 0;  // the bytes
  Stamp earlier;               // the access that is not known to be complete
};

class Shadow {
 public:
  // [begin, end) holds data before the program starts.
  void Fill(int64_t begin, int64_t end);

  // The first hazard, or kNone and the access is recorded.
  Finding Read(int64_t begin, int64_t end, const Stamp& stamp, const Clock& clock);
  Finding Write(int64_t begin, int64_t end, const Stamp& stamp, const Clock& clock);

 private:
  struct Cell {
    int64_t end;
    Stamp writer;
    std::array<Stamp, kMaxUnits> readers;  // since the write
  };
  using Cells = std::map<int64_t, Cell>;

  // A cell that reaches over `at` becomes two.
  void Split(int64_t at);

  Cells cells_;  // by begin; apart
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_SHADOW_H_
