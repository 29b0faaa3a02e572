// Methods of lists, dicts and `loop`; and which value has which.
#include <algorithm>

#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/comparison.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

std::vector<Value>& ListOf(const Value& self) { return self.object<SequenceObject>()->items; }

absl::Status Grow(Interpreter& in, size_t items) {
  in.heap().Take(items * sizeof(Value));
  return in.heap().CheckRoom();
}

Result Append(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "append", {"item"}, 1));
  STRATA_RETURN_IF_ERROR(Grow(in, 1));
  ListOf(self).push_back(bound[0]);
  return Value::None();
}

Result Extend(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "extend", {"items"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  STRATA_RETURN_IF_ERROR(Grow(in, items.size()));
  ListOf(self).insert(ListOf(self).end(), items.begin(), items.end());
  return Value::None();
}

Result Insert(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "insert", {"index", "item"}, 2));
  STRATA_ASSIGN_OR_RETURN(int64_t index, ToInteger(bound[0], "index"));
  std::vector<Value>& list = ListOf(self);
  const auto size = static_cast<int64_t>(list.size());
  index = std::clamp<int64_t>(index < 0 ? std::max(index, -size) + size : index, 0, size);
  STRATA_RETURN_IF_ERROR(Grow(in, 1));
  list.insert(list.begin() + index, bound[1]);
  return Value::None();
}

Result PopItem(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "pop", {"index"}, 0));
  STRATA_ASSIGN_OR_RETURN(int64_t index, ToInteger(bound[0], "index", -1));
  std::vector<Value>& list = ListOf(self);
  const auto size = static_cast<int64_t>(list.size());
  if (index < -size || index >= size)
    return absl::InvalidArgumentError(absl::StrCat("pop: there is no item ", index));
  const auto place = list.begin() + (index < 0 ? index + size : index);
  Value item = *place;
  list.erase(place);
  return item;
}

Result ReverseList(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "reverse", {}, 0).status());
  std::reverse(ListOf(self).begin(), ListOf(self).end());
  return Value::None();
}

// The place of the first equal item; -1 when there is none.
absl::StatusOr<int64_t> PlaceOf(Interpreter& in, const Value& self, const Value& item) {
  const std::vector<Value>& list = ListOf(self);
  for (size_t i = 0; i < list.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equal(list[i], item, &in.heap()));
    if (equal) return static_cast<int64_t>(i);
  }
  return -1;
}

Result Index(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "index", {"item"}, 1));
  STRATA_ASSIGN_OR_RETURN(const int64_t place, PlaceOf(in, self, bound[0]));
  if (place < 0)
    return absl::InvalidArgumentError("index: the item is not in the list; ask `in` first");
  return Value::Int(place);
}

Result Remove(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "remove", {"item"}, 1));
  STRATA_ASSIGN_OR_RETURN(const int64_t place, PlaceOf(in, self, bound[0]));
  if (place < 0)
    return absl::InvalidArgumentError("remove: the item is not in the list; ask `in` first");
  ListOf(self).erase(ListOf(self).begin() + place);
  return Value::None();
}

Result CountEqual(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "count", {"item"}, 1));
  int64_t count = 0;
  for (const Value& item : ListOf(self)) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equal(item, bound[0], &in.heap()));
    count += equal ? 1 : 0;
  }
  return Value::Int(count);
}

Result CopyList(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "copy", {}, 0).status());
  return in.heap().List(ListOf(self));
}

DictObject& DictOf(const Value& self) { return *self.object<DictObject>(); }

template <SequenceFlavor kFlavor>
Result View(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "view", {}, 0).status());
  std::vector<Value> items;
  for (const auto& [key, value] : DictOf(self).entries()) {
    if (kFlavor == SequenceFlavor::kKeys) items.push_back(key);
    if (kFlavor == SequenceFlavor::kValues) items.push_back(value);
    if (kFlavor == SequenceFlavor::kItems) items.push_back(in.heap().Tuple({key, value}));
  }
  return in.heap().Sequence(kFlavor, std::move(items));
}

Result Get(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "get", {"key", "default"}, 1));
  const Value* value = DictOf(self).Find(bound[0]);
  if (value != nullptr) return *value;
  return arguments.positional.size() + arguments.named.size() > 1 ? bound[1] : Value::None();
}

Result SetDefault(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "setdefault", {"key", "default"}, 1));
  const Value* value = DictOf(self).Find(bound[0]);
  if (value != nullptr) return *value;
  const Value otherwise = bound[1].is_undefined() ? Value::None() : bound[1];
  STRATA_RETURN_IF_ERROR(DictOf(self).Set(bound[0], otherwise));
  return otherwise;
}

Result Update(Interpreter& in, const Value& self, const Arguments& arguments) {
  for (const Value& other : arguments.positional) {
    if (other.kind() != Kind::kDict)
      return absl::InvalidArgumentError(
          absl::StrCat("update takes a dict, not a ", other.TypeName()));
    const std::vector<DictObject::Entry> entries = DictOf(other).entries();  // maybe its own
    for (const auto& [key, value] : entries) STRATA_RETURN_IF_ERROR(DictOf(self).Set(key, value));
  }
  for (const auto& [name, value] : arguments.named)
    STRATA_RETURN_IF_ERROR(DictOf(self).Set(in.heap().String(name, Origin::kTemplate), value));
  STRATA_RETURN_IF_ERROR(in.heap().CheckRoom());
  return Value::None();
}

Result PopKey(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "pop", {"key", "default"}, 1));
  const Value* value = DictOf(self).Find(bound[0]);
  if (value != nullptr) {
    Value popped = *value;
    STRATA_RETURN_IF_ERROR(
        in.heap().Spend(static_cast<int64_t>(DictOf(self).entries().size() / 4)));
    DictOf(self).Erase(bound[0]);
    return popped;
  }
  if (arguments.positional.size() + arguments.named.size() > 1) return bound[1];
  return absl::InvalidArgumentError("pop: there is no such key; give a default");
}

Result CopyDict(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "copy", {}, 0).status());
  DictObject* copy = in.heap().NewDict();
  for (const auto& [key, value] : DictOf(self).entries())
    STRATA_RETURN_IF_ERROR(copy->Set(key, value));
  return Value::Of(copy);
}

Result Cycle(Interpreter&, const Value& self, const Arguments& arguments) {
  const std::vector<Value>& items = arguments.positional;
  if (items.empty()) return absl::InvalidArgumentError("loop.cycle needs values");
  return items[self.object<LoopObject>()->index % items.size()];
}

Result Changed(Interpreter& in, const Value& self, const Arguments& arguments) {
  auto* loop = self.object<LoopObject>();
  const Value values = in.heap().Tuple(arguments.positional);
  bool same = false;
  if (!loop->changed.is_undefined()) {
    STRATA_ASSIGN_OR_RETURN(same, Equal(loop->changed, values, &in.heap()));
  }
  loop->changed = values;
  return Value::Bool(!same);
}

const MethodTable& LoopMethods() {
  static const auto& table = *new MethodTable{{"cycle", Cycle}, {"changed", Changed}};
  return table;
}

// What does not change a list: for tuples and ranges too.
const MethodTable& TupleMethods() {
  static const auto& table = *new MethodTable{{"index", Index}, {"count", CountEqual}};
  return table;
}

class BoundMethod : public FunctionObject {
 public:
  BoundMethod(Method method, std::string name, Value self)
      : method_(method), name_(std::move(name)), self_(std::move(self)) {}
  absl::string_view name() const override { return name_; }
  Result Call(Interpreter& interpreter, Arguments arguments) override {
    return method_(interpreter, self_, arguments);
  }

 private:
  const Method method_;
  const std::string name_;
  const Value self_;
};

const MethodTable* MethodsOf(const Value& self) {
  switch (self.kind()) {
    case Kind::kString:
      return &StringMethods();
    case Kind::kDict:
      return &DictMethods();
    case Kind::kLoop:
      return &LoopMethods();
    case Kind::kSequence:
      if (self.object<SequenceObject>()->flavor == SequenceFlavor::kList) return &ListMethods();
      return self.object<SequenceObject>()->indexable() ? &TupleMethods() : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

const MethodTable& ListMethods() {
  static const auto& table =
      *new MethodTable{{"append", Append}, {"extend", Extend},       {"insert", Insert},
                       {"pop", PopItem},   {"reverse", ReverseList}, {"index", Index},
                       {"remove", Remove}, {"count", CountEqual},    {"copy", CopyList}};
  return table;
}

const MethodTable& DictMethods() {
  static const auto& table = *new MethodTable{{"keys", View<SequenceFlavor::kKeys>},
                                              {"values", View<SequenceFlavor::kValues>},
                                              {"items", View<SequenceFlavor::kItems>},
                                              {"get", Get},
                                              {"setdefault", SetDefault},
                                              {"update", Update},
                                              {"pop", PopKey},
                                              {"copy", CopyDict}};
  return table;
}

Method FindMethod(const Value& self, absl::string_view name) {
  const MethodTable* methods = MethodsOf(self);
  if (methods == nullptr) return nullptr;
  const auto found = methods->find(name);
  return found == methods->end() ? nullptr : found->second;
}

Value BindMethod(Method method, absl::string_view name, Value self, Heap* heap) {
  return Value::Of(
      heap->Own(std::make_unique<BoundMethod>(method, std::string(name), std::move(self))));
}

}  // namespace strata::inference::jinja
