#include "compiler/driver/plan_cache.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/textproto.h"
#include "compiler/codegen/isa.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/codegen/object_key.h"
#include "compiler/kernels/cpu/gemm.h"

namespace strata::compiler {
namespace {

// An entry: this line, its key, the hash of the plan's bytes, the plan's bytes.
constexpr char kHeader[] = "STRATA-PLAN-1\n";
constexpr size_t kHashDigits = 32;

// The running program stands for every pass and kernel linked into it; another build has another file. "" when it cannot
// be told: then nothing is cached.
const std::string& ProgramIdentity() {
  static const auto* identity = [] {
    struct stat info {};
    if (stat("/proc/self/exe", &info) != 0) return new std::string();
    return new std::string(absl::StrCat(info.st_size, ".", info.st_mtim.tv_sec, ".",
                                        info.st_mtim.tv_nsec, ".", info.st_ino));
  }();
  return *identity;
}

}  // namespace

std::string PlanKey(const graph::Graph& graph, const chips::Chip& chip,
                    const CompileOptions& options, absl::string_view compiler) {
  std::string text = absl::StrCat(compiler, "\n", options.device, "\n", options.isa, "\n",
                                  absl::StrJoin(options.skip_passes, ","), "\n",
                                  static_cast<int>(options.compute_dtype), "\n", options.gemm, "\n",
                                  ProgramIdentity(), "\n", OneDnnVersion(), "\n", HostCpu(), "\n");
  const absl::StatusOr<std::string> log = ReadFile(options.tuning_log);  // none is an empty one
  absl::StrAppend(&text, options.memory_budget_bytes, "\n", options.threads, "\n",
                  HashText(log.value_or("")), "\n");
  // Of a machine by path the file counts, which may change; one by name is part of the program.
  const absl::StatusOr<std::string> machine = ReadFile(chip.npu_machine());
  absl::StrAppend(&text, HashText(machine.value_or("")), "\n");
  absl::StrAppend(&text, HashText(SerializeDeterministic(chip)),
                  HashText(SerializeDeterministic(graph)));
  return HashText(text);
}

std::string PlanCache::PathOf(const std::string& key) const {
  return JoinPath(dir_, absl::StrCat("plan-", key, ".pb"));
}

std::optional<plan::Plan> PlanCache::Find(const std::string& key) const {
  const absl::StatusOr<std::string> file = ReadFile(PathOf(key));
  const size_t border = sizeof(kHeader) - 1 + key.size() + kHashDigits;
  if (!file.ok() || file->size() < border) return std::nullopt;
  const absl::string_view bytes = absl::string_view(*file).substr(border);
  if (absl::string_view(*file).substr(0, border) != absl::StrCat(kHeader, key, HashText(bytes)))
    return std::nullopt;
  plan::Plan plan;
  if (!plan.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return plan;
}

absl::Status PlanCache::Put(const std::string& key, const plan::Plan& plan) const {
  STRATA_RETURN_IF_ERROR(MakeDirectories(dir_));
  const std::string bytes = SerializeDeterministic(plan);
  return WriteFileAtomic(PathOf(key), absl::StrCat(kHeader, key, HashText(bytes), bytes));
}

absl::StatusOr<plan::Plan> CompileCached(Compiler& compiler, const std::string& name,
                                         const graph::Graph& graph, const chips::Chip& chip,
                                         const CompileOptions& options,
                                         const std::string& cache_dir) {
  const bool asked_for_more = options.observer || options.recomputed_flops != nullptr;
  if (asked_for_more || absl::StartsWith(name, "exec:") || ProgramIdentity().empty())
    return compiler.Compile(graph, chip, options);
  const PlanCache cache(cache_dir.empty() ? DefaultCacheDir() : cache_dir);
  const std::string key = PlanKey(graph, chip, options, name);
  if (std::optional<plan::Plan> plan = cache.Find(key)) return *std::move(plan);
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, compiler.Compile(graph, chip, options));
  cache.Put(key, plan).IgnoreError();
  return plan;
}

}  // namespace strata::compiler
