// A small check that text is well-formed XML: tags nest, attributes are quoted, entities are the predefined ones, and
// characters are legal. For tests of what the labs write.
#ifndef STRATA_COURSES_LAB_WELL_FORMED_H_
#define STRATA_COURSES_LAB_WELL_FORMED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace strata::courses {

// What is wrong first, with its offset; empty when nothing is.
std::string WellFormedError(absl::string_view xml);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_WELL_FORMED_H_
