#include "inference/server/request_fields.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/server/api_error.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr int kMaxMembers = 8192;  // of one object

// What is wrong with the size of the body, or "". Checked before the parser runs: copying or printing a value uses the stack
// for each level, and objects that keep the order of their keys look for each key among all before.
std::string Excess(const std::string& body) {
  std::array<int, kMaxDepth + 1> members{};
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return absl::StrCat("is nested deeper than ", kMaxDepth);
      members[static_cast<size_t>(depth)] = 0;
    } else if (c == ']' || c == '}') {
      if (--depth < 0) return "";  // no JSON
    } else if (c == ':' && ++members[static_cast<size_t>(depth)] > kMaxMembers) {
      return absl::StrCat("has an object of more than ", kMaxMembers, " members");
    }
  }
  return "";
}

absl::Status BadJson(absl::string_view message) {
  return ApiError(absl::StatusCode::kInvalidArgument, "", message, "invalid_json");
}

}  // namespace

absl::StatusOr<Json> ParseRequest(const std::string& body) {
  const std::string excess = Excess(body);
  if (!excess.empty()) return BadJson(absl::StrCat("the request body ", excess));
  Json value;
  try {
    value = Json::parse(body);
  } catch (const Json::exception& error) {  // the library's only way to say where the fault is
    return BadJson(absl::StrCat("the request body is not valid JSON: ", error.what()));
  }
  if (!value.is_object()) {
    return BadJson(absl::StrCat("the request body must be a JSON object, not ", value.type_name()));
  }
  return value;
}

RequestFields::RequestFields(const Json& object, std::string path)
    : object_(object), path_(std::move(path)) {}

absl::Status RequestFields::Error(const std::string& name, absl::string_view message,
                                  absl::string_view code) const {
  return ApiError(absl::StatusCode::kInvalidArgument, absl::StrCat(path_, name), message, code);
}

absl::Status RequestFields::WrongType(const std::string& name, absl::string_view wanted,
                                      const Json& value) const {
  return Error(name, absl::StrCat("must be ", wanted, ", not ", value.type_name()), "invalid_type");
}

const Json* RequestFields::Find(const std::string& name) {
  seen_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

absl::StatusOr<const Json*> RequestFields::Require(const std::string& name) {
  const Json* value = Find(name);
  if (value == nullptr) return Error(name, "is missing", "missing_required_parameter");
  return value;
}

absl::Status RequestFields::Number(const std::string& name, double least, double most,
                                   double* value) {
  const Json* field = Find(name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_number()) return WrongType(name, "a number", *field);
  const double number = field->get<double>();
  if (!(number >= least && number <= most)) {
    return Error(name, absl::StrCat(number, " is outside [", least, ", ", most, "]"));
  }
  *value = number;
  return absl::OkStatus();
}

absl::Status RequestFields::Integer(const std::string& name, int64_t least, int64_t most,
                                    int64_t* value) {
  const Json* field = Find(name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_number_integer()) return WrongType(name, "an integer", *field);
  const bool huge =
      field->is_number_unsigned() &&
      field->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const int64_t number = huge ? 0 : field->get<int64_t>();
  if (huge || number < least || number > most) {
    return Error(name, absl::StrCat(field->dump(), " is outside [", least, ", ", most, "]"));
  }
  *value = number;
  return absl::OkStatus();
}

absl::Status RequestFields::Boolean(const std::string& name, bool* value) {
  const Json* field = Find(name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_boolean()) return WrongType(name, "a boolean", *field);
  *value = field->get<bool>();
  return absl::OkStatus();
}

absl::Status RequestFields::String(const std::string& name, std::string* value) {
  const Json* field = Find(name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_string()) return WrongType(name, "a string", *field);
  *value = field->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status RequestFields::Strings(const std::string& name, size_t most,
                                    std::vector<std::string>* value) {
  const Json* field = Find(name);
  if (field == nullptr) return absl::OkStatus();
  std::vector<std::string> strings;
  if (field->is_string()) {
    strings.push_back(field->get_ref<const std::string&>());
  } else if (field->is_array()) {
    if (field->size() > most)
      return Error(name, absl::StrCat("has ", field->size(), " strings; at most ", most));
    for (const Json& item : *field) {
      if (!item.is_string()) return WrongType(name, "a string or a list of strings", item);
      strings.push_back(item.get_ref<const std::string&>());
    }
  } else {
    return WrongType(name, "a string or a list of strings", *field);
  }
  for (const std::string& text : strings) {
    if (text.empty()) return Error(name, "has an empty string");
  }
  *value = std::move(strings);
  return absl::OkStatus();
}

absl::Status RequestFields::RefuseUnless(const std::string& name, const Json& neutral) {
  const Json* field = Find(name);
  if (field == nullptr || *field == neutral) return absl::OkStatus();
  return Error(name, absl::StrCat("is not supported; leave it out or give ", neutral.dump()),
               "unsupported_parameter");
}

absl::Status RequestFields::RefuseOthers() const {
  for (const auto& [name, value] : object_.items()) {
    if (seen_.count(name) == 0)
      return Error(name, "is not a parameter of this endpoint", "unknown_parameter");
  }
  return absl::OkStatus();
}

}  // namespace strata::inference
