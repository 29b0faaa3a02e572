// safetensors: the file format of model weights (Hugging Face, version 0.3+): an 8-byte little-endian header length, a
// JSON header {name: {dtype, shape, data_offsets}}, and the tensors' bytes without gaps.
//
//   STRATA_ASSIGN_OR_RETURN(SafetensorsFile file, OpenSafetensors("gpt2/"));     // a folder, file or index
//   STRATA_ASSIGN_OR_RETURN(graph::HostTensor w, file.Get("h.0.attn.c_attn.weight"));
//
//   WriteSafetensors("out.safetensors", {{"w", w}}, {{"format", "strata"}});
//
// Files come from strangers: everything is checked before a byte is used, and a fault is an error that names the file,
// the tensor and the offset. Tensors are views of the mapped file, copied only where the file does not align them;
// views stay valid after the SafetensorsFile is gone and must not be written. Reading is thread-safe.
#ifndef STRATA_FRAMEWORK_DATA_SAFETENSORS_H_
#define STRATA_FRAMEWORK_DATA_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::framework {

// What a header says about a tensor.
struct SafetensorsEntry {
  std::string dtype;  // as in the file: "F32", "BF16", "F8_E4M3", ...
  std::vector<int64_t> dims;
  absl::string_view bytes;  // inside the mapped file
  std::shared_ptr<const void> owner;
};

class SafetensorsFile {
 public:
  // Takes a whole file that is in memory already. `owner` keeps `content` alive; `where` names it in errors.
  static absl::StatusOr<SafetensorsFile> Parse(absl::string_view content,
                                               std::shared_ptr<const void> owner,
                                               const std::string& where);

  // By name; a sharded checkpoint has the entries of all its shards.
  const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool Has(const std::string& name) const { return entries_.count(name) != 0; }

  // NOT_FOUND for another name; UNIMPLEMENTED for a dtype of the format that Strata does not compute with.
  absl::StatusOr<graph::HostTensor> Get(const std::string& name) const;

 private:
  friend absl::StatusOr<SafetensorsFile> OpenSafetensors(const std::string& path);
  friend absl::StatusOr<SafetensorsFile> OpenIndex(const std::string& path);

  std::string where_;
  std::map<std::string, SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

// Opens a ".safetensors" file, an index ("model.safetensors.index.json" with its shards beside it), or a folder that
// holds "model.safetensors" or such an index.
absl::StatusOr<SafetensorsFile> OpenSafetensors(const std::string& path);

// Writes beside `path`, fsyncs and renames over it; the bytes are streamed from the tensors. The same tensors make the
// same file: largest element type first, then by name, which keeps every tensor aligned.
absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, graph::HostTensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_DATA_SAFETENSORS_H_
