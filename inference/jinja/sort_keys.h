// What sort, unique, min, max and their like compare: an attribute of each item, texts without regard to case.
#ifndef STRATA_INFERENCE_JINJA_SORT_KEYS_H_
#define STRATA_INFERENCE_JINJA_SORT_KEYS_H_

#include <vector>

#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// A key an item. `attribute`: a path, several with commas between (the keys are tuples then), or none.
absl::StatusOr<std::vector<Value>> SortKeys(const std::vector<Value>& items, const Value& attribute,
                                            bool case_sensitive, Heap* heap);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_SORT_KEYS_H_
