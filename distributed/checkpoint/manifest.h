// The manifest of a checkpoint: reading, writing and the checks that let the rest trust it.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_MANIFEST_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sealed_text.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

inline constexpr TextKind kManifestText = {"checkpoint manifest", 1};
inline constexpr char kManifestName[] = "manifest.textproto";

// As sealed text.
std::string PrintManifest(const checkpoint::Manifest& manifest);

// Sealed text, validated. Errors begin with `where`.
absl::StatusOr<checkpoint::Manifest> ParseManifest(const std::string& text,
                                                   const std::string& where);

// That of a checkpoint's folder. NOT_FOUND when the folder is no checkpoint.
absl::StatusOr<checkpoint::Manifest> ReadManifest(const std::string& folder);

// INVALID_ARGUMENT with the path to the field at fault.
absl::Status ValidateManifest(const checkpoint::Manifest& manifest);

Box BoxOf(const checkpoint::Cell& cell);
void SetBox(const Box& box, checkpoint::Cell* cell);

// Of all of a cell's elements. The manifest is valid.
int64_t CellBytes(const checkpoint::Tensor& tensor, const checkpoint::Cell& cell);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_MANIFEST_H_
