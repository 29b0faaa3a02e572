// RequestFields: the fields of a JSON request, read with checks; every error names the field.
//
//   STRATA_ASSIGN_OR_RETURN(nlohmann::json body, ParseRequest(call.body));
//   RequestFields fields(body);
//   double temperature = 1;
//   STRATA_RETURN_IF_ERROR(fields.Number("temperature", 0, 2, &temperature));
//   STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
//
// A field that is null counts as not given: what the pointer points to keeps its value. What no one has asked for is
// refused in the end, so that a parameter is never ignored in silence.
#ifndef STRATA_INFERENCE_SERVER_REQUEST_FIELDS_H_
#define STRATA_INFERENCE_SERVER_REQUEST_FIELDS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

// INVALID_ARGUMENT unless `body` is one JSON object of valid UTF-8, nested at most 64 deep, with at most 8192 members
// in each object.
absl::StatusOr<nlohmann::json> ParseRequest(const std::string& body);

class RequestFields {
 public:
  // `object` must outlive this. `path` is put before the names: "messages[0].".
  explicit RequestFields(const nlohmann::json& object, std::string path = "");

  // The value, or null when the field is absent or null.
  const nlohmann::json* Find(const std::string& name);
  // The same; INVALID_ARGUMENT when there is none.
  absl::StatusOr<const nlohmann::json*> Require(const std::string& name);

  // INVALID_ARGUMENT for another type or a value outside [least, most].
  absl::Status Number(const std::string& name, double least, double most, double* value);
  absl::Status Integer(const std::string& name, int64_t least, int64_t most, int64_t* value);
  absl::Status Boolean(const std::string& name, bool* value);
  absl::Status String(const std::string& name, std::string* value);
  // One string, or a list of at most `most`; none empty.
  absl::Status Strings(const std::string& name, size_t most, std::vector<std::string>* value);

  // A parameter that is known but not supported: INVALID_ARGUMENT unless it has the value that asks for nothing.
  absl::Status RefuseUnless(const std::string& name, const nlohmann::json& neutral);
  // Accepted and not looked at.
  void Ignore(const std::string& name) { seen_.insert(name); }
  // The first field that was not asked for, if any.
  absl::Status RefuseOthers() const;

  absl::Status Error(const std::string& name, absl::string_view message,
                     absl::string_view code = "") const;

 private:
  absl::Status WrongType(const std::string& name, absl::string_view wanted,
                         const nlohmann::json& value) const;

  const nlohmann::json& object_;
  const std::string path_;
  std::set<std::string> seen_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_REQUEST_FIELDS_H_
