// What templates find without defining it: filters, tests, methods and functions, by name.
//
//   const Filter* filter = FindFilter("trim");
//   (*filter)(interpreter, {{text}, {}})
#ifndef STRATA_INFERENCE_JINJA_BUILTINS_H_
#define STRATA_INFERENCE_JINJA_BUILTINS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "inference/jinja/arguments.h"
#include "inference/jinja/interpreter.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// The first positional argument is what stands before the bar.
using Filter = absl::StatusOr<Value> (*)(Interpreter& interpreter, const Arguments& arguments);
// ... before `is`.
using Test = absl::StatusOr<bool> (*)(Interpreter& interpreter, const Arguments& arguments);
using Method = absl::StatusOr<Value> (*)(Interpreter& interpreter, const Value& self,
                                         const Arguments& arguments);

// Sorted lists of the names, for messages.
std::string FilterNames();
std::string TestNames();

// Null when there is none.
Filter FindFilter(absl::string_view name);
Test FindTest(absl::string_view name);
Method FindMethod(const Value& self, absl::string_view name);

// A method as a value.
Value BindMethod(Method method, absl::string_view name, Value self, Heap* heap);

// Puts range, dict, namespace, raise_exception and strftime_now into the interpreter's globals.
void AddFunctions(Interpreter* interpreter);

// The tables that the filters come from, one a file.
using FilterTable = absl::flat_hash_map<absl::string_view, Filter>;
void AddTextFilters(FilterTable* table);
void AddNumberFilters(FilterTable* table);
void AddListFilters(FilterTable* table);
void AddSelectionFilters(FilterTable* table);

using MethodTable = absl::flat_hash_map<absl::string_view, Method>;
const MethodTable& StringMethods();
const MethodTable& ListMethods();
const MethodTable& DictMethods();

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_BUILTINS_H_
