#include "llm/tokenizer/json_view.h"

#include <set>
#include <vector>

namespace strata::llm {
namespace {

// nlohmann/json's own text is "[json.exception.parse_error.101] parse error at line 1, column 2:
// ...".
absl::string_view WithoutTag(absl::string_view message) {
  const size_t end = message.find("] ");
  return end == absl::string_view::npos ? message : message.substr(end + 2);
}

// Notes keys as they come; the library itself would let the last of two win.
class DuplicateKeys {
 public:
  bool operator()(int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    switch (event) {
      case nlohmann::json::parse_event_t::object_start:
        open_.emplace_back();
        break;
      case nlohmann::json::parse_event_t::object_end:
        open_.pop_back();
        break;
      case nlohmann::json::parse_event_t::key:
        if (!open_.back().insert(parsed.get_ref<const std::string&>()).second &&
            duplicate_.empty()) {
          duplicate_ = absl::StrCat("'", parsed.get_ref<const std::string&>(), "'");
        }
        break;
      default:
        break;
    }
    return true;
  }

  const std::string& duplicate() const { return duplicate_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string duplicate_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text) {
  DuplicateKeys keys;
  try {
    nlohmann::json document = nlohmann::json::parse(
        text.begin(), text.end(),
        [&](int depth, auto event, nlohmann::json& parsed) { return keys(depth, event, parsed); });
    if (!keys.duplicate().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", keys.duplicate(), " is there twice in one object"));
    }
    return document;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("no JSON: ", WithoutTag(error.what())));
  }
}

absl::StatusOr<JsonView> JsonView::Member(const char* key) const {
  static const nlohmann::json* const kNull = new nlohmann::json();
  if (!value_->is_object()) return WrongType("an object");
  const auto it = value_->find(key);
  return JsonView(it == value_->end() ? kNull : &*it,
                  path_.empty() ? key : absl::StrCat(path_, ".", key));
}

JsonView JsonView::Element(size_t index) const {
  return JsonView(&(*value_)[index], absl::StrCat(path_, "[", index, "]"));
}

absl::StatusOr<std::string> JsonView::String() const {
  if (!value_->is_string()) return WrongType("a string");
  return value_->get<std::string>();
}

absl::StatusOr<int32_t> JsonView::Id() const {
  if (!value_->is_number_integer()) return WrongType("an integer");
  const bool in_range = value_->is_number_unsigned() && value_->get<uint64_t>() < (1u << 24);
  if (!in_range) return Invalid(absl::StrCat("id ", value_->dump(), " is outside [0, 2^24)"));
  return value_->get<int32_t>();
}

absl::StatusOr<double> JsonView::Number() const {
  if (!value_->is_number()) return WrongType("a number");
  return value_->get<double>();
}

absl::StatusOr<size_t> JsonView::ArraySize() const {
  if (!value_->is_array()) return WrongType("an array");
  return value_->size();
}

absl::StatusOr<std::string> JsonView::StringMember(const char* key) const {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, Member(key));
  return member.String();
}

absl::StatusOr<std::string> JsonView::StringMember(const char* key,
                                                   absl::string_view otherwise) const {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, Member(key));
  if (member.IsNull()) return std::string(otherwise);
  return member.String();
}

absl::StatusOr<bool> JsonView::BoolMember(const char* key, bool otherwise) const {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, Member(key));
  if (member.IsNull()) return otherwise;
  if (!member.value().is_boolean()) return member.WrongType("a boolean");
  return member.value().get<bool>();
}

absl::StatusOr<int32_t> JsonView::IdMember(const char* key, int32_t otherwise) const {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, Member(key));
  if (member.IsNull()) return otherwise;
  return member.Id();
}

absl::Status JsonView::Invalid(absl::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrCat(path_.empty() ? "document" : path_, ": ", message));
}

absl::Status JsonView::Unsupported(absl::string_view message) const {
  return absl::UnimplementedError(absl::StrCat(path_.empty() ? "document" : path_, ": ", message));
}

absl::Status JsonView::WrongType(absl::string_view expected) const {
  if (IsNull()) return Invalid(absl::StrCat("is missing or null; expected ", expected));
  return Invalid(absl::StrCat("expected ", expected, ", is ", value_->type_name()));
}

}  // namespace strata::llm
