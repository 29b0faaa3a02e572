#include "distributed/checkpoint/cell_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "distributed/checkpoint/block_hash.h"
#include "distributed/checkpoint/manifest.h"

namespace strata::distributed {

absl::StatusOr<const RandomReader*> OpenFiles::Get(uint32_t file) {
  std::unique_ptr<RandomReader>& reader = open_[file];
  if (reader != nullptr) return reader.get();
  const std::string& name = manifest_.files(static_cast<int>(file)).name();
  absl::StatusOr<std::unique_ptr<RandomReader>> opened =
      RandomReader::Open(JoinPath(folder_, name));
  if (absl::IsNotFound(opened.status())) {
    return absl::DataLossError(absl::StrCat(JoinPath(folder_, name), ": is missing"));
  }
  STRATA_RETURN_IF_ERROR(opened.status());
  reader = *std::move(opened);
  return reader.get();
}

CellReader::CellReader(const RandomReader& file, const checkpoint::Tensor& tensor,
                       const checkpoint::Cell& cell, uint64_t block_bytes)
    : file_(file),
      tensor_(tensor),
      cell_(cell),
      block_bytes_(block_bytes),
      cell_bytes_(static_cast<uint64_t>(CellBytes(tensor, cell))) {}

uint64_t CellReader::BytesOfBlock(uint64_t block) const {
  return std::min(block_bytes_, cell_bytes_ - block * block_bytes_);
}

absl::Status CellReader::LoadBlock(uint64_t block, char* to) {
  const uint64_t begin = cell_.begin() + block * block_bytes_, bytes = BytesOfBlock(block);
  STRATA_RETURN_IF_ERROR(
      Annotate(file_.Read(begin, to, bytes), absl::StrCat("tensor '", tensor_.name(), "'")));
  if (BlockHash({to, bytes}) == cell_.xxh3(static_cast<int>(block))) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(file_.path(), ": tensor '", tensor_.name(), "', cell ", BoxOf(cell_).ToString(),
                   ": bytes ", begin, " .. ", begin + bytes,
                   " of the file do not match their checksum: the file was damaged; load an older "
                   "checkpoint"));
}

absl::Status CellReader::Read(uint64_t begin, uint64_t bytes, char* to) {
  const uint64_t end = begin + bytes;
  while (begin < end) {
    const uint64_t block = begin / block_bytes_, inside = begin % block_bytes_;
    const uint64_t take = std::min(end - begin, BytesOfBlock(block) - inside);
    if (take == BytesOfBlock(block)) {
      STRATA_RETURN_IF_ERROR(LoadBlock(block, to));
    } else {
      if (buffered_ != block) {
        buffered_ = ~uint64_t{0};
        buffer_.resize(block_bytes_);
        STRATA_RETURN_IF_ERROR(LoadBlock(block, buffer_.data()));
        buffered_ = block;
      }
      std::memcpy(to, buffer_.data() + inside, take);
    }
    begin += take;
    to += take;
  }
  return absl::OkStatus();
}

absl::Status CellReader::Verify() {
  buffered_ = ~uint64_t{0};
  buffer_.resize(block_bytes_);
  for (int block = 0; block < cell_.xxh3_size(); ++block) {
    STRATA_RETURN_IF_ERROR(LoadBlock(static_cast<uint64_t>(block), buffer_.data()));
  }
  return absl::OkStatus();
}

}  // namespace strata::distributed
