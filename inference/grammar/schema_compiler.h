// SchemaCompiler: a JSON schema becomes rules. What each type asks for is in a file of its own.
#ifndef STRATA_INFERENCE_GRAMMAR_SCHEMA_COMPILER_H_
#define STRATA_INFERENCE_GRAMMAR_SCHEMA_COMPILER_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "inference/grammar/grammar.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/number_ranges.h"
#include "inference/grammar/schema_document.h"

namespace strata::inference::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(Schema root, JsonRules* json, Grammar* grammar)
      : document_(std::move(root)), json_(*json), grammar_(*grammar) {}

  // The whole schema, with all rules that it names.
  absl::StatusOr<Expr> Compile();

 private:
  // Schemas, and parts of schemas that were put together; alternatives of one oneOf, each of which is compared with all.
  static constexpr int64_t kMostSchemas = 20'000, kMostParts = 1'000'000, kMostOneOf = 200;
  static constexpr int kDeepest = 128;
  static constexpr size_t kLongestName = 1000;  // of a property that additional ones must not be

  // SchemaDocument::Both() within the limits.
  absl::StatusOr<Schema> Both(Schema a, const Schema& b, const std::string& path);

  // `path` names the schema in errors.
  absl::StatusOr<Expr> Any(const Schema& schema, const std::string& path);
  absl::StatusOr<Expr> Object(const Schema& schema, const std::string& path);  // not a boolean
  absl::StatusOr<Expr> Reference(const Schema& schema, const std::string& path);
  absl::StatusOr<Expr> AllOf(const Schema& schema, const std::string& path);
  absl::StatusOr<Expr> Alternatives(const Schema& schema, const char* keyword,
                                    const std::string& path);
  absl::StatusOr<Expr> Values(const Schema& schema, const std::string& path);
  Expr Exactly(const Schema& value);
  absl::StatusOr<Expr> OfTypes(const Schema& schema, const std::string& path);
  absl::StatusOr<Expr> OfType(const std::string& type, const Schema& schema,
                              const std::string& path);

  // schema_string.cc
  absl::StatusOr<Expr> String(const Schema& schema, const std::string& path);
  // schema_number.cc
  absl::StatusOr<Expr> Number(const Schema& schema, bool integer, const std::string& path);
  absl::Status ReadBound(const Schema& schema, const char* key, const std::string& path,
                         std::optional<Decimal>* bound, bool* excluded, bool least);
  // schema_array.cc
  absl::StatusOr<Expr> Array(const Schema& schema, const std::string& path);
  // schema_object.cc
  struct Property {
    std::string name;
    bool required = false;
    int rule = 0;  // key and value
  };
  absl::StatusOr<Expr> Members(const Schema& schema, const std::string& path);
  absl::StatusOr<std::vector<Property>> Properties(const Schema& schema, const Schema& additional,
                                                   const std::string& path);
  absl::StatusOr<std::optional<Expr>> AdditionalMember(const Schema& schema,
                                                       const Schema& additional,
                                                       const std::vector<Property>& properties,
                                                       const std::string& path);
  absl::StatusOr<std::pair<int32_t, int32_t>> MemberCounts(const Schema& schema,
                                                           const std::vector<Property>& properties,
                                                           bool more, const std::string& path);
  Expr InOrder(const std::vector<Property>& properties, const Expr& more);
  absl::StatusOr<Expr> KeyExcept(const std::vector<Property>& properties, const std::string& path);

  // A count such as minLength; `otherwise` when it is not there.
  static absl::StatusOr<int32_t> Count(const Schema& schema, const char* key, int32_t otherwise,
                                       const std::string& path);
  static absl::StatusOr<std::pair<int32_t, int32_t>> Counts(const Schema& schema, const char* least,
                                                            const char* most,
                                                            const std::string& path);

  const SchemaDocument document_;
  JsonRules& json_;
  Grammar& grammar_;
  std::map<const Schema*, int> rules_;                       // of what $ref names
  std::vector<std::pair<const Schema*, std::string>> open_;  // rules to be written, and their paths
  int64_t schemas_ = 0, parts_ = 0, comparisons_ = 400'000;
  int depth_ = 0;
};

// A character of a string inside JSON, written as JSON writers do; with RegexOptions::write patterns bind the text that
// the string stands for.
Expr JsonCharacters(std::vector<CodeRange> ranges);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_SCHEMA_COMPILER_H_
