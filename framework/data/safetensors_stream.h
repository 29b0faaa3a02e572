// Writes safetensors files from tensors that are made when their turn comes, so that a model larger than memory can be
// written: one file, or a folder of shards with an index as Hugging Face has them.
//
//   std::vector<SafetensorsOutput> tensors = {{"w", chips::F32, {2, 3}, [&](const ByteSink& sink) { return sink(bytes); }}};
//   STRATA_ASSIGN_OR_RETURN(auto paths, WriteSafetensorsFolder("out/", tensors, {.shard_bytes = 2'000'000'000}));
//
// Each file appears under its name only when it is whole and on the disk, the index last. The same tensors make the same
// files: within a file the largest element type first, then by name, which keeps every tensor aligned.
#ifndef STRATA_FRAMEWORK_DATA_SAFETENSORS_STREAM_H_
#define STRATA_FRAMEWORK_DATA_SAFETENSORS_STREAM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"

namespace strata::framework {

// Takes a tensor's bytes, in order and in pieces of any size.
using ByteSink = std::function<absl::Status(absl::string_view)>;

struct SafetensorsOutput {
  std::string name;
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims;
  std::function<absl::Status(const ByteSink&)>
      write;  // gives all of its bytes, neither more nor less
};

struct SafetensorsFolderOptions {
  uint64_t shard_bytes = 0;  // of a shard's data; a tensor is never cut; 0: one file
  std::map<std::string, std::string> metadata = {};  // of each file
  std::function<void(const SafetensorsOutput&)> written =
      {};  // called after each tensor, e.g. to show progress
};

// One file. INVALID_ARGUMENT with path and tensor for a dtype the format lacks, a name that is not UTF-8, "__metadata__"
// or there twice, and a tensor that gives another number of bytes.
absl::Status StreamSafetensors(const std::string& path,
                               const std::vector<SafetensorsOutput>& tensors,
                               const std::map<std::string, std::string>& metadata = {},
                               const std::function<void(const SafetensorsOutput&)>& written = {});

// "model.safetensors" in the folder, which is made; or, when the tensors do not fit one shard, by name
// "model-00001-of-0000N.safetensors" and "model.safetensors.index.json". Gives the paths written. What an earlier model
// of the other kind left there under those names is taken away, so that OpenSafetensors() finds the new one.
absl::StatusOr<std::vector<std::string>> WriteSafetensorsFolder(
    const std::string& folder, const std::vector<SafetensorsOutput>& tensors,
    const SafetensorsFolderOptions& options = {});

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_DATA_SAFETENSORS_STREAM_H_
