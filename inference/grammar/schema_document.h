// SchemaDocument: a JSON schema and the parts that $ref names in it; and how two schemas become one that asks for both.
//
// All errors are INVALID_ARGUMENT and begin with the path of the fault: "#/properties/a: ...".
#ifndef STRATA_INFERENCE_GRAMMAR_SCHEMA_DOCUMENT_H_
#define STRATA_INFERENCE_GRAMMAR_SCHEMA_DOCUMENT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace strata::inference::grammar {

using Schema = nlohmann::ordered_json;

class SchemaDocument {
 public:
  explicit SchemaDocument(Schema root) : root_(std::move(root)) {}

  const Schema& root() const { return root_; }

  // What "#", "#/$defs/a" and the like name. `path`: of the schema with the $ref.
  absl::StatusOr<const Schema*> Resolve(absl::string_view ref, const std::string& path) const;

  // The schema, or what its $ref and the $refs behind name, when it has nothing else.
  absl::StatusOr<const Schema*> Behind(const Schema& schema, const std::string& path) const;

  // Of what both schemas allow. Refused where the keywords of both do not add up in a simple way.
  absl::StatusOr<Schema> Both(Schema a, const Schema& b, const std::string& path) const;

  // Whether it is certain that no value is allowed by both, as oneOf needs it. Takes from `work`, comparisons of names and
  // values; without any left nothing is certain.
  absl::StatusOr<bool> Disjoint(const Schema& a, const Schema& b, const std::string& path,
                                int64_t* work) const;

 private:
  absl::Status Add(const std::string& key, const Schema& value, const std::string& path,
                   Schema* to) const;
  absl::StatusOr<bool> Disjoint(const Schema& a, const Schema& b, const std::string& path,
                                int64_t* work, int depth) const;

  const Schema root_;
};

absl::Status SchemaFault(const std::string& path, absl::string_view message);

// "#/properties" + "a/b" = "#/properties/a~1b"
std::string SchemaPath(const std::string& path, absl::string_view key);

// Keywords that say nothing about what is allowed.
bool IsAnnotation(absl::string_view keyword);
// Whether there is any other keyword.
bool HasAssertions(const Schema& schema);

// The types that the schema names: by type, const or enum, or all.
absl::StatusOr<std::vector<std::string>> TypesOf(const Schema& schema, const std::string& path);
// As JSON Schema names it; "integer" for whole numbers.
std::string TypeOf(const Schema& value);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_SCHEMA_DOCUMENT_H_
