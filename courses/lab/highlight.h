// Light colouring of C-family source (C, C++, CUDA) as HTML.
#ifndef STRATA_COURSES_LAB_HIGHLIGHT_H_
#define STRATA_COURSES_LAB_HIGHLIGHT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace strata::courses {

// Escaped text with <span class="…">: k keyword, t type, n number, s string, m comment, p preprocessor, f function.
// Any text will do; what is no C just gets less colour. Without the spans and escapes it is the text that came in.
std::string HighlightC(absl::string_view code);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_HIGHLIGHT_H_
