#include "inference/jinja/comparison.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace strata::inference::jinja {
namespace {

// What comparing two texts counts for.
int64_t TextCost(const Value& a, const Value& b) {
  return 1 + static_cast<int64_t>(std::min(a.text().size(), b.text().size()) / 64);
}

absl::Status CheckDepth(int depth, const Heap& heap) {
  if (depth <= heap.limits().depth) return absl::OkStatus();
  return absl::ResourceExhaustedError("values are nested too deeply to be compared");
}

template <typename T>
int Order(T a, T b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int OrderNumbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return Order(a.int_value(), b.int_value());
  return Order(a.AsDouble(), b.AsDouble());
}

absl::StatusOr<bool> EqualAt(const Value& a, const Value& b, int depth, Heap* heap);

absl::StatusOr<bool> EqualSequences(const SequenceObject& a, const SequenceObject& b, int depth,
                                    Heap* heap) {
  if (a.flavor != b.flavor || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, EqualAt(a.items[i], b.items[i], depth + 1, heap));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualDicts(const DictObject& a, const DictObject& b, int depth, Heap* heap) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.Find(key);
    if (other == nullptr) return false;
    STRATA_ASSIGN_OR_RETURN(const bool equal, EqualAt(value, *other, depth + 1, heap));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualAt(const Value& a, const Value& b, int depth, Heap* heap) {
  STRATA_RETURN_IF_ERROR(CheckDepth(depth, *heap));
  STRATA_RETURN_IF_ERROR(heap->Spend(1));
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return a.int_value() == b.int_value();
    return a.AsDouble() == b.AsDouble();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      if (a.text().size() != b.text().size()) return false;
      STRATA_RETURN_IF_ERROR(heap->Spend(TextCost(a, b)));
      return a.text().bytes() == b.text().bytes();
    case Kind::kSequence:
      return EqualSequences(*a.object<SequenceObject>(), *b.object<SequenceObject>(), depth, heap);
    case Kind::kDict:
      return EqualDicts(*a.object<DictObject>(), *b.object<DictObject>(), depth, heap);
    default:
      return a.object<Object>() == b.object<Object>();
  }
}

absl::StatusOr<int> CompareAt(const Value& a, const Value& b, int depth, Heap* heap) {
  STRATA_RETURN_IF_ERROR(CheckDepth(depth, *heap));
  STRATA_RETURN_IF_ERROR(heap->Spend(1));
  if (a.is_number() && b.is_number()) return OrderNumbers(a, b);
  if (a.is_string() && b.is_string()) {
    STRATA_RETURN_IF_ERROR(heap->Spend(TextCost(a, b)));
    return Order(a.text().bytes().compare(b.text().bytes()), 0);
  }
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) return absl::InvalidArgumentError(side->undefined_message());
  }
  if (a.kind() != Kind::kSequence || a.TypeName() != b.TypeName() ||
      !a.object<SequenceObject>()->indexable()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", a.TypeName(), " and a ", b.TypeName(), " have no order"));
  }
  const auto& left = a.object<SequenceObject>()->items;
  const auto& right = b.object<SequenceObject>()->items;
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, EqualAt(left[i], right[i], depth + 1, heap));
    if (!equal) return CompareAt(left[i], right[i], depth + 1, heap);
  }
  return Order(left.size(), right.size());
}

absl::StatusOr<bool> AnyEqual(const std::vector<Value>& items, const Value& item, Heap* heap) {
  for (const Value& candidate : items) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equal(candidate, item, heap));
    if (equal) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<bool> Equal(const Value& a, const Value& b, Heap* heap) {
  return EqualAt(a, b, 0, heap);
}

absl::StatusOr<int> Compare(const Value& a, const Value& b, Heap* heap) {
  return CompareAt(a, b, 0, heap);
}

absl::StatusOr<bool> Contains(const Value& container, const Value& item, Heap* heap) {
  switch (container.kind()) {
    case Kind::kUndefined:
      return false;
    case Kind::kString: {
      if (!item.is_string()) {
        return absl::InvalidArgumentError(
            absl::StrCat("only a string can be in a string, not a ", item.TypeName()));
      }
      const std::string &text = container.text().bytes(), &part = item.text().bytes();
      STRATA_RETURN_IF_ERROR(heap->Spend(1 + static_cast<int64_t>(text.size() / 64)));
      return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
    }
    case Kind::kSequence:
      return AnyEqual(container.object<SequenceObject>()->items, item, heap);
    case Kind::kIterator: {
      auto* iterator = container.object<IteratorObject>();
      while (iterator->next < iterator->items.size()) {
        STRATA_ASSIGN_OR_RETURN(const bool equal,
                                Equal(iterator->items[iterator->next++], item, heap));
        if (equal) return true;
      }
      return false;
    }
    case Kind::kDict:
      return container.object<DictObject>()->Find(item) != nullptr;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("nothing can be in a ", container.TypeName(),
                       "; the right side of `in` must be a list, a dict or a string"));
  }
}

absl::StatusOr<std::vector<size_t>> SortedOrder(const std::vector<Value>& keys, bool reverse,
                                                Heap* heap) {
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  absl::Status status;
  // Equal keys keep their order in a reversed sort too, as in Python. After an error everything is equal.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (!status.ok()) return false;
    const absl::StatusOr<int> result = Compare(keys[a], keys[b], heap);
    if (!result.ok()) {
      status = result.status();
      return false;
    }
    return reverse ? *result > 0 : *result < 0;
  });
  STRATA_RETURN_IF_ERROR(status);
  return order;
}

}  // namespace strata::inference::jinja
