#include "inference/grammar/number_ranges.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace strata::inference::grammar {
namespace {

constexpr size_t kMostDigits = 15;

Expr Digits(size_t least, size_t most) {
  return Repeat(Class({{'0', '9'}}), static_cast<int32_t>(least), static_cast<int32_t>(most));
}

// Texts of digits with a bound on either side; each is a text of digits that is compared from the left, as if zeros
// followed it. Null: no bound.
struct Bounds {
  const std::string* least = nullptr;
  const std::string* most = nullptr;
  bool above_least = false, below_most = false;
};

char At(const std::string& digits, size_t i) { return i < digits.size() ? digits[i] : '0'; }

// Whether the text that ends here, with zeros behind it, is within the bounds that it has met so far digit by digit.
bool MayEnd(const Bounds& bounds, size_t at) {
  if (bounds.least != nullptr) {
    const bool same = bounds.least->find_first_not_of('0', at) == std::string::npos;
    if (!same || bounds.above_least) return false;
  }
  if (bounds.most != nullptr) {
    const bool same = bounds.most->find_first_not_of('0', at) == std::string::npos;
    if (same && bounds.below_most) return false;
  }
  return true;
}

// Digits from `at` on, `shortest` to `longest` in all.
Expr DigitsWithin(const Bounds& bounds, size_t at, size_t shortest, size_t longest) {
  std::vector<Expr> ways;
  if (at >= shortest && MayEnd(bounds, at)) ways.push_back(Empty());
  if (at == longest) return Choice(std::move(ways));
  if (bounds.least == nullptr && bounds.most == nullptr)
    return Digits(shortest - std::min(at, shortest), longest - at);
  const char low = bounds.least != nullptr ? At(*bounds.least, at) : '0';
  const char high = bounds.most != nullptr ? At(*bounds.most, at) : '9';
  const auto from = [&](char digit) {  // as this digit
    Bounds rest = bounds;
    if (digit != low) rest.least = nullptr;
    if (digit != high) rest.most = nullptr;
    return DigitsWithin(rest, at + 1, shortest, longest);
  };
  for (char digit = low; digit <= high; ++digit) {
    const bool edge =
        (bounds.least != nullptr && digit == low) || (bounds.most != nullptr && digit == high);
    const char last = edge ? digit : bounds.most != nullptr ? static_cast<char>(high - 1) : '9';
    const auto code = [](char c) { return static_cast<char32_t>(c); };
    ways.push_back(Sequence({Class({{code(digit), code(last)}}), from(digit)}));
    digit = last;
  }
  return Choice(std::move(ways));
}

int Compare(const std::string& a, const std::string& b) {  // whole parts
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

std::string Next(std::string whole) {
  for (size_t i = whole.size(); i-- > 0;) {
    if (whole[i] != '9') return ++whole[i], whole;
    whole[i] = '0';
  }
  return "1" + whole;
}

std::string Last(std::string whole) {  // of one that is not 0
  for (size_t i = whole.size(); i-- > 0;) {
    if (whole[i] != '0') {
      --whole[i];
      break;
    }
    whole[i] = '9';
  }
  return whole.substr(std::min(whole.find_first_not_of('0'), whole.size()));
}

// Whole numbers in [least, most], not negative; most "" with `open`: without end.
Expr Wholes(const std::string& least, const std::string& most, bool open) {
  std::vector<Expr> ways;
  if (!open && Compare(least, most) > 0) return Nothing();
  if (least.empty()) ways.push_back(Text("0"));
  const size_t longest = open ? kMostDigits : most.size();
  for (size_t size = std::max<size_t>(least.size(), 1); size <= longest; ++size) {
    const bool low = least.size() == size, high = !open && most.size() == size;
    if (!low && !high) {  // any digits, and so for all sizes up to that of `most`
      const size_t last = open ? longest : longest - 1;
      ways.push_back(Sequence({Class({{'1', '9'}}), Digits(size - 1, last - 1)}));
      size = last;
      continue;
    }
    const std::string smallest = "1" + std::string(size - 1, '0'), greatest(size, '9');
    ways.push_back(
        DigitsWithin({low ? &least : &smallest, high ? &most : &greatest}, 0, size, size));
  }
  return Choice(std::move(ways));
}

const std::string& Zero() {
  static const std::string& zero = *new std::string();
  return zero;
}

// A range of numbers that are not negative.
struct Magnitudes {
  Decimal least;                // 0 where there is no bound
  std::optional<Decimal> most;  // none: without end
  bool above_least = false, below_most = false;
};

Decimal Magnitude(Decimal decimal) {
  decimal.negative = false;
  return decimal;
}

// 0 counts as positive.
std::optional<Magnitudes> Positives(const NumberRange& range) {
  if (range.most.has_value() && range.most->negative) return std::nullopt;
  Magnitudes part = {{}, range.most, false, range.below_most};
  if (!range.least.has_value() || range.least->negative) return part;
  part.least = *range.least;
  part.above_least = range.above_least;
  return part;
}

// Without their sign.
std::optional<Magnitudes> Negatives(const NumberRange& range) {
  if (range.least.has_value() && !range.least->negative) return std::nullopt;
  Magnitudes part = {{}, {}, /*above_least=*/true, range.above_least};
  if (range.least.has_value()) part.most = Magnitude(*range.least);
  if (!range.most.has_value() || !range.most->negative) return part;
  part.least = Magnitude(*range.most);
  part.above_least = range.below_most;
  return part;
}

Expr Fraction(const Bounds& bounds, size_t digits) {
  std::vector<Expr> ways;
  if (MayEnd(bounds, 0)) ways.push_back(Empty());
  if (digits > 0) ways.push_back(Sequence({Text("."), DigitsWithin(bounds, 0, 1, digits)}));
  return Choice(std::move(ways));
}

Expr WholesOf(const Magnitudes& m) {
  const bool up = !m.least.fraction.empty() || m.above_least;
  const std::string least = up ? Next(m.least.whole) : m.least.whole;
  if (!m.most.has_value()) return Wholes(least, "", /*open=*/true);
  if (m.most->fraction.empty() && m.below_most) {
    if (m.most->whole.empty()) return Nothing();
    return Wholes(least, Last(m.most->whole), /*open=*/false);
  }
  return Wholes(least, m.most->whole, /*open=*/false);
}

Expr WholeText(const std::string& whole) { return Text(whole.empty() ? "0" : whole); }

Expr NumbersOf(const Magnitudes& m) {
  const std::string& most = m.most.has_value() ? m.most->whole : Zero();
  const size_t longest = std::max(m.least.whole.size(), most.size());
  const size_t digits = kMostDigits - std::min(kMostDigits, std::max<size_t>(longest, 1));
  const Bounds low = {&m.least.fraction, nullptr, m.above_least, false};
  if (m.most.has_value() && Compare(m.least.whole, most) > 0) return Nothing();
  if (m.most.has_value() && m.least.whole == most) {
    const Bounds both = {&m.least.fraction, &m.most->fraction, m.above_least, m.below_most};
    const int order = m.least.fraction.compare(m.most->fraction);
    if (order > 0) return Nothing();
    return Sequence({WholeText(most), Fraction(both, digits)});
  }
  std::vector<Expr> ways = {Sequence({WholeText(m.least.whole), Fraction(low, digits)})};
  const Expr between = m.most.has_value() ? Wholes(Next(m.least.whole), Last(most), /*open=*/false)
                                          : Wholes(Next(m.least.whole), "", /*open=*/true);
  ways.push_back(Sequence({between, Fraction({}, digits)}));
  if (m.most.has_value()) {
    const Bounds high = {nullptr, &m.most->fraction, false, m.below_most};
    ways.push_back(Sequence({WholeText(most), Fraction(high, digits)}));
  }
  return Choice(std::move(ways));
}

// Bounds beyond what is written are left out where that makes no difference.
absl::Status Limit(NumberRange* range) {
  const auto beyond = [](const std::optional<Decimal>& d) {
    return d.has_value() && d->whole.size() > kMostDigits;
  };
  if (beyond(range->most) && !range->most->negative) range->most.reset();
  if (beyond(range->least) && range->least->negative) range->least.reset();
  for (const auto& bound : {range->least, range->most}) {
    if (!bound.has_value() || bound->whole.size() + bound->fraction.size() <= kMostDigits) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the bound has more than ", kMostDigits, " digits, which is not supported"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Expr> OfBothSigns(NumberRange range, Expr (*of)(const Magnitudes&)) {
  STRATA_RETURN_IF_ERROR(Limit(&range));
  std::vector<Expr> ways;
  if (const auto part = Positives(range)) ways.push_back(of(*part));
  if (const auto part = Negatives(range)) ways.push_back(Sequence({Text("-"), of(*part)}));
  return Choice(std::move(ways));
}

}  // namespace

absl::StatusOr<Decimal> Decimal::Parse(absl::string_view number) {
  Decimal decimal;
  decimal.negative = !number.empty() && number[0] == '-';
  if (decimal.negative) number.remove_prefix(1);
  int exponent = 0;
  const size_t e = number.find_first_of("eE");
  if (e != absl::string_view::npos) {
    if (!absl::SimpleAtoi(number.substr(e + 1), &exponent) || std::abs(exponent) > 400)
      return absl::InvalidArgumentError("is out of range");
    number = number.substr(0, e);
  }
  const size_t point = number.find('.');
  std::string digits(number.substr(0, point));
  int64_t place = static_cast<int64_t>(digits.size()) + exponent;  // of the point in the digits
  if (point != absl::string_view::npos) digits += std::string(number.substr(point + 1));
  while (place < 0) digits.insert(0, 1, '0'), ++place;
  while (place > static_cast<int64_t>(digits.size())) digits += '0';
  decimal.whole = digits.substr(0, static_cast<size_t>(place));
  decimal.fraction = digits.substr(static_cast<size_t>(place));
  decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size()));
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  if (decimal.is_zero()) decimal.negative = false;
  return decimal;
}

absl::StatusOr<Expr> IntegersBetween(const NumberRange& range) {
  return OfBothSigns(range, WholesOf);
}

absl::StatusOr<Expr> NumbersBetween(const NumberRange& range) {
  return OfBothSigns(range, NumbersOf);
}

}  // namespace strata::inference::grammar
