// GGUF: model files of ggml and llama.cpp, versions 2 and 3, whole or split. Metadata (typed values by name) and tensors
// in the formats of chips/numerics/weight_format.h.
//
//   STRATA_ASSIGN_OR_RETURN(GgufFile file, OpenGguf("model-00001-of-00003.gguf"));
//   STRATA_ASSIGN_OR_RETURN(std::string family, GetText(file.metadata(), "general.architecture"));
//   STRATA_ASSIGN_OR_RETURN(const GgufTensor* q, file.Tensor("blk.0.attn_q.weight"));
//   DecodeRow(*q->format, row, q->dims.back(), values);
//
// Files come from strangers: every count and size is held against the bytes that are there before it is used, texts must
// be UTF-8, names unique, and the tensors must fill the data without overlap or hole, each at a multiple of
// general.alignment. A fault is INVALID_ARGUMENT with the file, the byte and the reason:
//
//   model.gguf: byte 16: says it has 1152921504606846976 metadata entries; the 40 bytes that follow can hold 3
//
// What is allocated is in proportion to what was read, never to what a count says. Tensors and arrays are views of the
// mapped file and keep it alive; they must not be written. Reading is thread-safe.
//
// Source: docs/gguf.md of ggml (MIT). Big-endian files and version 1 are refused.
#ifndef STRATA_INFERENCE_IMPORT_GGUF_H_
#define STRATA_INFERENCE_IMPORT_GGUF_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/weight_format.h"
#include "framework/graph/host_tensor.h"
#include "inference/import/ggml_type.h"
#include "inference/import/gguf_value.h"

namespace strata::inference {

struct GgufTensor {
  const GgmlType* type = nullptr;
  const chips::WeightFormat* format = nullptr;  // nullptr: a type that Strata does not decode
  std::vector<int64_t>
      dims;  // row-major, outermost first: the file's order turned round; 0 to 4 of them
  absl::string_view bytes;  // rows of dims.back() elements in the format, one after another
  std::shared_ptr<const void> owner;

  int64_t elements() const;
};

class GgufFile {
 public:
  // A whole file that is in memory already. `owner` keeps `content` alive; `where` names it in errors. A part of a split
  // file is taken as it is.
  static absl::StatusOr<GgufFile> Parse(absl::string_view content,
                                        std::shared_ptr<const void> owner,
                                        const std::string& where);

  const std::string& path() const { return where_; }
  uint32_t version() const { return version_; }
  const GgufMetadata& metadata() const { return metadata_; }
  // By name; a split file has those of all its parts.
  const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }

  // NOT_FOUND with the file and the name.
  absl::StatusOr<const GgufTensor*> Tensor(const std::string& name) const;
  // All of a tensor's values as f32; a view where the file has them so. UNIMPLEMENTED for a type without a format.
  absl::StatusOr<graph::HostTensor> Decode(const std::string& name) const;

 private:
  friend absl::StatusOr<GgufFile> OpenGguf(const std::string& path);
  absl::Status AddPart(const GgufFile& part);

  std::string where_;
  uint32_t version_ = 0;
  GgufMetadata metadata_;
  std::map<std::string, GgufTensor> tensors_;
};

// Opens a file; of a split one, the first part ("NAME-00001-of-00003.gguf"), whose others lie beside it.
absl::StatusOr<GgufFile> OpenGguf(const std::string& path);

// "model", 2, 3 -> "model-00002-of-00003.gguf"
std::string GgufPartPath(absl::string_view stem, int64_t part, int64_t parts);

inline constexpr char kGgufAlignmentKey[] = "general.alignment";
inline constexpr uint32_t kGgufAlignment = 32;                         // without that key
inline constexpr char kGgufSplitPartKey[] = "split.no";                // u16, from 0
inline constexpr char kGgufSplitCountKey[] = "split.count";            // u16
inline constexpr char kGgufSplitTensorsKey[] = "split.tensors.count";  // i32, of all parts

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGUF_H_
