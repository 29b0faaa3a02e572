#include "framework/data/strict_json.h"

#include <set>
#include <vector>

#include "absl/strings/escaping.h"

namespace strata::framework {

using nlohmann::json;

namespace {

// Where text that is no JSON goes wrong.
size_t FaultAt(absl::string_view text) {
  try {
    [[maybe_unused]] const json parsed = json::parse(text.begin(), text.end());
  } catch (const json::parse_error& error) {
    return error.byte == 0 ? 0 : error.byte - 1;
  }
  return 0;
}

}  // namespace

absl::StatusOr<json> ParseStrictJson(absl::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  std::string duplicate;
  bool found_duplicate = false;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key && !found_duplicate) {
      const std::string key = parsed.get<std::string>();
      found_duplicate = !open_objects.back().insert(key).second;
      if (found_duplicate) duplicate = key;
    }
    return true;
  };
  json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat("is not valid JSON from byte ", FaultAt(text)));
  }
  if (found_duplicate) {
    return absl::InvalidArgumentError(absl::StrCat("has the key ", Quoted(duplicate), " twice"));
  }
  if (!value.is_object()) return absl::InvalidArgumentError("is not a JSON object");
  return value;
}

std::string Quoted(absl::string_view name) {
  constexpr size_t kLongest = 120;
  const std::string escaped = absl::Utf8SafeCHexEscape(name.substr(0, kLongest));
  return absl::StrCat("'", escaped, name.size() > kLongest ? "..." : "", "'");
}

}  // namespace strata::framework
