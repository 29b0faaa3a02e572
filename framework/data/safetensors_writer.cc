#include <algorithm>

#include "base/file.h"
#include "framework/data/safetensors.h"
#include "framework/data/safetensors_dtype.h"
#include "framework/data/strict_json.h"

namespace strata::framework {
namespace {

using nlohmann::json;
using Item = std::pair<const std::string, graph::HostTensor>;

// The data starts at a multiple of this, so that a mapped file is aligned for vectors.
constexpr size_t kAlignment = 64;

absl::StatusOr<std::vector<const Item*>> OrderItems(
    const std::map<std::string, graph::HostTensor>& tensors) {
  std::vector<const Item*> items;
  for (const Item& item : tensors) {
    if (item.first == "__metadata__") {
      return absl::InvalidArgumentError("a tensor cannot be named '__metadata__'");
    }
    if (FindSafetensorsDType(item.second.dtype()) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", Quoted(item.first), ": has no dtype"));
    }
    items.push_back(&item);
  }
  // The map has them by name already.
  std::stable_sort(items.begin(), items.end(), [](const Item* a, const Item* b) {
    return chips::SizeOf(a->second.dtype()) > chips::SizeOf(b->second.dtype());
  });
  return items;
}

// The length and the header, padded with spaces.
absl::StatusOr<std::string> MakeHead(const std::vector<const Item*>& items,
                                     const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t offset = 0;
  for (const Item* item : items) {
    const graph::HostTensor& tensor = item->second;
    const size_t end = offset + tensor.size_bytes();
    header[item->first] = {{"dtype", FindSafetensorsDType(tensor.dtype())->name},
                           {"shape", tensor.dims()},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    return absl::InvalidArgumentError("a name or a metadata text is not UTF-8");
  }
  while ((8 + text.size()) % kAlignment != 0) text.push_back(' ');
  std::string head;
  for (int i = 0; i < 8; ++i) head.push_back(static_cast<char>(text.size() >> (8 * i) & 0xff));
  return head + text;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, graph::HostTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  absl::StatusOr<std::vector<const Item*>> items = OrderItems(tensors);
  STRATA_RETURN_IF_ERROR(Annotate(items.status(), path));
  const absl::StatusOr<std::string> head = MakeHead(*items, metadata);
  STRATA_RETURN_IF_ERROR(Annotate(head.status(), path));
  std::vector<absl::string_view> pieces = {*head};
  for (const Item* item : *items) {
    pieces.emplace_back(static_cast<const char*>(item->second.raw()), item->second.size_bytes());
  }
  return WriteFileAtomic(path, pieces);
}

}  // namespace strata::framework
