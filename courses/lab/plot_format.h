// Text and numbers for plots and reports: escaping, SI units, axis ticks.
//
//   EscapeXml("a < b & \"c\"")      -> "a &lt; b &amp; &quot;c&quot;"
//   SiNumber(0.00123, "s")          -> "1.23 ms"
//   SiNumber(3 << 20, "B")          -> "3 MiB"   (bytes count in powers of 1024)
//   LinearTicks(0, 97, 5)           -> {0, 20, 40, 60, 80}
#ifndef STRATA_COURSES_LAB_PLOT_FORMAT_H_
#define STRATA_COURSES_LAB_PLOT_FORMAT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::courses {

// Fit for XML text and attributes. What XML cannot hold (bad UTF-8, control characters) becomes U+FFFD.
std::string EscapeXml(absl::string_view text);

// At most three significant digits and a prefix. Unit "B" takes binary prefixes, "%" none (1 is "1%"); "" just the
// prefix ("1.5k"). Infinities and NaN come out as "inf", "-inf", "nan".
std::string SiNumber(double value, absl::string_view unit = "");

// A coordinate: at most two decimals, no needless zeros.
std::string Coordinate(double value);

// Round values inside [low, high], about `count` of them: steps of 1, 2 or 5 times a power of ten (of two times a power
// of two with `binary`). `low` < `high`, both finite.
std::vector<double> LinearTicks(double low, double high, int count, bool binary = false);

// Powers of ten inside [low, high], or also their 2- and 5-fold when there would be fewer than three; thinned out to
// about `count`. 0 < `low` < `high`.
std::vector<double> LogTicks(double low, double high, int count);
// Of bytes: powers of two, thinned out to about `count`.
std::vector<double> BinaryLogTicks(double low, double high, int count);

// About how wide a text is at a font size, in the same unit.
double TextWidth(absl::string_view text, double font_size);

// The text, cut with an ellipsis to at most this width; empty when not even three characters fit.
std::string FitText(absl::string_view text, double font_size, double width);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_PLOT_FORMAT_H_
