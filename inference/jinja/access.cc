#include "inference/jinja/access.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/text_builder.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

absl::Status CannotIterate(const Value& value) {
  return absl::InvalidArgumentError(absl::StrCat(
      "a ", value.TypeName(), " cannot be iterated; it must be a list, a dict or a string"));
}

std::string ObjectName(const Value& value) {
  return value.is_none() ? "None" : absl::StrCat(value.TypeName(), " object");
}

Value NoField(const Value& value, absl::string_view name) {
  return Value::Undefined(absl::StrCat("'", ObjectName(value), "' has no attribute '", name, "'"));
}

absl::StatusOr<Value> NoItem(const Value& value, const Value& index, Heap* heap) {
  if (index.is_string()) return NoField(value, index.text().bytes());
  TextBuilder text(heap);
  STRATA_RETURN_IF_ERROR(WriteRepr(index, &text));
  return Value::Undefined(absl::StrCat(ObjectName(value), " has no element ", text.text().bytes()));
}

// The place that a Python index names; nothing when it is outside.
std::optional<size_t> Place(int64_t index, size_t size) {
  const auto count = static_cast<int64_t>(size);
  if (index < 0) index += count;
  if (index < 0 || index >= count) return std::nullopt;
  return static_cast<size_t>(index);
}

struct Slice {
  int64_t start, step, count;
};

// The places that start:stop:step names in `size` items (Python's slice.indices()).
absl::StatusOr<Slice> ResolveSlice(const Value& start, const Value& stop, const Value& step,
                                   int64_t size) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integer()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a bound of a slice must be an integer, not a ", bound->TypeName()));
    }
  }
  const int64_t by = step.is_none() ? 1 : step.int_value();
  if (by == 0) return absl::InvalidArgumentError("the step of a slice is 0");
  const int64_t least = by < 0 ? -1 : 0, most = by < 0 ? size - 1 : size;
  const auto clamp = [&](const Value& bound, int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    const int64_t at = bound.int_value();
    return at < 0 ? std::max(at < -size ? least : at + size, least) : std::min(at, most);
  };
  Slice slice{clamp(start, by < 0 ? most : least), by, 0};
  const int64_t end = clamp(stop, by < 0 ? least : most);
  const auto length = static_cast<uint64_t>(by < 0 ? slice.start - end : end - slice.start);
  const uint64_t stride = by < 0 ? 0 - static_cast<uint64_t>(by) : static_cast<uint64_t>(by);
  if (by < 0 ? slice.start > end : end > slice.start)
    slice.count = static_cast<int64_t>((length - 1) / stride + 1);
  return slice;
}

absl::StatusOr<Value> SliceText(const Text& text, const Value& start, const Value& stop,
                                const Value& step, Heap* heap) {
  const std::vector<size_t> starts = CharacterStarts(text.bytes());
  STRATA_ASSIGN_OR_RETURN(const Slice slice,
                          ResolveSlice(start, stop, step, static_cast<int64_t>(starts.size()) - 1));
  TextBuilder out(heap);
  if (slice.step == 1 && slice.count > 0) {
    const size_t begin = starts[static_cast<size_t>(slice.start)];
    out.Append(text, begin, starts[static_cast<size_t>(slice.start + slice.count)] - begin);
    return out.Finish();
  }
  for (int64_t i = 0; i < slice.count; ++i) {
    const auto at = static_cast<size_t>(slice.start + i * slice.step);
    out.Append(text, starts[at], starts[at + 1] - starts[at]);
  }
  return out.Finish();
}

absl::StatusOr<std::vector<Value>> Characters(const Text& text, Heap* heap) {
  STRATA_RETURN_IF_ERROR(heap->CheckRoom(text.size() * (sizeof(Value) + sizeof(Text))));
  const std::vector<size_t> starts = CharacterStarts(text.bytes());
  std::vector<Value> items;
  items.reserve(starts.size());
  for (size_t i = 0; i + 1 < starts.size(); ++i)
    items.push_back(heap->String(text.Substr(starts[i], starts[i + 1] - starts[i])));
  return items;
}

}  // namespace

absl::StatusOr<Value> GetItem(const Value& value, const Value& index, Heap* heap) {
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  if (value.is_string() && index.is_integer()) {
    const Text& text = value.text();
    STRATA_RETURN_IF_ERROR(heap->Spend(static_cast<int64_t>(text.size() / 32)));
    const std::vector<size_t> starts = CharacterStarts(text.bytes());
    const std::optional<size_t> at = Place(index.int_value(), starts.size() - 1);
    if (at.has_value())
      return heap->String(text.Substr(starts[*at], starts[*at + 1] - starts[*at]));
  } else if (value.kind() == Kind::kSequence && index.is_integer()) {
    const auto* sequence = value.object<SequenceObject>();
    const std::optional<size_t> at = Place(index.int_value(), sequence->items.size());
    if (at.has_value() && sequence->indexable()) return sequence->items[*at];
  } else if (value.kind() == Kind::kDict) {
    const Value* found = value.object<DictObject>()->Find(index);
    if (found != nullptr) return *found;
  } else if (index.is_string()) {
    return GetField(value, index.text().bytes());
  }
  return NoItem(value, index, heap);
}

absl::StatusOr<Value> GetField(const Value& value, absl::string_view name) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return absl::InvalidArgumentError(value.undefined_message());
    case Kind::kDict: {
      const Value* found = value.object<DictObject>()->Find(name);
      return found != nullptr ? *found : NoField(value, name);
    }
    case Kind::kNamespace: {
      const Value* found = value.object<NamespaceObject>()->values->Find(name);
      return found != nullptr ? *found : NoField(value, name);
    }
    case Kind::kLoop:
      return value.object<LoopObject>()->Attribute(name);
    case Kind::kSequence: {  // the pairs that groupby gives
      const auto* pair = value.object<SequenceObject>();
      const bool is_pair = pair->flavor == SequenceFlavor::kTuple && pair->items.size() == 2;
      if (is_pair && name == "grouper") return pair->items[0];
      if (is_pair && name == "list") return pair->items[1];
      return NoField(value, name);
    }
    default:
      return NoField(value, name);
  }
}

absl::StatusOr<Value> GetSlice(const Value& value, const Value& start, const Value& stop,
                               const Value& step, Heap* heap) {
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  if (value.is_string()) {
    STRATA_RETURN_IF_ERROR(heap->Spend(static_cast<int64_t>(value.text().size() / 32)));
    return SliceText(value.text(), start, stop, step, heap);
  }
  const bool list = value.kind() == Kind::kSequence && value.object<SequenceObject>()->indexable();
  if (!list) return Value::Undefined(absl::StrCat(ObjectName(value), " cannot be sliced"));
  const auto* sequence = value.object<SequenceObject>();
  STRATA_ASSIGN_OR_RETURN(
      const Slice slice,
      ResolveSlice(start, stop, step, static_cast<int64_t>(sequence->items.size())));
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(slice.count));
  for (int64_t i = 0; i < slice.count; ++i)
    items.push_back(sequence->items[static_cast<size_t>(slice.start + i * slice.step)]);
  STRATA_RETURN_IF_ERROR(heap->Spend(slice.count / 8));
  return heap->Sequence(sequence->flavor, std::move(items));
}

absl::StatusOr<std::vector<Value>> Items(const Value& value, Heap* heap) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      break;
    case Kind::kString: {
      STRATA_ASSIGN_OR_RETURN(items, Characters(value.text(), heap));
      break;
    }
    case Kind::kSequence:
      items = value.object<SequenceObject>()->items;
      break;
    case Kind::kDict:
      for (const auto& [key, unused] : value.object<DictObject>()->entries()) items.push_back(key);
      break;
    case Kind::kIterator: {
      auto* iterator = value.object<IteratorObject>();
      items.assign(iterator->items.begin() + static_cast<std::ptrdiff_t>(iterator->next),
                   iterator->items.end());
      iterator->next = iterator->items.size();
      break;
    }
    default:
      return CannotIterate(value);
  }
  STRATA_RETURN_IF_ERROR(heap->Spend(static_cast<int64_t>(items.size() / 8)));
  return items;
}

absl::StatusOr<int64_t> Length(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return CountCharacters(value.text().bytes());
    case Kind::kSequence:
      return static_cast<int64_t>(value.object<SequenceObject>()->items.size());
    case Kind::kDict:
      return static_cast<int64_t>(value.object<DictObject>()->entries().size());
    case Kind::kIterator:
      return absl::InvalidArgumentError("a generator has no length; make it a list: |list");
    default:
      return absl::InvalidArgumentError(absl::StrCat("a ", value.TypeName(), " has no length"));
  }
}

absl::StatusOr<Value> GetPath(Value value, const Value& path, Heap* heap) {
  if (path.is_none() || path.is_undefined()) return value;
  if (!path.is_string()) return GetItem(value, path, heap);
  for (absl::string_view part : absl::StrSplit(path.text().bytes(), '.')) {
    int64_t number = 0;
    const bool digits = !part.empty() && std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
    const Value index = digits && absl::SimpleAtoi(part, &number)
                            ? Value::Int(number)
                            : Value::Constant(Text(part, Origin::kTemplate));
    STRATA_ASSIGN_OR_RETURN(value, GetItem(value, index, heap));
  }
  return value;
}

}  // namespace strata::inference::jinja
