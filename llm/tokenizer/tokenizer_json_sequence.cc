// Parts of a tokenizer.json that may be a sequence of parts.
#include "absl/functional/function_ref.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {

absl::Status ForEachPart(const JsonView& part, const char* list, PartVisitor visit) {
  if (part.IsNull()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const std::string type, part.StringMember("type"));
  if (type != "Sequence") return visit(part, type);
  STRATA_ASSIGN_OR_RETURN(const JsonView parts, part.Member(list));
  STRATA_ASSIGN_OR_RETURN(const size_t size, parts.ArraySize());
  for (size_t i = 0; i < size; ++i) {
    // Sequences of sequences are legal, though nobody writes them; the file's own depth bounds this
    // recursion.
    STRATA_RETURN_IF_ERROR(ForEachPart(parts.Element(i), list, visit));
  }
  return absl::OkStatus();
}

absl::Status UnsupportedType(const JsonView& part, const std::string& type,
                             absl::string_view supported) {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, part.Member("type"));
  return member.Unsupported(absl::StrCat("'", type, "' is not supported; only ", supported));
}

absl::Status ReadPattern(const JsonView& part, std::string* text, bool* literal) {
  STRATA_ASSIGN_OR_RETURN(const JsonView pattern, part.Member("pattern"));
  STRATA_ASSIGN_OR_RETURN(const JsonView regex, pattern.Member("Regex"));
  STRATA_ASSIGN_OR_RETURN(const JsonView plain, pattern.Member("String"));
  if (regex.IsNull() == plain.IsNull())
    return pattern.Invalid("expected either a Regex or a String");
  *literal = regex.IsNull();
  STRATA_ASSIGN_OR_RETURN(*text, *literal ? plain.String() : regex.String());
  return absl::OkStatus();
}

}  // namespace strata::llm::internal
