#include "inference/server/structured_output.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grammar/grammar_text.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/json_schema.h"
#include "inference/grammar/regex.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;  // properties come in the order of the schema
using grammar::Grammar;

absl::Status WrongType(const char* wanted, const Ordered& value) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", wanted, ", not ", value.type_name()));
}

absl::StatusOr<Grammar> OfRegex(const Ordered& value) {
  if (!value.is_string()) return WrongType("a string", value);
  STRATA_ASSIGN_OR_RETURN(grammar::Expr expr,
                          grammar::ParseRegex(value.get_ref<const std::string&>()));
  return grammar::OneRule(std::move(expr));
}

absl::StatusOr<Grammar> OfText(const Ordered& value) {
  if (!value.is_string()) return WrongType("a string", value);
  return grammar::ParseGrammar(value.get_ref<const std::string&>());
}

absl::StatusOr<Grammar> OfChoice(const Ordered& value) {
  if (!value.is_array()) return WrongType("a list of strings", value);
  if (value.empty()) return absl::InvalidArgumentError("is empty; give at least one text");
  std::vector<std::string> texts;
  for (const Ordered& text : value) {
    if (!text.is_string()) return WrongType("a list of strings", text);
    texts.push_back(text.get<std::string>());
  }
  return grammar::ChoiceOfTexts(texts);
}

// vLLM takes the schema as a text too.
absl::StatusOr<Grammar> OfSchema(const Ordered& value) {
  if (value.is_string()) return grammar::GrammarOfSchemaText(value.get_ref<const std::string&>());
  return grammar::GrammarOfSchema(value);
}

absl::StatusOr<Grammar> OfJsonObject(const Ordered& value) {
  if (!value.is_boolean()) return WrongType("true or false", value);
  return grammar::JsonObject();
}

// How a grammar may be given. In a request at most one may be.
struct Form {
  const char* name;    // in structured_outputs
  const char* guided;  // vLLM's older name; null: none
  absl::StatusOr<Grammar> (*make)(const Ordered& value);
};

constexpr Form kForms[] = {
    {"regex", "guided_regex", OfRegex},     {"choice", "guided_choice", OfChoice},
    {"grammar", "guided_grammar", OfText},  {"json", "guided_json", OfSchema},
    {"json_object", nullptr, OfJsonObject},
};
constexpr const Form& kSchema = kForms[3];
constexpr const Form& kJsonObject = kForms[4];

class Reader {
 public:
  Reader(const std::string& body, Serving& serving, GenerateRequest* request)
      : body_(body), serving_(serving), request_(*request) {}

  absl::Status Set(const RequestFields& fields, const std::string& field, const Form& form,
                   const Ordered& value) {
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
    } else if (type == "json_schema") {
      STRATA_RETURN_IF_ERROR(ReadJsonSchema(&inner));
    } else if (type != "text") {
      return inner.Error(
          "type",
          absl::StrCat("\"", type, "\" is not supported; text, json_object and json_schema are"),
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
      if (value == nullptr || (form.guided == nullptr && *value == false)) continue;
      STRATA_RETURN_IF_ERROR(Set(inner, form.name, form, Body()["structured_outputs"][form.name]));
    }
    return inner.RefuseOthers();
  }

  absl::Status ReadGuided(RequestFields* fields) {
    for (const Form& form : kForms) {
      const Json* value = form.guided == nullptr ? nullptr : fields->Find(form.guided);
      if (value == nullptr) continue;
      STRATA_RETURN_IF_ERROR(Set(*fields, form.guided, form, Body()[form.guided]));
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

  // strict says that the schema must be obeyed, which it always is.
  absl::Status ReadJsonSchema(RequestFields* format) {
    STRATA_RETURN_IF_ERROR(format->Require("json_schema").status());
    STRATA_ASSIGN_OR_RETURN(const Json* json_schema, Object(format, "json_schema"));
    RequestFields inner(*json_schema, "response_format.json_schema.");
    std::string name, description;
    bool strict = true;
    STRATA_RETURN_IF_ERROR(inner.String("name", &name));
    STRATA_RETURN_IF_ERROR(inner.String("description", &description));
    STRATA_RETURN_IF_ERROR(inner.Boolean("strict", &strict));
    STRATA_RETURN_IF_ERROR(inner.Require("schema").status());
    STRATA_RETURN_IF_ERROR(
        Set(inner, "schema", kSchema, Body()["response_format"]["json_schema"]["schema"]));
    return inner.RefuseOthers();
  }

  // The request with the order of its keys.
  Ordered& Body() {
    if (ordered_.is_null()) ordered_ = Ordered::parse(body_, nullptr, /*allow_exceptions=*/false);
    return ordered_;
  }

  const std::string& body_;
  Ordered ordered_;
  Serving& serving_;
  GenerateRequest& request_;
  std::string given_by_;  // the field that gave the grammar
};

}  // namespace

absl::Status ReadStructuredOutput(RequestFields* fields, const std::string& body, Serving& serving,
                                  GenerateRequest* request) {
  Reader reader(body, serving, request);
  STRATA_RETURN_IF_ERROR(reader.ReadResponseFormat(fields));
  STRATA_RETURN_IF_ERROR(reader.ReadStructuredOutputs(fields));
  return reader.ReadGuided(fields);
}

}  // namespace strata::inference
