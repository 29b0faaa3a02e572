// JSON from strangers: no exceptions, no duplicate keys, and names from it made fit for an error message.
#ifndef STRATA_FRAMEWORK_DATA_STRICT_JSON_H_
#define STRATA_FRAMEWORK_DATA_STRICT_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace strata::framework {

// An object at the top, without a key twice in any object; whitespace around it is allowed.
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text);

// `name` in quotes, control characters escaped, cut when very long.
std::string Quoted(absl::string_view name);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_DATA_STRICT_JSON_H_
