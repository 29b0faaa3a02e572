#include "compiler/codegen/object_cache.h"

#include <dlfcn.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "compiler/codegen/isa.h"
#include "compiler/codegen/object_key.h"

namespace strata::compiler {
namespace {

// An object in the cache is a shared object and, behind it, where loaders do not look, the hash of its bytes.
constexpr char kSeal[] = "STRATA-OBJECT-1 ";
constexpr size_t kSealBytes = sizeof(kSeal) - 1 + 16;
constexpr size_t kMaxCompilerMessage = 4000;

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
    object_path_ = JoinPath(
        cache_dir, ObjectName({text_, flags_, compiler.program, compiler.version, HostCpu()}));
  }

  // The loaded object, from the cache or built now.
  absl::StatusOr<void*> Load(bool* compiled) {
    *compiled = false;
    absl::StatusOr<std::string> cached = ReadFile(object_path_);
    if (cached.ok() && IsIntact(*cached)) {
      if (void* handle = dlopen(object_path_.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    }
    STRATA_RETURN_IF_ERROR(Compile());
    *compiled = true;
    if (void* handle = dlopen(object_path_.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    const char* why = dlerror();
    return absl::InternalError(
        absl::StrCat("cannot load ", object_path_, ": ", why == nullptr ? "" : why,
                     "; set STRATA_CACHE_DIR to a folder that programs may be loaded from"));
  }

 private:
  absl::Status Compile() {
    static std::atomic<int> counter{0};
    const std::string own = absl::StrCat(object_path_, ".", getpid(), ".", counter++);
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
    if (std::rename(object.path.c_str(), object_path_.c_str()) == 0) return absl::OkStatus();
    // What stands there may be no file: it goes, and the object takes its place.
    std::error_code error;
    std::filesystem::remove_all(object_path_, error);
    if (std::rename(object.path.c_str(), object_path_.c_str()) == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", object_path_, ": ", std::strerror(errno)));
  }

  std::string text_;
  CompilerIdentity compiler_;
  std::vector<std::string> flags_;
  std::string object_path_;
};

// A unit that the compiler rejects or died of, or that does not load (it needs a function that is not there).
bool IsOfTheSource(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnavailable(status);
}

// Equal sources once, in `units` shares of about equal length. The shares depend on nothing but the sources.
std::vector<std::vector<std::string>> Share(absl::Span<const std::string> sources, size_t units) {
  const std::set<std::string> unique(sources.begin(), sources.end());
  std::vector<std::string> by_size(unique.begin(), unique.end());
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::vector<std::vector<std::string>> shares(std::min(units, by_size.size()));
  std::vector<size_t> lengths(shares.size(), 0);
  for (const std::string& source : by_size) {
    const size_t least =
        static_cast<size_t>(std::min_element(lengths.begin(), lengths.end()) - lengths.begin());
    shares[least].push_back(source);
    lengths[least] += source.size() + 1;
  }
  return shares;
}

// Calls `work(i)` for [0, count) on up to `jobs` threads.
void ForEach(size_t count, int jobs, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  const auto loop = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> threads;
  for (size_t t = 1; t < std::min(count, static_cast<size_t>(std::max(jobs, 1))); ++t)
    threads.emplace_back(loop);
  loop();
  for (std::thread& thread : threads) thread.join();
}

// Builds or loads a unit for each share of sources.
class Builds {
 public:
  struct Result {
    absl::StatusOr<void*> handle = nullptr;
    bool compiled = false;
  };

  Builds(const std::string& prelude, const CompilerIdentity& compiler,
         std::vector<std::string> flags, const std::string& dir, int jobs)
      : prelude_(prelude), compiler_(compiler), flags_(std::move(flags)), dir_(dir), jobs_(jobs) {}

  std::vector<Result> Run(const std::vector<std::vector<std::string>>& shares) const {
    std::vector<Result> results(shares.size());
    ForEach(shares.size(), jobs_, [&](size_t i) {
      const std::string text =
          absl::StrCat(prelude_, shares[i].empty() ? "" : "\n", absl::StrJoin(shares[i], "\n"));
      results[i].handle = Unit(text, compiler_, flags_, dir_).Load(&results[i].compiled);
    });
    return results;
  }

 private:
  const std::string& prelude_;
  const CompilerIdentity& compiler_;
  std::vector<std::string> flags_;
  const std::string& dir_;
  int jobs_;
};

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
  return BuildWhatCompiles(prelude, sources, isa, cache_dir, jobs, nullptr);
}

absl::StatusOr<std::shared_ptr<KernelLibrary>> KernelLibrary::BuildWhatCompiles(
    const std::string& prelude, absl::Span<const std::string> sources, const std::string& isa,
    const std::string& cache_dir, int jobs, std::vector<absl::Status>* failures) {
  if (failures != nullptr) failures->assign(sources.size(), absl::OkStatus());
  std::shared_ptr<KernelLibrary> library(new KernelLibrary());
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> isa_flags, IsaFlags(isa));
  if (sources.empty()) return library;
  const absl::StatusOr<CompilerIdentity> compiler = FindCompiler();
  if (!compiler.ok()) {
    if (failures == nullptr) return compiler.status();
    failures->assign(sources.size(), compiler.status());
    return library;
  }
  const std::string dir = cache_dir.empty() ? DefaultCacheDir() : cache_dir;
  STRATA_RETURN_IF_ERROR(MakeDirectories(dir));

  const Builds builds(prelude, *compiler, Flags(isa_flags), dir, jobs);
  const auto shares = Share(sources, static_cast<size_t>(std::max(jobs, 1)));
  std::vector<std::vector<std::string>> alone;  // sources of units that do not compile, one by one
  const auto results = builds.Run(shares);
  for (size_t u = 0; u < shares.size(); ++u) {
    if (results[u].handle.ok()) {
      library->Add(*results[u].handle, results[u].compiled);
    } else if (failures == nullptr || !IsOfTheSource(results[u].handle.status())) {
      return results[u].handle.status();
    } else {
      for (const std::string& source : shares[u]) alone.push_back({source});
    }
  }
  std::map<std::string, absl::Status> failed;
  const auto retried = builds.Run(alone);
  for (size_t u = 0; u < alone.size(); ++u) {
    if (retried[u].handle.ok()) {
      library->Add(*retried[u].handle, retried[u].compiled);
    } else {
      failed[alone[u][0]] = retried[u].handle.status();
    }
  }
  for (size_t i = 0; i < sources.size() && !failed.empty(); ++i) {
    const auto it = failed.find(sources[i]);
    if (it != failed.end()) (*failures)[i] = it->second;
  }
  return library;
}

void KernelLibrary::Add(void* handle, bool compiled) {
  handles_.push_back(handle);
  compiled_units_ += compiled;
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
