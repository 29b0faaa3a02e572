// When values are equal, and which is less: as Python has it. Texts compare by their characters; origins have no say.
#ifndef STRATA_INFERENCE_JINJA_COMPARISON_H_
#define STRATA_INFERENCE_JINJA_COMPARISON_H_

#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// RESOURCE_EXHAUSTED for values nested too deeply, and when the steps are used up.
absl::StatusOr<bool> Equal(const Value& a, const Value& b, Heap* heap);

// -1, 0, 1; INVALID_ARGUMENT for kinds that have no order: 1 and "1".
absl::StatusOr<int> Compare(const Value& a, const Value& b, Heap* heap);

// Whether `item` is in the list, dict (its keys), or string (a part of it).
absl::StatusOr<bool> Contains(const Value& container, const Value& item, Heap* heap);

// Sorts stably by keys[i]; the answer is the order of the indices. Keys must compare with each other.
absl::StatusOr<std::vector<size_t>> SortedOrder(const std::vector<Value>& keys, bool reverse,
                                                Heap* heap);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_COMPARISON_H_
