#include "compiler/driver/dynamic_executable.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/driver/padding.h"
#include "compiler/driver/plan_cache.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

constexpr size_t kRecompilesKept = 64;
constexpr size_t kEvictedKept = 4096;  // beyond it an evicted plan counts as a new one

std::vector<int64_t> DimsOf(const graph::Value& value, const SymbolSizes& sizes) {
  std::vector<int64_t> dims;
  for (const graph::Size& size : TypeOf(value).shape)
    dims.push_back(size.is_symbol() ? sizes.at(size.symbol()) : size.size());
  return dims;
}

bool HasSymbol(const graph::Value& value) {
  return std::any_of(value.dims().begin(), value.dims().end(),
                     [](const graph::Dim& dim) { return dim.has_symbol(); });
}

}  // namespace

// Made under the compile mutex; `ready` and what it guards under its own.
struct DynamicExecutable::Version {
  SymbolSizes buckets;
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  absl::Status status;
  plan::Plan plan;
  std::vector<std::unique_ptr<Executable>> idle;
};

DynamicExecutable::DynamicExecutable(graph::Graph graph, Options options, ShapeGuards guards)
    : graph_(std::move(graph)), options_(std::move(options)), guards_(std::move(guards)) {}

absl::StatusOr<std::unique_ptr<DynamicExecutable>> DynamicExecutable::Create(
    const graph::Graph& graph, Options options) {
  if (options.capacity < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("capacity: is ", options.capacity, "; must be 1 or more"));
  RegisterAllDevices();
  STRATA_ASSIGN_OR_RETURN(ShapeGuards guards, ShapeGuards::Create(graph, options.symbols));
  std::unique_ptr<DynamicExecutable> executable(
      new DynamicExecutable(graph, std::move(options), std::move(guards)));
  const Options& o = executable->options_;
  STRATA_ASSIGN_OR_RETURN(executable->compiler_, CreateCompiler(o.compiler));
  STRATA_ASSIGN_OR_RETURN(executable->device_, DeviceRegistry().Create(o.device, o.device_options));
  return executable;
}

absl::StatusOr<std::vector<graph::HostTensor>> DynamicExecutable::Run(
    absl::Span<const graph::HostTensor> inputs) {
  absl::StatusOr<SymbolSizes> sizes = guards_.Check(inputs);
  if (!sizes.ok()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++statistics_.guard_failures;
    return sizes.status();
  }
  SymbolSizes buckets;
  // A run with nothing in one dim does nothing for the others: it is not worth padding.
  const bool empty =
      std::any_of(sizes->begin(), sizes->end(), [](const auto& size) { return size.second == 0; });
  for (const auto& [symbol, size] : *sizes)
    buckets[symbol] = empty ? size : guards_.BucketOf(symbol, size);

  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<Version> version, Find(buckets));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable, Take(version.get()));
  const bool pad = buckets != *sizes;
  absl::StatusOr<std::vector<graph::HostTensor>> outputs =
      pad ? executable->Run(Padded(inputs, buckets), {}) : executable->Run(inputs, {});
  {
    const std::lock_guard<std::mutex> lock(version->mutex);
    version->idle.push_back(std::move(executable));
  }
  if (!pad) return outputs;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++statistics_.padded;
  }
  if (outputs.ok()) CutToSize(*sizes, &*outputs);
  return outputs;
}

absl::StatusOr<std::shared_ptr<DynamicExecutable::Version>> DynamicExecutable::Find(
    const SymbolSizes& buckets) {
  std::shared_ptr<Version> version;
  bool mine = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++statistics_.calls;
    auto it = std::find_if(versions_.begin(), versions_.end(),
                           [&](const auto& known) { return known->buckets == buckets; });
    if (it != versions_.end()) {
      ++statistics_.hits;
      version = *it;
      versions_.splice(versions_.begin(), versions_, it);
    } else {
      mine = true;
      CountCompile(buckets);
      version = std::make_shared<Version>();
      version->buckets = buckets;
      versions_.push_front(version);
      EvictBeyondCapacity();
    }
    last_ = buckets;
  }
  if (mine) {
    const absl::Status status = Compile(version.get());
    if (!status.ok()) Forget(version);
  }
  std::unique_lock<std::mutex> lock(version->mutex);
  version->changed.wait(lock, [&] { return version->ready; });
  STRATA_RETURN_IF_ERROR(version->status);
  return version;
}

absl::Status DynamicExecutable::Compile(Version* version) {
  absl::StatusOr<plan::Plan> plan;
  std::unique_ptr<Executable> executable;
  {
    const std::lock_guard<std::mutex> one(compile_mutex_);
    absl::StatusOr<graph::Graph> bound = graph::BindSymbols(graph_, version->buckets);
    plan = bound.ok() ? CompileCached(*compiler_, options_.compiler, *bound, options_.chip,
                                      options_.compile_options, options_.device_options.cache_dir)
                      : bound.status();
    if (plan.ok()) {
      absl::StatusOr<std::unique_ptr<Executable>> loaded = device_->Load(*plan);
      if (loaded.ok()) executable = *std::move(loaded);
      if (!loaded.ok()) plan = loaded.status();
    }
  }
  const std::lock_guard<std::mutex> lock(version->mutex);
  version->ready = true;
  version->status = plan.status();
  if (plan.ok()) {
    version->plan = *std::move(plan);
    version->idle.push_back(std::move(executable));
  }
  version->changed.notify_all();
  return version->status;
}

absl::StatusOr<std::unique_ptr<Executable>> DynamicExecutable::Take(Version* version) {
  {
    const std::lock_guard<std::mutex> lock(version->mutex);
    if (!version->idle.empty()) {
      std::unique_ptr<Executable> executable = std::move(version->idle.back());
      version->idle.pop_back();
      return executable;
    }
  }
  // All are running: one more of the same plan, whose kernels are built already.
  const std::lock_guard<std::mutex> one(compile_mutex_);
  return device_->Load(version->plan);
}

DynamicExecutable::Recompile DynamicExecutable::Explain(const SymbolSizes& buckets) const {
  std::vector<std::string> at;
  for (const auto& [symbol, size] : buckets) at.push_back(absl::StrCat(symbol, " = ", size));
  const std::string compiled = absl::StrCat("compiled for ", absl::StrJoin(at, ", "));
  if (statistics_.compiles == 0) return {"first call", compiled};
  if (evicted_.count(buckets) != 0)
    return {"evicted", absl::StrCat("the plan made room for others; ", compiled)};
  std::vector<std::string> reasons, guards;
  for (const auto& [symbol, size] : buckets) {
    const int64_t before = last_.at(symbol);
    if (before == size) continue;
    auto spec = options_.symbols.find(symbol);
    const bool exact = spec == options_.symbols.end() ||
                       spec->second.bucketing == Bucketing::kExact ||
                       !guards_.WhyExact(symbol).empty();
    reasons.push_back(absl::StrCat(exact ? "new size of " : "new bucket of ", symbol));
    guards.push_back(
        absl::StrCat(symbol, ": the last call's plan is for ", before, ", not ", size));
  }
  if (reasons.empty()) return {"failed before", compiled};  // the last call's compilation
  return {absl::StrJoin(reasons, ", "), absl::StrCat(absl::StrJoin(guards, "; "), "; ", compiled)};
}

void DynamicExecutable::CountCompile(const SymbolSizes& buckets) {
  recompiles_.push_back(Explain(buckets));
  if (recompiles_.size() > kRecompilesKept) recompiles_.pop_front();
  ++statistics_.compiles;
  ++statistics_.compiles_by_reason[recompiles_.back().reason];
  evicted_.erase(buckets);
}

void DynamicExecutable::EvictBeyondCapacity() {
  while (versions_.size() > static_cast<size_t>(options_.capacity)) {
    if (evicted_.size() >= kEvictedKept) evicted_.clear();
    evicted_.insert(versions_.back()->buckets);
    versions_.pop_back();  // those who run it still hold it
    ++statistics_.evictions;
  }
}

void DynamicExecutable::Forget(const std::shared_ptr<Version>& version) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++statistics_.failures;
  versions_.remove(version);
}

std::vector<graph::HostTensor> DynamicExecutable::Padded(absl::Span<const graph::HostTensor> inputs,
                                                         const SymbolSizes& buckets) const {
  std::vector<graph::HostTensor> padded;
  for (int i = 0; i < graph_.inputs_size(); ++i) {
    const graph::Value& value = graph_.values(static_cast<int>(graph_.inputs(i).value()));
    padded.push_back(PadTo(inputs[static_cast<size_t>(i)], DimsOf(value, buckets)));
  }
  return padded;
}

void DynamicExecutable::CutToSize(const SymbolSizes& sizes,
                                  std::vector<graph::HostTensor>* outputs) const {
  for (size_t i = 0; i < outputs->size(); ++i) {  // none from a device that does not compute
    const graph::Value& value =
        graph_.values(static_cast<int>(graph_.outputs(static_cast<int>(i)).value()));
    if (HasSymbol(value)) (*outputs)[i] = FrontOf((*outputs)[i], DimsOf(value, sizes));
  }
}

DynamicExecutable::Statistics DynamicExecutable::statistics() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return statistics_;
}

std::vector<DynamicExecutable::Recompile> DynamicExecutable::recompiles() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {recompiles_.begin(), recompiles_.end()};
}

}  // namespace strata::compiler
