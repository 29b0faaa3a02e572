#include "compiler/codegen/object_cache.h"

#include <dlfcn.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "compiler/codegen/isa.h"

namespace strata::compiler {
namespace {

// An object in the cache is a shared object and, behind it, where loaders do not look, the hash of its bytes.
constexpr char kSeal[] = "STRATA-OBJECT-1 ";
constexpr size_t kSealBytes = sizeof(kSeal) - 1 + 16;
constexpr size_t kMaxCompilerMessage = 4000;

std::string Hash(absl::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return absl::StrCat(absl::Hex(hash.high64, absl::kZeroPad16),
                      absl::Hex(hash.low64, absl::kZeroPad16));
}

std::string Seal(absl::string_view object) {
  return absl::StrCat(kSeal, absl::Hex(XXH64(object.data(), object.size(), 0), absl::kZeroPad16));
}

bool IsIntact(absl::string_view file) {
  if (file.size() <= kSealBytes) return false;
  const absl::string_view object = file.substr(0, file.size() - kSealBytes);
  return file.substr(object.size()) == Seal(object);
}

struct CompilerIdentity {
  std::string program;
  std::string version;
};

absl::StatusOr<std::string> VersionOf(const std::string& program) {
  absl::StatusOr<SubprocessResult> result = RunSubprocess({program, "--version"});
  if (!result.ok()) return result.status();
  if (result->exit_code != 0) return absl::NotFoundError(absl::StrCat(program, " --version fails"));
  return result->standard_output;
}

// $STRATA_CC, or the first C++ compiler there is.
absl::StatusOr<CompilerIdentity> FindCompiler() {
  std::vector<std::string> programs = {"g++", "c++", "clang++"};
  if (const char* chosen = std::getenv("STRATA_CC"); chosen != nullptr && *chosen != '\0')
    programs = {chosen};
  // The compiler does not change under a running program: ask each once.
  static std::mutex* mutex = new std::mutex();
  static auto* versions = new std::map<std::string, std::string>();
  std::lock_guard<std::mutex> lock(*mutex);
  for (const std::string& program : programs) {
    auto it = versions->find(program);
    if (it != versions->end()) return CompilerIdentity{program, it->second};
    absl::StatusOr<std::string> version = VersionOf(program);
    if (!version.ok()) continue;
    versions->emplace(program, *version);
    return CompilerIdentity{program, *version};
  }
  return absl::UnavailableError(absl::StrCat("no C++ compiler to build emitted kernels (tried ",
                                             absl::StrJoin(programs, ", "),
                                             "): install g++, or set STRATA_CC to one"));
}

std::vector<std::string> Flags(const std::vector<std::string>& isa_flags) {
  std::vector<std::string> flags = {"-x",
                                    "c++",
                                    "-std=gnu++17",
                                    "-O2",
                                    "-shared",
                                    "-fPIC",
                                    "-nostdlib",
                                    "-w",
                                    "-fno-math-errno",
                                    "-fno-trapping-math",
                                    "-fno-exceptions",
                                    "-fno-rtti",
                                    "-fno-asynchronous-unwind-tables",
                                    "-fno-stack-protector",
                                    "-fvisibility=hidden"};
  flags.insert(flags.end(), isa_flags.begin(), isa_flags.end());
  return flags;
}

// Removes a file when it goes out of scope.
struct TemporaryFile {
  explicit TemporaryFile(std::string path) : path(std::move(path)) {}
  ~TemporaryFile() { unlink(path.c_str()); }
  const std::string path;
};

class Unit {
 public:
  Unit(std::string text, const CompilerIdentity& compiler, std::vector<std::string> flags,
       const std::string& cache_dir)
      : text_(std::move(text)), compiler_(compiler), flags_(std::move(flags)) {
    const std::string key =
        absl::StrCat(compiler.version, "\n", absl::StrJoin(flags_, " "), "\n", text_);
    stem_ = JoinPath(cache_dir, absl::StrCat("kernels-", Hash(key)));
  }

  // The loaded object, from the cache or built now.
  absl::StatusOr<void*> Load(bool* compiled) {
    *compiled = false;
    absl::StatusOr<std::string> cached = ReadFile(object_path());
    if (cached.ok() && IsIntact(*cached)) {
      if (void* handle = dlopen(object_path().c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    }
    STRATA_RETURN_IF_ERROR(Compile());
    *compiled = true;
    if (void* handle = dlopen(object_path().c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    const char* why = dlerror();
    return absl::InternalError(
        absl::StrCat("cannot load ", object_path(), ": ", why == nullptr ? "" : why));
  }

 private:
  std::string object_path() const { return stem_ + ".so"; }

  absl::Status Compile() {
    static std::atomic<int> counter{0};
    const std::string own = absl::StrCat(stem_, ".", getpid(), ".", counter++);
    const TemporaryFile source(own + ".c"), object(own + ".so");
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(source.path, text_));
    std::vector<std::string> command = {compiler_.program};
    command.insert(command.end(), flags_.begin(), flags_.end());
    command.insert(command.end(), {"-o", object.path, source.path});
    absl::StatusOr<SubprocessResult> result = RunSubprocess(command);
    if (!result.ok())
      return absl::UnavailableError(
          absl::StrCat(compiler_.program, ": ", std::string(result.status().message())));
    if (result->exit_code != 0) {
      return absl::InternalError(
          absl::StrCat(compiler_.program, " rejects emitted kernels (exit code ", result->exit_code,
                       "): ", result->standard_error.substr(0, kMaxCompilerMessage)));
    }
    STRATA_ASSIGN_OR_RETURN(const std::string built, ReadFile(object.path));
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(object.path, absl::StrCat(built, Seal(built))));
    if (std::rename(object.path.c_str(), object_path().c_str()) == 0) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("cannot write ", object_path()));
  }

  std::string text_;
  CompilerIdentity compiler_;
  std::vector<std::string> flags_;
  std::string stem_;
};

// Equal sources once, in `units` shares of about equal length. The shares depend on nothing but the sources.
std::vector<std::string> Share(const std::string& prelude, absl::Span<const std::string> sources,
                               size_t units) {
  const std::set<std::string> unique(sources.begin(), sources.end());
  std::vector<std::string> by_size(unique.begin(), unique.end());
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::vector<std::string> shares(std::min(units, by_size.size()), prelude);
  for (const std::string& source : by_size) {
    auto least = std::min_element(
        shares.begin(), shares.end(),
        [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
    absl::StrAppend(&*least, "\n", source);
  }
  return shares;
}

}  // namespace

std::string DefaultCacheDir() {
  const auto read = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string dir = read("STRATA_CACHE_DIR"); !dir.empty()) return dir;
  if (const std::string dir = read("TEST_TMPDIR"); !dir.empty()) return JoinPath(dir, "strata");
  if (const std::string dir = read("XDG_CACHE_HOME"); !dir.empty()) return JoinPath(dir, "strata");
  if (const std::string home = read("HOME"); !home.empty() && access(home.c_str(), W_OK) == 0) {
    return JoinPath(home, ".cache/strata");
  }
  const std::string temporary = read("TMPDIR");
  return JoinPath(temporary.empty() ? "/tmp" : temporary, "strata-cache");
}

absl::StatusOr<std::string> KernelCompilerVersion() {
  STRATA_ASSIGN_OR_RETURN(const CompilerIdentity compiler, FindCompiler());
  return compiler.version.substr(0, compiler.version.find('\n'));
}

absl::StatusOr<std::shared_ptr<KernelLibrary>> KernelLibrary::Build(
    const std::string& prelude, absl::Span<const std::string> sources, const std::string& isa,
    const std::string& cache_dir, int jobs) {
  std::shared_ptr<KernelLibrary> library(new KernelLibrary());
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> isa_flags, IsaFlags(isa));
  if (sources.empty()) return library;
  STRATA_ASSIGN_OR_RETURN(const CompilerIdentity compiler, FindCompiler());
  const std::string dir = cache_dir.empty() ? DefaultCacheDir() : cache_dir;
  STRATA_RETURN_IF_ERROR(MakeDirectories(dir));

  std::vector<Unit> units;
  for (std::string& text : Share(prelude, sources, static_cast<size_t>(std::max(jobs, 1)))) {
    units.emplace_back(std::move(text), compiler, Flags(isa_flags), dir);
  }
  std::vector<absl::StatusOr<void*>> handles(units.size(), nullptr);
  std::vector<char> compiled(units.size(), 0);
  std::vector<std::thread> threads;
  const auto load = [&](size_t u) {
    bool built = false;
    handles[u] = units[u].Load(&built);
    compiled[u] = built;
  };
  for (size_t u = 1; u < units.size(); ++u) threads.emplace_back(load, u);
  load(0);
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  for (size_t u = 0; u < units.size(); ++u) {
    if (handles[u].ok()) {
      library->handles_.push_back(*handles[u]);
    } else if (status.ok()) {
      status = handles[u].status();
    }
    library->compiled_units_ += compiled[u];
  }
  STRATA_RETURN_IF_ERROR(status);
  return library;
}

KernelLibrary::~KernelLibrary() {
  for (void* handle : handles_) dlclose(handle);
}

void* KernelLibrary::Find(const std::string& entry) const {
  for (void* handle : handles_) {
    if (void* symbol = dlsym(handle, entry.c_str())) return symbol;
  }
  return nullptr;
}

}  // namespace strata::compiler
