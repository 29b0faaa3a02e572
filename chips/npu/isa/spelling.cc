#include "chips/npu/isa/spelling.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::chips::npu {
namespace {

size_t Edits(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestInstruction(const Isa& isa, absl::string_view name) {
  name = name.substr(0, 64);
  const auto nearest = std::min_element(
      isa.instructions.begin(), isa.instructions.end(),
      [&](const auto& a, const auto& b) { return Edits(a.name, name) < Edits(b.name, name); });
  return nearest == isa.instructions.end() ? "" : nearest->name;
}

std::string UnitNames(const Isa& isa) {
  std::string names = "there is";
  for (size_t i = 1; i < isa.units.size(); ++i) {
    absl::StrAppend(&names, i == 1 ? ": " : ", ", isa.units[i].name);
  }
  return names;
}

}  // namespace strata::chips::npu
