#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "inference/import/gguf_parse.h"

namespace strata::inference {
namespace {

constexpr uint64_t kLongestName = 64;
constexpr uint32_t kMostDims = 4;

std::string Quoted(absl::string_view name) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(name), "'");
}

// A tensor whose place in the data is only said.
struct Described {
  std::string name;
  GgufTensor tensor;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  size_t at = 0;  // where its description begins
};

// Bytes of a tensor of that type and those dims, which the file's data must be able to hold.
absl::StatusOr<uint64_t> CountBytes(const GgmlType& type, const std::vector<int64_t>& dims) {
  const int64_t row = dims.empty() ? 1 : dims.back();
  if (row % type.block != 0) {
    return absl::InvalidArgumentError(absl::StrCat("its rows have ", row, " elements; ", type.name,
                                                   " has blocks of ", type.block));
  }
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return 0;
  int64_t total = type.bytes;
  int64_t blocks = row / type.block;
  for (size_t d = 0; d < dims.size(); ++d) {
    const int64_t factor = d + 1 == dims.size() ? blocks : dims[d];
    if (__builtin_mul_overflow(total, factor, &total)) {
      return absl::InvalidArgumentError("the product of its dims overflows");
    }
  }
  return static_cast<uint64_t>(total);
}

absl::StatusOr<std::vector<int64_t>> ReadDims(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const uint32_t rank, cursor.Number<uint32_t>("the number of dims"));
  if (rank > kMostDims) {
    return cursor.Fault(absl::StrCat("has ", rank, " dims; at most ", kMostDims, " are allowed"));
  }
  std::vector<int64_t> dims(rank);
  for (uint32_t d = rank; d-- > 0;) {  // the file has the innermost first
    STRATA_ASSIGN_OR_RETURN(dims[d], cursor.Number<int64_t>("a dim"));
    if (dims[d] < 0) return cursor.Fault(absl::StrCat("a dim is ", dims[d]));
  }
  return dims;
}

absl::StatusOr<Described> ReadDescription(GgufCursor& cursor) {
  Described described;
  described.at = cursor.position();
  STRATA_ASSIGN_OR_RETURN(const absl::string_view name,
                          cursor.Text(kLongestName, "a tensor's name"));
  if (name.empty()) return cursor.Fault("a tensor has an empty name");
  described.name = std::string(name);
  const absl::Status status = [&]() -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(described.tensor.dims, ReadDims(cursor));
    STRATA_ASSIGN_OR_RETURN(const uint32_t type, cursor.Number<uint32_t>("the type"));
    described.tensor.type = FindGgmlTypeSize(type);
    if (described.tensor.type == nullptr) {
      return cursor.Fault(absl::StrCat("its type ", type, " is not known; convert it to another"));
    }
    described.tensor.format = chips::FindGgmlType(type);
    const absl::StatusOr<uint64_t> bytes =
        CountBytes(*described.tensor.type, described.tensor.dims);
    if (!bytes.ok()) return GgufCursor::FaultAt(described.at, bytes.status().message());
    described.bytes = *bytes;
    STRATA_ASSIGN_OR_RETURN(described.offset, cursor.Number<uint64_t>("the offset"));
    return absl::OkStatus();
  }();
  STRATA_RETURN_IF_ERROR(Annotate(status, absl::StrCat("tensor ", Quoted(name))));
  return described;
}

// Where the next thing begins after `end`.
uint64_t AlignUp(uint64_t end, uint64_t alignment) {
  return (end + alignment - 1) / alignment * alignment;
}

absl::Status CheckPlace(const Described& d, uint64_t alignment, uint64_t data_bytes) {
  if (d.offset % alignment != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("its offset ", d.offset, " is no multiple of the alignment ", alignment));
  }
  if (d.offset > data_bytes || d.bytes > data_bytes - d.offset) {
    return absl::InvalidArgumentError(absl::StrCat("takes ", d.bytes, " bytes from byte ", d.offset,
                                                   " of the data, which has ", data_bytes,
                                                   " (is the file truncated?)"));
  }
  return absl::OkStatus();
}

// The tensors lie one behind another, each at the first aligned byte after the one before it.
absl::Status CheckCoverage(const std::vector<const Described*>& by_offset, uint64_t alignment,
                           uint64_t data_begin, uint64_t data_bytes) {
  uint64_t end = 0;
  for (const Described* d : by_offset) {
    const uint64_t begin = AlignUp(end, alignment);
    if (d->offset != begin) {
      return GgufCursor::FaultAt(
          data_begin + d->offset,
          absl::StrCat("tensor ", Quoted(d->name), ": begins at byte ", d->offset, " of the data",
                       d->offset < end ? ", inside the tensor before it, which ends at byte "
                                       : "; there is a hole after byte ",
                       end));
    }
    end = d->offset + d->bytes;
  }
  if (data_bytes <= AlignUp(end, alignment)) return absl::OkStatus();
  return GgufCursor::FaultAt(
      data_begin + end,
      absl::StrCat("the tensors end at byte ", end, " of the data, which has ", data_bytes));
}

}  // namespace

absl::StatusOr<std::map<std::string, GgufTensor>> ParseGgufTensors(
    GgufCursor& cursor, uint64_t count, uint64_t alignment,
    const std::shared_ptr<const void>& owner) {
  std::vector<Described> described;
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<Described> next = ReadDescription(cursor);
    STRATA_RETURN_IF_ERROR(Annotate(next.status(), absl::StrCat("description ", i)));
    described.push_back(*std::move(next));
  }
  const uint64_t file_bytes = cursor.content().size();
  const uint64_t begin = std::min(AlignUp(cursor.position(), alignment), file_bytes);
  const absl::string_view data = cursor.content().substr(begin);

  std::vector<const Described*> by_offset;
  std::map<std::string, GgufTensor> tensors;
  for (const Described& d : described) {
    const absl::Status place = CheckPlace(d, alignment, data.size());
    if (!place.ok()) {
      return GgufCursor::FaultAt(d.at,
                                 absl::StrCat("tensor ", Quoted(d.name), ": ", place.message()));
    }
    by_offset.push_back(&d);
    const auto [it, is_new] = tensors.emplace(d.name, d.tensor);
    if (!is_new) {
      return GgufCursor::FaultAt(d.at, absl::StrCat("has the tensor ", Quoted(d.name), " twice"));
    }
    it->second.bytes = data.substr(d.offset, d.bytes);
    it->second.owner = owner;
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const Described* a, const Described* b) {
    return std::tie(a->offset, a->bytes) < std::tie(b->offset, b->bytes);
  });
  STRATA_RETURN_IF_ERROR(CheckCoverage(by_offset, alignment, begin, data.size()));
  return tensors;
}

}  // namespace strata::inference
