#include "inference/jinja/sort_keys.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "inference/jinja/access.h"
#include "inference/jinja/text_operations.h"

namespace strata::inference::jinja {

absl::StatusOr<std::vector<Value>> SortKeys(const std::vector<Value>& items, const Value& attribute,
                                            bool case_sensitive, Heap* heap) {
  std::vector<Value> paths = {attribute};
  const bool several = attribute.is_string() && absl::StrContains(attribute.text().bytes(), ',');
  if (several) {
    paths.clear();
    for (absl::string_view path : absl::StrSplit(attribute.text().bytes(), ','))
      paths.push_back(heap->String(path, Origin::kTemplate));
  }
  std::vector<Value> keys;
  for (const Value& item : items) {
    STRATA_RETURN_IF_ERROR(heap->Spend(1));
    std::vector<Value> parts;
    for (const Value& path : paths) {
      STRATA_ASSIGN_OR_RETURN(Value part, GetPath(item, path, heap));
      if (part.is_string() && !case_sensitive) {
        STRATA_ASSIGN_OR_RETURN(part, LowerText(part.text(), heap));
      }
      parts.push_back(std::move(part));
    }
    keys.push_back(several ? heap->Tuple(std::move(parts)) : parts[0]);
  }
  return keys;
}

}  // namespace strata::inference::jinja
