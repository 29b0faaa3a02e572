// A place in a JSON document: reads values, and knows its path for errors ("model.merges[3][0]").
//
//   STRATA_ASSIGN_OR_RETURN(nlohmann::json document, ParseJson(text));
//   JsonView root(&document);
//   STRATA_ASSIGN_OR_RETURN(JsonView model, root.Member("model"));
//   STRATA_ASSIGN_OR_RETURN(std::string type, model.StringMember("type"));
#ifndef STRATA_LLM_TOKENIZER_JSON_VIEW_H_
#define STRATA_LLM_TOKENIZER_JSON_VIEW_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace strata::llm {

// INVALID_ARGUMENT with line and column for text that is no JSON, and for a key that an object has
// twice.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text);

class JsonView {
 public:
  explicit JsonView(const nlohmann::json* value, std::string path = "")
      : value_(value), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  bool IsNull() const { return value_->is_null(); }

  // A member of this object; a missing one is null. INVALID_ARGUMENT when this is no object.
  absl::StatusOr<JsonView> Member(const char* key) const;
  JsonView Element(size_t index) const;

  // The value, of the type asked for.
  absl::StatusOr<std::string> String() const;
  absl::StatusOr<int32_t> Id() const;  // 0 <= id < 2^24
  absl::StatusOr<double> Number() const;
  absl::StatusOr<size_t> ArraySize() const;

  // Members; `otherwise` stands for one that is missing or null.
  absl::StatusOr<std::string> StringMember(const char* key) const;
  absl::StatusOr<std::string> StringMember(const char* key, absl::string_view otherwise) const;
  absl::StatusOr<bool> BoolMember(const char* key, bool otherwise) const;
  absl::StatusOr<int32_t> IdMember(const char* key, int32_t otherwise) const;  // as Id()

  // "path: message".
  absl::Status Invalid(absl::string_view message) const;
  absl::Status Unsupported(absl::string_view message) const;

 private:
  absl::Status WrongType(absl::string_view expected) const;

  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_JSON_VIEW_H_
