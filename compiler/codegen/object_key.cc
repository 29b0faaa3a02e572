#include "compiler/codegen/object_key.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace strata::compiler {
namespace {

// Of this library: raised when it builds or seals objects in another way.
constexpr char kFormat[] = "strata objects 2";

void Append(absl::string_view field, std::string* bytes) {
  absl::StrAppend(bytes, field.size(), ":", field);
}

}  // namespace

std::string ObjectName(const ObjectKey& key) {
  std::string bytes;
  Append(kFormat, &bytes);
  Append(key.text, &bytes);
  absl::StrAppend(&bytes, key.flags.size(), ";");
  for (const std::string& flag : key.flags) Append(flag, &bytes);
  Append(key.program, &bytes);
  Append(key.version, &bytes);
  Append(key.cpu, &bytes);
  return absl::StrCat("kernels-", HashText(bytes), ".so");
}

std::string HashText(absl::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return absl::StrCat(absl::Hex(hash.high64, absl::kZeroPad16),
                      absl::Hex(hash.low64, absl::kZeroPad16));
}

}  // namespace strata::compiler
