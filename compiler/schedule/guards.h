// Guards: what is known about conditions at a point of the emitted text.
//
// A condition splits into the part that is fixed where the text stands and the part of loops that are written out:
// 14*i0 + i1 < 256 with i1 written out is known for all of i1 once 14*i0 + 13 < 256 has been tested; in the other case
// 14*i0 can only be 252, so that each i1 is decided when the text is written.
#ifndef STRATA_COMPILER_SCHEDULE_GUARDS_H_
#define STRATA_COMPILER_SCHEDULE_GUARDS_H_

#include <map>
#include <string>
#include <vector>

#include "compiler/schedule/affine.h"

namespace strata::compiler::schedule {

struct Fact {
  enum class Kind {
    kTrue,
    kFalse,
    kEquals,   // the fixed part is `fixed`
    kDynamic,  // must be tested where it is used
  };
  Kind kind = Kind::kDynamic;
  int64_t fixed = 0;
  Affine moving;  // kEquals: the other part
};

// What a test of a condition at this point can tell.
struct Cases {
  Affine fixed;           // the fixed part
  Interval moving;        // range of the other
  bool can_hold = false;  // for all of the moving part
  bool can_fail = false;  // for all of it
  bool can_part = false;  // hold for some and fail for some
  Fact part;              // what is known then
};

// `constants`: indices that are written out around here and their values; `loops`: extents of the loops around here that
// run; `all`: extents of all loops (those in neither are written out inside of here).
Cases CasesOf(const Affine& condition, const std::map<std::string, int64_t>& constants,
              const Extents& loops, const Extents& all);

class Facts {
 public:
  // nullptr where nothing is known.
  const Fact* Find(const Affine& condition) const;
  // Facts added after Mark() are forgotten at Release(). A condition that is known also tells its negation.
  size_t Mark() const { return known_.size(); }
  void Add(const Affine& condition, const Fact& fact);
  void Release(size_t mark) { known_.resize(mark); }

 private:
  std::vector<std::pair<Affine, Fact>> known_;
};

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_GUARDS_H_
