#include "courses/chips/number_formats/code_tables.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::courses {
namespace {

using chips::Format;
using chips::FormatRow;
using chips::Kind;

std::string ValueOf(const FormatRow& row, uint32_t code) {
  if (chips::IsNanCode(row.format, code)) return "NaN";
  if (chips::IsInfinityCode(row.format, code)) return "∞";
  const double value = chips::Decode(row.format, code);
  if (row.kind == Kind::kScale) return absl::StrCat("2^", static_cast<int>(code) - row.bias);
  return absl::StrFormat("%.6g", value);
}

std::string SpecialsOf(const FormatRow& row) {
  switch (row.specials) {
    case chips::Specials::kIeee:
      return "infinities and NaNs";
    case chips::Specials::kFn:
      return "one NaN a sign";
    case chips::Specials::kFnuz:
      return "one NaN, no -0";
    case chips::Specials::kAllOnes:
      return "one NaN, no sign, no zero";
    case chips::Specials::kNone:
      return "none";
  }
  return "";
}

}  // namespace

Table FormatTable() {
  Table table{.columns = {{"format", false, true},
                          {"sign, exponent, mantissa"},
                          {"bias", true},
                          {"least above zero", true},
                          {"least normal", true},
                          {"largest", true},
                          {"not numbers"}}};
  for (const FormatRow& row : chips::AllFormats()) {
    if (row.bits() > 8) continue;
    const bool is_float = row.kind == Kind::kFloat;
    const double largest = chips::Decode(row.format, row.LargestCode());
    const double least = chips::Decode(row.format, row.kind == Kind::kScale ? 0 : 1);
    table.rows.push_back(
        {row.name,
         row.kind == Kind::kScale ? absl::StrCat("0, ", row.exponent_bits, ", 0")
                                  : absl::StrCat("1, ", row.exponent_bits, ", ", row.mantissa_bits),
         is_float ? Cell(absl::StrCat(row.bias)) : Cell(""), Cell(absl::StrFormat("%.4g", least)),
         is_float ? Cell(absl::StrFormat("%.4g", std::ldexp(1.0, row.min_exponent()))) : Cell(""),
         Cell(absl::StrFormat("%.4g", largest)), SpecialsOf(row)});
  }
  table.caption = "From the table that encodes and decodes (`chips/numerics/format.h`).";
  return table;
}

Table CodeTable(Format format) {
  const FormatRow& row = chips::Row(format);
  const bool is_float = row.kind == Kind::kFloat;
  const int low = is_float ? row.mantissa_bits : std::min(4, row.bits());
  const int bits = is_float ? row.bits() - 1 : row.bits();
  Table table{.columns = {{is_float ? "exponent" : "code", false, true}}, .sortable = false};
  for (int i = 0; i < 1 << low; ++i) {
    table.columns.push_back({absl::StrFormat(is_float ? "mantissa %d" : "+%x", i), true});
  }
  for (uint32_t high = 0; high < 1u << (bits - low); ++high) {
    std::vector<Cell> cells = {is_float ? absl::StrFormat("%d", high)
                                        : absl::StrFormat("%02x", high << low)};
    for (uint32_t i = 0; i < 1u << low; ++i) cells.push_back(ValueOf(row, high << low | i));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace strata::courses
