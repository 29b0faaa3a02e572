#include "inference/jinja/value.h"

#include <cmath>
#include <cstring>

namespace strata::inference::jinja {

struct Value::CountedText {
  CountedText(Text value, Heap* owner) : text(std::move(value)), heap(owner) {
    if (heap != nullptr) heap->Take(Size());
  }
  ~CountedText() {
    if (heap != nullptr) heap->Give(Size());
  }
  CountedText(const CountedText&) = delete;
  CountedText& operator=(const CountedText&) = delete;
  size_t Size() const {
    return sizeof(CountedText) + text.size() + text.runs().size() * sizeof(Text::Run);
  }

  const Text text;
  Heap* const heap;
};

namespace {

// One string for each class of equal keys: 1, 1.0 and true are one key, as in Python. False when `key` cannot be one.
bool AppendKeyCode(const Value& key, int depth, std::string* code) {
  switch (key.kind()) {
    case Kind::kNone:
      *code += 'n';
      return true;
    case Kind::kBool:
    case Kind::kInt:
      absl::StrAppend(code, "i", key.int_value(), ";");
      return true;
    case Kind::kFloat: {
      const double number = key.float_value();
      if (std::nearbyint(number) == number && std::abs(number) < 9e18) {
        absl::StrAppend(code, "i", static_cast<int64_t>(number), ";");
      } else {
        char bits[sizeof number];
        std::memcpy(bits, &number, sizeof number);
        *code += 'f';
        code->append(bits, sizeof bits);
      }
      return true;
    }
    case Kind::kString:
      absl::StrAppend(code, "s", key.text().size(), ":", key.text().bytes());
      return true;
    case Kind::kSequence: {
      const auto* sequence = key.object<SequenceObject>();
      if (sequence->flavor != SequenceFlavor::kTuple || depth > 8) return false;
      absl::StrAppend(code, "t", sequence->items.size(), ":");
      for (const Value& item : sequence->items) {
        if (!AppendKeyCode(item, depth + 1, code)) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

Value Value::Undefined(std::string message) {
  return Value(Data(Missing{std::make_shared<const std::string>(std::move(message))}));
}

Value Value::Constant(Text text) {
  return Value(Data(std::make_shared<const CountedText>(std::move(text), nullptr)));
}

Kind Value::kind() const {
  static constexpr Kind kKinds[] = {Kind::kUndefined, Kind::kNone,  Kind::kBool,
                                    Kind::kInt,       Kind::kFloat, Kind::kString};
  const size_t index = data_.index();
  return index < 6 ? kKinds[index] : std::get<Object*>(data_)->kind();
}

int64_t Value::int_value() const {
  return kind() == Kind::kBool ? std::get<bool>(data_) : std::get<int64_t>(data_);
}

double Value::AsDouble() const {
  return kind() == Kind::kFloat ? float_value() : static_cast<double>(int_value());
}

const Text& Value::text() const { return std::get<String>(data_)->text; }

const std::string& Value::undefined_message() const {
  static const auto& none = *new std::string("a value is undefined");
  const auto& message = std::get<Missing>(data_).message;
  return message == nullptr ? none : *message;
}

absl::string_view Value::TypeName() const {
  static constexpr absl::string_view kSequences[] = {"list",      "tuple",       "range",
                                                     "dict_keys", "dict_values", "dict_items"};
  switch (kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kSequence:
      return kSequences[static_cast<int>(object<SequenceObject>()->flavor)];
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kIterator:
      return "generator";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kFunction:
      return "function";
  }
  return "?";
}

bool Value::Truth() const {
  switch (kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return int_value() != 0;
    case Kind::kFloat:
      return float_value() != 0;
    case Kind::kString:
      return !text().empty();
    case Kind::kSequence:
      return !object<SequenceObject>()->items.empty();
    case Kind::kDict:
      return !object<DictObject>()->entries().empty();
    default:
      return true;
  }
}

const Value* DictObject::Find(const Value& key) const {
  std::string code;
  if (!AppendKeyCode(key, 0, &code)) return nullptr;
  const auto place = places_.find(code);
  return place == places_.end() ? nullptr : &entries_[place->second].second;
}

const Value* DictObject::Find(absl::string_view key) const {
  const auto place = places_.find(absl::StrCat("s", key.size(), ":", key));
  return place == places_.end() ? nullptr : &entries_[place->second].second;
}

absl::Status DictObject::Set(const Value& key, Value value) {
  std::string code;
  if (!AppendKeyCode(key, 0, &code)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", key.TypeName(), " cannot be a key of a dict"));
  }
  const size_t bytes = sizeof(Entry) + 2 * sizeof(std::string) + code.size();
  const auto [place, added] = places_.try_emplace(std::move(code), entries_.size());
  if (added) {
    entries_.emplace_back(key, std::move(value));
    heap_->Take(bytes);
  } else {
    entries_[place->second].second = std::move(value);
  }
  return absl::OkStatus();
}

bool DictObject::Erase(const Value& key) {
  std::string code;
  if (!AppendKeyCode(key, 0, &code)) return false;
  const auto place = places_.find(code);
  if (place == places_.end()) return false;
  const size_t gone = place->second;
  places_.erase(place);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (auto& [other, position] : places_) {
    if (position > gone) --position;
  }
  return true;
}

void DictObject::Clear() {
  entries_.clear();
  places_.clear();
}

Value LoopObject::Attribute(absl::string_view name) const {
  const auto at = static_cast<int64_t>(index), count = static_cast<int64_t>(items.size());
  if (name == "index") return Value::Int(at + 1);
  if (name == "index0") return Value::Int(at);
  if (name == "revindex") return Value::Int(count - at);
  if (name == "revindex0") return Value::Int(count - at - 1);
  if (name == "first") return Value::Bool(at == 0);
  if (name == "last") return Value::Bool(at + 1 == count);
  if (name == "length") return Value::Int(count);
  if (name == "depth") return Value::Int(depth);
  if (name == "depth0") return Value::Int(depth - 1);
  if (name == "previtem")
    return at > 0 ? items[index - 1] : Value::Undefined("there is no previous item");
  if (name == "nextitem") {
    return at + 1 < count ? items[index + 1] : Value::Undefined("there is no next item");
  }
  return Value::Undefined(absl::StrCat("loop has no attribute '", name, "'"));
}

Value Heap::String(Text text) {
  return Value(Value::Data(std::make_shared<const Value::CountedText>(std::move(text), this)));
}

Value Heap::Sequence(SequenceFlavor flavor, std::vector<Value> items) {
  const size_t bytes = sizeof(SequenceObject) + items.capacity() * sizeof(Value);
  return Value::Of(Own(std::make_unique<SequenceObject>(flavor, std::move(items)), bytes));
}

Value Heap::Iterator(std::vector<Value> items) {
  const size_t bytes = sizeof(IteratorObject) + items.capacity() * sizeof(Value);
  return Value::Of(Own(std::make_unique<IteratorObject>(std::move(items)), bytes));
}

absl::Status Heap::CheckRoom(size_t bytes) const {
  if (bytes <= limits_.memory && used_ <= limits_.memory - bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("needs more than ", limits_.memory,
                   " bytes of memory; shorten the conversation or raise Limits::memory"));
}

absl::Status Heap::Spend(int64_t steps) {
  STRATA_RETURN_IF_ERROR(CheckRoom());
  if (steps <= limits_.steps - steps_) {
    steps_ += steps;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("takes more than ", limits_.steps,
                   " steps; shorten the conversation or raise Limits::steps"));
}

}  // namespace strata::inference::jinja
