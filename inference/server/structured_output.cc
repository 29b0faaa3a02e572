#include "inference/server/structured_output.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grammar/grammar_text.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/regex.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using grammar::Grammar;

absl::Status WrongType(const char* wanted, const Json& value) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", wanted, ", not ", value.type_name()));
}

absl::StatusOr<Grammar> OfRegex(const Json& value) {
  if (!value.is_string()) return WrongType("a string", value);
  STRATA_ASSIGN_OR_RETURN(grammar::Expr expr,
                          grammar::ParseRegex(value.get_ref<const std::string&>()));
  return grammar::OneRule(std::move(expr));
}

absl::StatusOr<Grammar> OfText(const Json& value) {
  if (!value.is_string()) return WrongType("a string", value);
  return grammar::ParseGrammar(value.get_ref<const std::string&>());
}

absl::StatusOr<Grammar> OfChoice(const Json& value) {
  if (!value.is_array()) return WrongType("a list of strings", value);
  if (value.empty()) return absl::InvalidArgumentError("is empty; give at least one text");
  std::vector<std::string> texts;
  for (const Json& text : value) {
    if (!text.is_string()) return WrongType("a list of strings", text);
    texts.push_back(text.get<std::string>());
  }
  return grammar::ChoiceOfTexts(texts);
}

absl::StatusOr<Grammar> OfJsonObject(const Json&) { return grammar::JsonObject(); }

// How a grammar may be given. In a request at most one may be.
struct Form {
  const char* name;    // in structured_outputs
  const char* guided;  // vLLM's older name; null: none
  absl::StatusOr<Grammar> (*make)(const Json& value);
};

constexpr Form kForms[] = {
    {"regex", "guided_regex", OfRegex},
    {"choice", "guided_choice", OfChoice},
    {"grammar", "guided_grammar", OfText},
    {"json_object", nullptr, OfJsonObject},
};
constexpr const Form& kJsonObject = kForms[3];

class Reader {
 public:
  Reader(Serving& serving, GenerateRequest* request) : serving_(serving), request_(*request) {}

  absl::Status Set(const RequestFields& fields, const std::string& field, const Form& form,
                   const Json& value) {
    if (request_.grammar != nullptr) {
      return fields.Error(
          field, absl::StrCat("cannot be given with ", given_by_, ": an answer has one form"));
    }
    given_by_ = field;
    absl::StatusOr<std::shared_ptr<const grammar::TokenGrammar>> made = serving_.grammars.Get(
        absl::StrCat(form.name, ":", value.dump()), [&] { return form.make(value); });
    if (!made.ok()) return fields.Error(field, made.status().message());
    request_.grammar = *std::move(made);
    return absl::OkStatus();
  }

  absl::Status ReadResponseFormat(RequestFields* fields) {
    STRATA_ASSIGN_OR_RETURN(const Json* format, Object(fields, "response_format"));
    if (format == nullptr) return absl::OkStatus();
    RequestFields inner(*format, "response_format.");
    STRATA_RETURN_IF_ERROR(inner.Require("type").status());
    std::string type;
    STRATA_RETURN_IF_ERROR(inner.String("type", &type));
    if (type == "json_object") {
      STRATA_RETURN_IF_ERROR(Set(*fields, "response_format", kJsonObject, true));
    } else if (type != "text") {
      return inner.Error("type",
                         absl::StrCat("\"", type, "\" is not supported; text and json_object are"),
                         "unsupported_parameter");
    }
    return inner.RefuseOthers();
  }

  absl::Status ReadStructuredOutputs(RequestFields* fields) {
    STRATA_ASSIGN_OR_RETURN(const Json* outputs, Object(fields, "structured_outputs"));
    if (outputs == nullptr) return absl::OkStatus();
    RequestFields inner(*outputs, "structured_outputs.");
    for (const Form& form : kForms) {
      const Json* value = inner.Find(form.name);
      if (value == nullptr || *value == false) continue;
      STRATA_RETURN_IF_ERROR(Set(inner, form.name, form, *value));
    }
    return inner.RefuseOthers();
  }

  absl::Status ReadGuided(RequestFields* fields) {
    for (const Form& form : kForms) {
      const Json* value = form.guided == nullptr ? nullptr : fields->Find(form.guided);
      if (value != nullptr) STRATA_RETURN_IF_ERROR(Set(*fields, form.guided, form, *value));
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<const Json*> Object(RequestFields* fields, const char* name) {
    const Json* value = fields->Find(name);
    if (value == nullptr || value->is_object()) return value;
    return fields->Error(name, absl::StrCat("must be an object, not ", value->type_name()),
                         "invalid_type");
  }

  Serving& serving_;
  GenerateRequest& request_;
  std::string given_by_;  // the field that gave the grammar
};

}  // namespace

absl::Status ReadStructuredOutput(RequestFields* fields, Serving& serving,
                                  GenerateRequest* request) {
  Reader reader(serving, request);
  STRATA_RETURN_IF_ERROR(reader.ReadResponseFormat(fields));
  STRATA_RETURN_IF_ERROR(reader.ReadStructuredOutputs(fields));
  return reader.ReadGuided(fields);
}

}  // namespace strata::inference
