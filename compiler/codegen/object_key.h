// ObjectKey: everything that the bytes of a compiled object depend on; the name of its file in the cache.
//
//   const std::string name = ObjectName({text, flags, program, version, HostCpu()});   // "kernels-0a1b...c3.so"
//
// Two keys that differ in any field have different names: fields are hashed with their lengths, 128 bits in all. What
// the compiler of graphs was asked for (passes, schedules, tuned sizes, dtypes) is in the text.
#ifndef STRATA_COMPILER_CODEGEN_OBJECT_KEY_H_
#define STRATA_COMPILER_CODEGEN_OBJECT_KEY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::compiler {

struct ObjectKey {
  std::string text;                // of the translation unit, prelude and all
  std::vector<std::string> flags;  // in order
  std::string program;             // the system compiler as it is called
  std::string version;             // what it says of itself
  std::string cpu;                 // HostCpu(): an object built here may not run elsewhere
};

std::string ObjectName(const ObjectKey& key);

// 128 bits of any text or bytes (XXH3), 32 hexadecimal digits: what names a file of the cache and seals its content.
std::string HashText(absl::string_view bytes);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_OBJECT_KEY_H_
