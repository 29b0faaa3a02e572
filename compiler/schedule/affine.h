// Affine: a whole number that depends linearly on loop indices, "14*i0 + i1 + 3".
//
//   Affine row = Affine::Index("i0", 14) + Affine::Index("i1");
//   row.Substitute("i1", Affine::Index("i2", 2) + 1).Text();   // "14*i0 + 2*i2 + 1"
//
// Indices are known by name: names are unique in a Program. Overflow is not checked: buffers fit in 64-bit offsets.
#ifndef STRATA_COMPILER_SCHEDULE_AFFINE_H_
#define STRATA_COMPILER_SCHEDULE_AFFINE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace strata::compiler::schedule {

// The number of iterations of each index: index i takes the values [0, extents.at(i)).
using Extents = std::map<std::string, int64_t>;

struct Interval {
  int64_t low = 0, high = 0;  // both included
};

class Affine {
 public:
  Affine() = default;
  Affine(int64_t constant) : constant_(constant) {}  // NOLINT: numbers are affine
  static Affine Index(const std::string& name, int64_t coefficient = 1);

  int64_t constant() const { return constant_; }
  const std::map<std::string, int64_t>& terms() const { return terms_; }  // no zero coefficients
  int64_t Coefficient(const std::string& index) const;
  bool Uses(const std::string& index) const { return terms_.count(index) > 0; }
  bool IsConstant() const { return terms_.empty(); }

  Affine& operator+=(const Affine& other) { return Add(other, 1); }
  Affine& operator-=(const Affine& other) { return Add(other, -1); }
  Affine& Add(const Affine& other, int64_t factor);
  friend Affine operator+(Affine a, const Affine& b) { return a += b; }
  friend Affine operator-(Affine a, const Affine& b) { return a -= b; }
  friend Affine operator*(const Affine& a, int64_t factor) { return Affine().Add(a, factor); }
  friend bool operator==(const Affine&, const Affine&) = default;

  // The same number where `index` is `value`.
  Affine Substitute(const std::string& index, const Affine& value) const;
  // The part with (or without) the named indices; the constant belongs to the part without.
  Affine Only(const std::set<std::string>& indices) const;
  Affine Without(const std::set<std::string>& indices) const;

  // The least and the greatest value. Indices that `extents` lacks count as 0; so do empty ones.
  Interval Range(const Extents& extents) const;

  // Terms in the order of their names; "0" for nothing.
  std::string Text() const;

 private:
  std::map<std::string, int64_t> terms_;
  int64_t constant_ = 0;
};

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_AFFINE_H_
