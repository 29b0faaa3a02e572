// Getting at parts of values: items, slices, attributes, iteration.
//
// As in Jinja, what is not there is undefined, with a message that tells what was looked for; only parts of an
// undefined value are an error.
#ifndef STRATA_INFERENCE_JINJA_ACCESS_H_
#define STRATA_INFERENCE_JINJA_ACCESS_H_

#include <optional>
#include <vector>

#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// value[index]: of lists, strings (by characters) and dicts.
absl::StatusOr<Value> GetItem(const Value& value, const Value& index, Heap* heap);

// value.name, but for methods: keys of dicts, values of namespaces, what `loop` has.
absl::StatusOr<Value> GetField(const Value& value, absl::string_view name);

// value[start:stop:step]; none for what is not given.
absl::StatusOr<Value> GetSlice(const Value& value, const Value& start, const Value& stop,
                               const Value& step, Heap* heap);

// All items, in order: of sequences, keys of dicts, characters of strings; what is left of an iterator, which is
// used up then. INVALID_ARGUMENT for what cannot be iterated.
absl::StatusOr<std::vector<Value>> Items(const Value& value, Heap* heap);

// The number of items or characters. INVALID_ARGUMENT for what has none; iterators too.
absl::StatusOr<int64_t> Length(const Value& value);

// Follows a path of fields and indices: "function.name", "0.id".
absl::StatusOr<Value> GetPath(Value value, const Value& path, Heap* heap);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_ACCESS_H_
