#include "compiler/schedule/affine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::compiler::schedule {

Affine Affine::Index(const std::string& name, int64_t coefficient) {
  Affine result;
  if (coefficient != 0) result.terms_[name] = coefficient;
  return result;
}

int64_t Affine::Coefficient(const std::string& index) const {
  const auto it = terms_.find(index);
  return it == terms_.end() ? 0 : it->second;
}

Affine& Affine::Add(const Affine& other, int64_t factor) {
  if (factor == 0) return *this;
  if (&other == this) return *this = Affine(other) * (factor + 1);
  constant_ += factor * other.constant_;
  for (const auto& [name, coefficient] : other.terms_) {
    int64_t& mine = terms_[name];
    mine += factor * coefficient;
    if (mine == 0) terms_.erase(name);
  }
  return *this;
}

Affine Affine::Substitute(const std::string& index, const Affine& value) const {
  const int64_t factor = Coefficient(index);
  if (factor == 0) return *this;
  Affine result = *this;
  result.terms_.erase(index);
  return result.Add(value, factor);
}

Affine Affine::Only(const std::set<std::string>& indices) const {
  Affine result;
  for (const auto& [name, coefficient] : terms_) {
    if (indices.count(name) > 0) result.terms_[name] = coefficient;
  }
  return result;
}

Affine Affine::Without(const std::set<std::string>& indices) const { return *this - Only(indices); }

Interval Affine::Range(const Extents& extents) const {
  Interval range{constant_, constant_};
  for (const auto& [name, coefficient] : terms_) {
    const auto it = extents.find(name);
    const int64_t last = it == extents.end() ? 0 : std::max<int64_t>(it->second - 1, 0);
    (coefficient > 0 ? range.high : range.low) += coefficient * last;
  }
  return range;
}

std::string Affine::Text() const {
  std::string text;
  for (const auto& [name, coefficient] : terms_) {
    const int64_t size = coefficient < 0 ? -coefficient : coefficient;
    const char* sign = text.empty()      ? (coefficient < 0 ? "-" : "")
                       : coefficient < 0 ? " - "
                                         : " + ";
    absl::StrAppend(&text, sign, size == 1 ? "" : absl::StrCat(size, "*"), name);
  }
  if (text.empty()) return absl::StrCat(constant_);
  if (constant_ != 0) {
    absl::StrAppend(&text, constant_ < 0 ? " - " : " + ", constant_ < 0 ? -constant_ : constant_);
  }
  return text;
}

}  // namespace strata::compiler::schedule
