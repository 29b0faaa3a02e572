// Value: what an expression of the language evaluates to; Heap: where values live while one template is rendered.
//
//   Heap heap({.memory = 1 << 20});
//   Value name = heap.String("Ada", Origin::kData);
//   Value list = heap.List({name, Value::Int(3)});
//
// Values are cheap to copy. Lists, dicts and functions are references, as in Python: two copies name the same object.
// Objects live as long as their heap; a Value must not outlive it. Not thread-safe: one heap a rendering.
#ifndef STRATA_INFERENCE_JINJA_VALUE_H_
#define STRATA_INFERENCE_JINJA_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/jinja/text.h"

namespace strata::inference::jinja {

class Heap;

enum class Kind {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kSequence,   // SequenceObject
  kDict,       // DictObject
  kNamespace,  // NamespaceObject
  kIterator,   // IteratorObject
  kLoop,       // LoopObject
  kFunction,   // FunctionObject
};

// What a heap owns.
class Object {
 public:
  explicit Object(Kind kind) : kind_(kind) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  Kind kind() const { return kind_; }

 private:
  const Kind kind_;
};

class Value {
 public:
  Value() : data_(Missing{}) {}  // undefined
  // Undefined; any use but printing and testing fails with `message`.
  static Value Undefined(std::string message);
  static Value None() { return Value(Data(std::in_place_type<Nothing>)); }
  static Value Bool(bool value) { return Value(Data(std::in_place_type<bool>, value)); }
  static Value Int(int64_t value) { return Value(Data(std::in_place_type<int64_t>, value)); }
  static Value Float(double value) { return Value(Data(std::in_place_type<double>, value)); }
  static Value Of(Object* object) { return Value(Data(std::in_place_type<Object*>, object)); }
  // A string that no heap counts: constants of a template.
  static Value Constant(Text text);

  Kind kind() const;
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_string() const { return kind() == Kind::kString; }
  // Python's bool counts as a number there, and here.
  bool is_integer() const { return kind() == Kind::kInt || kind() == Kind::kBool; }
  bool is_number() const { return is_integer() || kind() == Kind::kFloat; }

  // Each needs the kind in its name.
  bool bool_value() const { return std::get<bool>(data_); }
  int64_t int_value() const;  // 0 or 1 of a bool
  double float_value() const { return std::get<double>(data_); }
  double AsDouble() const;  // of any number
  const Text& text() const;
  template <typename T>
  T* object() const {
    return static_cast<T*>(std::get<Object*>(data_));
  }
  const std::string& undefined_message() const;

  // Python's name of the type: "str", "dict".
  absl::string_view TypeName() const;
  // Whether it counts as true.
  bool Truth() const;

 private:
  friend class Heap;
  struct Missing {
    std::shared_ptr<const std::string> message;
  };
  struct Nothing {};
  struct CountedText;
  using String = std::shared_ptr<const CountedText>;
  using Data = std::variant<Missing, Nothing, bool, int64_t, double, String, Object*>;

  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

enum class SequenceFlavor { kList, kTuple, kRange, kKeys, kValues, kItems };

// A list, a tuple, a range, or what keys(), values() and items() of a dict give.
class SequenceObject : public Object {
 public:
  SequenceObject(SequenceFlavor flavor, std::vector<Value> items)
      : Object(Kind::kSequence), flavor(flavor), items(std::move(items)) {}
  // Views of a dict can be iterated, but not indexed.
  bool indexable() const { return flavor <= SequenceFlavor::kRange; }

  const SequenceFlavor flavor;
  std::vector<Value> items;
};

// A mapping that keeps the order of insertion. Keys: none, numbers, strings, and tuples of them.
class DictObject : public Object {
 public:
  using Entry = std::pair<Value, Value>;

  explicit DictObject(Heap* heap) : Object(Kind::kDict), heap_(heap) {}

  const std::vector<Entry>& entries() const { return entries_; }
  // Null when there is none, or when `key` cannot be one.
  const Value* Find(const Value& key) const;
  const Value* Find(absl::string_view key) const;
  // INVALID_ARGUMENT when `key` cannot be one.
  absl::Status Set(const Value& key, Value value);
  // Whether there was one. Takes time in the size of the dict.
  bool Erase(const Value& key);
  void Clear();

 private:
  Heap* const heap_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, size_t> places_;  // by the key's code
};

// namespace(...): named values that a template may assign to from inner blocks.
class NamespaceObject : public Object {
 public:
  explicit NamespaceObject(DictObject* values) : Object(Kind::kNamespace), values(values) {}
  DictObject* const values;
};

// What gives its items once: the result of map, select and their like.
class IteratorObject : public Object {
 public:
  explicit IteratorObject(std::vector<Value> rest)
      : Object(Kind::kIterator), items(std::move(rest)) {}
  std::vector<Value> items;
  size_t next = 0;
};

// The variable `loop`.
class LoopObject : public Object {
 public:
  LoopObject(std::vector<Value> items, int64_t depth)
      : Object(Kind::kLoop), items(std::move(items)), depth(depth) {}
  // Undefined for a name that is none of loop's.
  Value Attribute(absl::string_view name) const;

  const std::vector<Value> items;
  const int64_t depth;  // 1: the outermost
  size_t index = 0;     // from 0
  Value changed;        // the tuple of loop.changed(...)
};

class Interpreter;
struct Arguments;

class FunctionObject : public Object {
 public:
  FunctionObject() : Object(Kind::kFunction) {}
  virtual absl::string_view name() const = 0;
  virtual absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) = 0;
};

// What one rendering may take.
struct Limits {
  size_t output = size_t{16} << 20;   // bytes
  size_t memory = size_t{256} << 20;  // bytes of all values at once
  int64_t steps = 5'000'000;          // evaluated nodes; long texts and lists count for more
  int depth = 200;  // nested calls and blocks, nested values when printed or compared
};

class Heap {
 public:
  explicit Heap(Limits limits = {}) : limits_(limits) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  Value String(Text text);
  Value String(absl::string_view bytes, Origin origin) { return String(Text(bytes, origin)); }
  Value List(std::vector<Value> items) { return Sequence(SequenceFlavor::kList, std::move(items)); }
  Value Tuple(std::vector<Value> items) {
    return Sequence(SequenceFlavor::kTuple, std::move(items));
  }
  Value Sequence(SequenceFlavor flavor, std::vector<Value> items);
  Value Iterator(std::vector<Value> items);
  DictObject* NewDict() { return Own(std::make_unique<DictObject>(this), sizeof(DictObject)); }

  // Keeps the object; `bytes` of it are counted.
  template <typename T>
  T* Own(std::unique_ptr<T> object, size_t bytes = sizeof(T)) {
    T* kept = object.get();
    objects_.push_back(std::move(object));
    Take(bytes + sizeof(void*));
    return kept;
  }
  void Take(size_t bytes) { used_ += bytes; }
  void Give(size_t bytes) { used_ -= bytes; }

  // RESOURCE_EXHAUSTED when more than the limit is used, or would be with `bytes` more.
  absl::Status CheckRoom(size_t bytes = 0) const;
  // Counts work; RESOURCE_EXHAUSTED when it was too much, or when memory is.
  absl::Status Spend(int64_t steps);

  const Limits& limits() const { return limits_; }

 private:
  const Limits limits_;
  size_t used_ = 0;
  int64_t steps_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_VALUE_H_
