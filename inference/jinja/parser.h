// Parser: from the text of a template to its syntax tree.
//
//   STRATA_ASSIGN_OR_RETURN(const Body body, Parse("{% if x %}{{ x }}{% endif %}"));
//
// INVALID_ARGUMENT with line, column and what was expected. Names of filters and tests are looked up when they are
// used, as a template may ask for one only where it is there.
#ifndef STRATA_INFERENCE_JINJA_PARSER_H_
#define STRATA_INFERENCE_JINJA_PARSER_H_

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/jinja/syntax.h"

namespace strata::inference::jinja {

absl::StatusOr<Body> Parse(absl::string_view source);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_PARSER_H_
