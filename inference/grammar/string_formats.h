// The formats of strings in JSON schemas, as regular expressions: date, time, date-time, duration (RFC 3339), email,
// hostname, ipv4, ipv6, uri, uuid, json-pointer. Each is a subset of what the format allows, of its usual forms: all
// texts are of the format.
#ifndef STRATA_INFERENCE_GRAMMAR_STRING_FORMATS_H_
#define STRATA_INFERENCE_GRAMMAR_STRING_FORMATS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace strata::inference::grammar {

// For ParseRegex(); null when the format is not known.
const std::string* FormatRegex(absl::string_view format);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_STRING_FORMATS_H_
