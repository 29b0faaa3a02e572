// Who wrote and who read the bytes of one memory, and whether the next access is ordered after them.
//
// Every access is stamped with its unit and a number that counts the unit's instructions. A Clock says,
// for the unit that makes an access, up to which number it knows each other unit to be complete
// (vector clocks: Mattern 1989). An access that overlaps one that is not known to be complete is a
// hazard, unless both read. Since what is known only grows and is passed on with each token, it does
// not matter that older accesses to the same bytes are still remembered: what is ordered after the last
// write is ordered after all before it.
#ifndef STRATA_CHIPS_NPU_SIM_SHADOW_H_
#define STRATA_CHIPS_NPU_SIM_SHADOW_H_

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

using Clock = std::array<int64_t, kMaxUnits>;

// One access: number 0 means none.
struct Stamp {
  int unit = 0;
  int64_t number = 0;
  size_t index = 0;   // of the instruction in the program
  int64_t order = 0;  // of its dispatch
};

// Rows of bytes, at least one of each.
struct Rows {
  int64_t begin = 0;
  int64_t rows = 1;
  int64_t bytes = 0;   // of a row
  int64_t stride = 0;  // from row to row, not negative

  int64_t end() const { return begin + (rows - 1) * stride + bytes; }
};

// The bytes that two accesses share; empty (begin == end) when they share none.
struct Overlap {
  int64_t begin = 0, end = 0;
};
Overlap FirstOverlap(const Rows& a, const Rows& b);

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

  // The first hazard, or kNone and the access is recorded. A unit's numbers never fall. A unit completes
  // in order, so its own accesses are no hazards; but with `own`, what it reads must be known to it to be
  // complete even where it wrote that itself.
  Finding Read(const Rows& rows, const Stamp& stamp, const Clock& clock, bool own = false);
  Finding Write(const Rows& rows, const Stamp& stamp, const Clock& clock);

  // Drops what every unit knows to be complete: up to `known`, by unit.
  void Forget(const Clock& known);

 private:
  struct Record {
    Rows rows;
    Stamp stamp;
  };
  using Records = std::array<std::vector<Record>, kMaxUnits>;  // by unit, then number

  static Finding FindUnordered(const Records& records, Hazard hazard, const Rows& rows,
                               const Stamp& stamp, const Clock& clock, bool own);
  Finding FindUnwritten(const Rows& rows) const;

  Records reads_, writes_;
  std::map<int64_t, int64_t> written_;  // begin to end; apart from one another
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_SHADOW_H_
