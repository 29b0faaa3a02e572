// KernelLibrary: emitted C, compiled by the system compiler and loaded; kept in a disk cache.
//
//   STRATA_ASSIGN_OR_RETURN(auto library, KernelLibrary::Build(plan.prelude(), sources, isa, DefaultCacheDir(), 2));
//   auto* entry = reinterpret_cast<KernelEntry*>(library->Find("k_softmax_0a1b2c3d4e5f"));
//
// Cache: one shared object a translation unit, named by a hash of its text, the flags, the compiler's identity and the
// CPU (object_key.h). Objects are written beside and renamed, so concurrent builders are safe; an object whose check does not match
// (or that does not load) is built again.
#ifndef STRATA_COMPILER_CODEGEN_OBJECT_CACHE_H_
#define STRATA_COMPILER_CODEGEN_OBJECT_CACHE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"

namespace strata::compiler {

using KernelEntry = void(void* const* buffers, long begin, long end);

// $STRATA_CACHE_DIR, else $TEST_TMPDIR/strata (a test stands alone), else $XDG_CACHE_HOME/strata, else
// $HOME/.cache/strata, else the temporary folder.
std::string DefaultCacheDir();

// The first line of what the compiler says of its version: "g++ (Debian 12.2.0-14) 12.2.0". UNAVAILABLE when there is
// no compiler. Asked once a process.
absl::StatusOr<std::string> KernelCompilerVersion();

class KernelLibrary {
 public:
  // Compiles `sources` in up to `jobs` translation units at once, each `prelude` + a share of the sources. Equal sources
  // are compiled once. `cache_dir` "" is DefaultCacheDir(). UNAVAILABLE when this machine has no compiler (the message
  // says what to install or set); INTERNAL with the compiler's message when a source does not compile.
  static absl::StatusOr<std::shared_ptr<KernelLibrary>> Build(const std::string& prelude,
                                                              absl::Span<const std::string> sources,
                                                              const std::string& isa,
                                                              const std::string& cache_dir,
                                                              int jobs);
  // The same, but a source that does not compile costs only itself: `failures` gets a status a source, in order; the
  // others are in the library. With no compiler on this machine every source fails, with that status. Other errors (a
  // cache folder that cannot be written) are returned.
  static absl::StatusOr<std::shared_ptr<KernelLibrary>> BuildWhatCompiles(
      const std::string& prelude, absl::Span<const std::string> sources, const std::string& isa,
      const std::string& cache_dir, int jobs, std::vector<absl::Status>* failures);

  ~KernelLibrary();
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  // The function of this name, or nullptr. Valid while the library lives. Thread-safe.
  void* Find(const std::string& entry) const;

  int compiled_units() const {
    return compiled_units_;
  }  // translation units that were not in the cache

 private:
  KernelLibrary() = default;
  void Add(void* handle, bool compiled);
  std::vector<void*> handles_;
  int compiled_units_ = 0;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_OBJECT_CACHE_H_
