// Reads byte ranges of a stored cell, block by block, and checks each block that it reads.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_CELL_READER_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_CELL_READER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/manifest.pb.h"

namespace strata::distributed {

// The open files of a checkpoint. For one thread.
class OpenFiles {
 public:
  OpenFiles(std::string folder, const checkpoint::Manifest& manifest)
      : folder_(std::move(folder)), manifest_(manifest) {}
  absl::StatusOr<const RandomReader*> Get(uint32_t file);

 private:
  const std::string folder_;
  const checkpoint::Manifest& manifest_;
  std::map<uint32_t, std::unique_ptr<RandomReader>> open_;
};

// For one thread; ranges that rise read each block once.
class CellReader {
 public:
  CellReader(const RandomReader& file, const checkpoint::Tensor& tensor,
             const checkpoint::Cell& cell, uint64_t block_bytes);

  // Bytes [begin, begin + bytes) of the cell. DATA_LOSS names file, tensor, cell and the bytes of the file.
  absl::Status Read(uint64_t begin, uint64_t bytes, char* to);
  absl::Status Verify();  // all blocks

 private:
  uint64_t BytesOfBlock(uint64_t block) const;
  absl::Status LoadBlock(uint64_t block, char* to);

  const RandomReader& file_;
  const checkpoint::Tensor& tensor_;
  const checkpoint::Cell& cell_;
  const uint64_t block_bytes_, cell_bytes_;
  std::vector<char> buffer_;          // the block last read in part
  uint64_t buffered_ = ~uint64_t{0};  // its index
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_CELL_READER_H_
