#include "courses/lab/plot_format.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "inference/engine/utf8.h"

namespace strata::courses {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

bool IsXmlCharacter(absl::string_view character) {
  const uint8_t first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1)
    return first >= 0x20 || first == '\t' || first == '\n' || first == '\r';
  return character != "\xEF\xBF\xBE" && character != "\xEF\xBF\xBF";
}

// Three significant digits without needless zeros: 1.2, 12.3, 123, 1230.
std::string ShortNumber(double value) {
  const double size = std::abs(value);
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  std::string text = absl::StrFormat("%.*f", decimals, value);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

// 0.05, 0.00123, 1e-6: of what has no unit "1\u00B5" would be read as one.
std::string Scientific(double value) {
  return absl::StrReplaceAll(absl::StrFormat("%.3g", value), {{"e-0", "e-"}});
}

struct Prefixed {
  double value;
  const char* prefix;
};

Prefixed BinaryPrefix(double value) {
  static constexpr const char* kPrefixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  int i = 0;
  while (std::abs(value) >= 1024 && i < 6) {
    value /= 1024;
    ++i;
  }
  return {value, kPrefixes[i]};
}

Prefixed DecimalPrefix(double value) {
  static constexpr const char* kPrefixes[] = {"f", "p", "n", "\u00B5", "m", "", "k",
                                              "M", "G", "T", "P",      "E", "Z"};
  constexpr int kNone = 5;
  int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) / 3 + 1e-12));
  exponent = std::clamp(exponent, -kNone, 12 - kNone);
  value /= std::pow(10.0, 3 * exponent);
  // 999.9 must not come out as "1000".
  if (std::abs(value) >= 999.5 && exponent < 12 - kNone) {
    value /= 1000;
    ++exponent;
  }
  return {value, kPrefixes[exponent + kNone]};
}

}  // namespace

std::string EscapeXml(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const inference::Utf8Character scanned = inference::Utf8Scan(text);
    const absl::string_view character = text.substr(0, scanned.size);
    text.remove_prefix(scanned.size);
    if (scanned.kind != inference::Utf8Kind::kValid || !IsXmlCharacter(character)) {
      result += kReplacement;
    } else if (character == "&") {
      result += "&amp;";
    } else if (character == "<") {
      result += "&lt;";
    } else if (character == ">") {
      result += "&gt;";
    } else if (character == "\"") {
      result += "&quot;";
    } else if (character == "'") {
      result += "&#39;";
    } else {
      result.append(character.data(), character.size());
    }
  }
  return result;
}

std::string SiNumber(double value, absl::string_view unit) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (unit == "%") return absl::StrCat(ShortNumber(value), "%");
  const double size = std::abs(value);
  if (size >= 1e24 || (size > 0 && size < 1e-17)) {  // beyond all prefixes
    return absl::StrCat(absl::StrFormat("%.3g", value), unit.empty() ? "" : " ", unit);
  }
  if (unit.empty() && size > 0 && size < 0.1) return Scientific(value);
  Prefixed number = {value, ""};
  // Plain numbers keep three decimals' worth of sight before a prefix is worth reading.
  const bool plain = unit.empty() && size < 10000;
  if (unit == "B") {
    number = BinaryPrefix(value);
  } else if (value != 0 && !plain) {
    number = DecimalPrefix(value);
  }
  return absl::StrCat(ShortNumber(number.value), unit.empty() ? "" : " ", number.prefix, unit);
}

std::string Coordinate(double value) {
  std::string text = absl::StrFormat("%.2f", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::vector<double> LinearTicks(double low, double high, int count, bool binary) {
  const double rough = (high - low) / std::max(count, 1);
  double step;
  if (binary) {
    step = std::exp2(std::round(std::log2(rough)));
  } else {
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    const double fraction = rough / power;
    step = power * (fraction <= 1.0001 ? 1 : fraction <= 2.0001 ? 2 : fraction <= 5.0001 ? 5 : 10);
  }
  std::vector<double> ticks;
  if (!(step > 0) || !std::isfinite(step)) return {low};
  const double first = std::ceil(low / step - 1e-9);
  const double last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last && ticks.size() < 100; ++i)
    ticks.push_back(i == 0 ? 0 : i * step);
  return ticks;
}

std::vector<double> BinaryLogTicks(double low, double high, int count) {
  const int first = static_cast<int>(std::ceil(std::log2(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log2(high) + 1e-9));
  int step = 1;  // 5 gives 1 MiB, 32 MiB, 1 GiB
  for (const int next : {2, 5, 10, 20})
    if ((last - first) / step >= std::max(count, 1)) step = next;
  std::vector<double> ticks;
  for (int exponent = first; exponent <= last; ++exponent)
    if (exponent % step == 0) ticks.push_back(std::exp2(exponent));
  return ticks.size() < 2 ? LinearTicks(low, high, count, /*binary=*/true) : ticks;
}

std::vector<double> LogTicks(double low, double high, int count) {
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  std::vector<double> decades;
  std::vector<double> fine;
  for (int exponent = first; exponent <= last; ++exponent) {
    for (double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, exponent);
      if (tick < low * (1 - 1e-9) || tick > high * (1 + 1e-9)) continue;
      fine.push_back(tick);
      if (factor == 1.0) decades.push_back(tick);
    }
  }
  if (fine.size() < 2) return LinearTicks(low, high, count);
  if (decades.size() < 3) return fine;
  const size_t stride = (decades.size() + count - 1) / std::max(count, 1);
  std::vector<double> ticks;
  for (size_t i = 0; i < decades.size(); i += std::max<size_t>(stride, 1))
    ticks.push_back(decades[i]);
  return ticks;
}

double TextWidth(absl::string_view text, double font_size) {
  const auto characters = std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
  return 0.58 * font_size * static_cast<double>(characters);
}

std::string FitText(absl::string_view text, double font_size, double width) {
  if (TextWidth(text, font_size) <= width) return std::string(text);
  size_t end = 0;
  int characters = 0;
  const double room = width - TextWidth("x", font_size);
  while (end < text.size()) {
    const size_t next = end + std::max<size_t>(1, inference::Utf8Scan(text.substr(end)).size);
    if (TextWidth(text.substr(0, next), font_size) > room) break;
    end = next;
    ++characters;
  }
  return characters < 3 ? "" : absl::StrCat(text.substr(0, end), "\u2026");
}

}  // namespace strata::courses
