#include "compiler/tools/differential.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/tools/in_child.h"
#include "compiler/tools/rounding_spread.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::HostTensor;

constexpr int kRuns = 5;          // of the perturbed interpreter
constexpr int kCarefulRuns = 60;  // before a difference is believed

std::vector<HostTensor> Clone(absl::Span<const HostTensor> tensors) {
  std::vector<HostTensor> clones;
  for (const HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

bool SameBytes(const HostTensor& a, const HostTensor& b) {
  return a.size_bytes() == b.size_bytes() &&
         (a.size_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0);
}

class Comparison {
 public:
  Comparison(const Graph& graph, const DifferentialOptions& options)
      : graph_(graph), options_(options) {}

  absl::StatusOr<Finding> Run(absl::Span<const HostTensor> inputs) {
    std::vector<HostTensor> data = Clone(inputs);
    if (!RoundingSpread(graph_, data, {.runs = 0}).ok())
      return Finding{FindingKind::kRefused, "the interpreter refuses it"};
    Finding finding = Load();
    if (finding.kind != FindingKind::kNone) return finding;
    for (uint32_t round = 0; round < 2; ++round) {
      if (round == 1) RefreshData(&data);
      finding = Round(round, &data);
      // Other data may be out of range; the first round has counted.
      if (finding.kind == FindingKind::kRefused) return round == 0 ? finding : Finding{};
      if (finding.kind != FindingKind::kNone) return finding;
    }
    return Finding{};
  }

 private:
  static Finding Fault(FindingKind kind, const absl::Status& status) {
    return {kind, absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                               std::string(status.message()))};
  }

  Finding Load() {
    RegisterAllDevices();
    auto compiler = CreateCompiler(options_.compiler);
    if (!compiler.ok()) return Fault(FindingKind::kCompile, compiler.status());
    chips::Chip chip;
    if (!options_.chip.empty()) {
      auto found = chips::FindChip(options_.chip);
      if (!found.ok()) return Fault(FindingKind::kCompile, found.status());
      chip = *std::move(found);
    }
    const auto plan = (*compiler)->Compile(graph_, chip, options_.compile);
    if (!plan.ok()) return Fault(FindingKind::kCompile, plan.status());
    DeviceOptions device_options;
    device_options.threads = options_.threads;
    device_options.cache_dir = options_.cache_dir;
    auto device = DeviceRegistry().Create(options_.device, device_options);
    if (!device.ok()) return Fault(FindingKind::kLoad, device.status());
    auto executable = (*device)->Load(*plan);
    if (!executable.ok()) return Fault(FindingKind::kLoad, executable.status());
    executable_ = *std::move(executable);
    return {};
  }

  // New values for what each call brings, in the range of the old ones: the old ones in another order.
  void RefreshData(std::vector<HostTensor>* data) const {
    for (int i = 0; i < graph_.inputs_size(); ++i) {
      if (graph_.inputs(i).kind() != graph::DATA) continue;
      HostTensor& tensor = (*data)[static_cast<size_t>(i)];
      std::vector<double> values = tensor.ToDoubles();
      std::mt19937 random(static_cast<uint32_t>(i) + 7);
      std::shuffle(values.begin(), values.end(), random);
      tensor = HostTensor::FromDoubles(tensor.dtype(), tensor.dims(), values);
    }
  }

  // One run of both; `data` ends with the state that the interpreter leaves.
  Finding Round(uint32_t round, std::vector<HostTensor>* data) {
    const absl::StatusOr<Spread> spread =
        RoundingSpread(graph_, *data, {.runs = kRuns, .seed = round + 1});
    if (!spread.ok()) return Fault(FindingKind::kRefused, spread.status());
    const std::vector<HostTensor> ours = Clone(*data);
    const auto outputs = executable_->Run(ours, {});
    if (!outputs.ok()) return Fault(FindingKind::kRun, outputs.status());
    Finding finding = Compare(round, *spread, *outputs, ours, *data);
    if (finding.kind == FindingKind::kDifference &&
        finding.message.find("expected") != std::string::npos) {
      const auto careful =
          RoundingSpread(graph_, *data, {.runs = kCarefulRuns, .seed = 1000 + round});
      if (!careful.ok()) return Fault(FindingKind::kRefused, careful.status());
      finding = Compare(round, *careful, *outputs, ours, *data);
    }
    for (int i = 0; i < graph_.updates_size(); ++i) {
      const size_t input = InputOf(graph_.updates(i).input());
      (*data)[input] = spread->outputs[OutputOf(graph_.updates(i).output())].Clone();
    }
    return finding;
  }

  Finding Compare(uint32_t round, const Spread& spread, const std::vector<HostTensor>& outputs,
                  const std::vector<HostTensor>& ours,
                  const std::vector<HostTensor>& before) const {
    const std::string when = absl::StrCat(" (run ", round + 1, ")");
    if (outputs.size() != spread.outputs.size())
      return {FindingKind::kDifference,
              absl::StrCat("there are ", outputs.size(), " outputs", when)};
    for (size_t o = 0; o < outputs.size(); ++o) {
      const std::string wrong = FirstOutside(spread, o, outputs[o]);
      if (wrong.empty()) continue;
      return {
          FindingKind::kDifference,
          absl::StrCat("output '", graph_.outputs(static_cast<int>(o)).name(), "': ", wrong, when)};
    }
    std::set<size_t> updated;
    for (const auto& update : graph_.updates()) {
      const size_t input = InputOf(update.input());
      updated.insert(input);
      const std::string wrong = FirstOutside(spread, OutputOf(update.output()), ours[input]);
      if (wrong.empty()) continue;
      return {FindingKind::kDifference,
              absl::StrCat("updated input '", NameOf(update.input()), "': ", wrong, when)};
    }
    for (size_t i = 0; i < ours.size(); ++i) {
      if (updated.count(i) != 0 || SameBytes(ours[i], before[i])) continue;
      return {FindingKind::kDifference,
              absl::StrCat("input '", NameOf(graph_.inputs(static_cast<int>(i)).value()),
                           "' was overwritten", when)};
    }
    return {};
  }

  const std::string& NameOf(uint32_t id) const {
    return graph_.values(static_cast<int>(id)).name();
  }
  size_t InputOf(uint32_t value) const {
    int i = 0;
    while (graph_.inputs(i).value() != value) ++i;
    return static_cast<size_t>(i);
  }
  size_t OutputOf(uint32_t value) const {
    int i = 0;
    while (graph_.outputs(i).value() != value) ++i;
    return static_cast<size_t>(i);
  }

  const Graph& graph_;
  const DifferentialOptions& options_;
  std::unique_ptr<Executable> executable_;
};

constexpr FindingKind kKinds[] = {
    FindingKind::kNone, FindingKind::kRefused,    FindingKind::kCompile, FindingKind::kLoad,
    FindingKind::kRun,  FindingKind::kDifference, FindingKind::kCrash};

}  // namespace

const char* KindName(FindingKind kind) {
  static const char* kNames[] = {"none", "refused",    "compile", "load",
                                 "run",  "difference", "crash"};
  return kNames[static_cast<size_t>(kind)];
}

absl::StatusOr<Finding> CompareWithInterpreter(const Graph& graph,
                                               absl::Span<const HostTensor> inputs,
                                               const DifferentialOptions& options) {
  return Comparison(graph, options).Run(inputs);
}

absl::StatusOr<Finding> CheckInChild(const Graph& graph, absl::Span<const HostTensor> inputs,
                                     const DifferentialOptions& options) {
  const auto check = [&] {
    const absl::StatusOr<Finding> finding = CompareWithInterpreter(graph, inputs, options);
    if (!finding.ok()) return absl::StrCat("!", std::string(finding.status().message()));
    return absl::StrCat(static_cast<int>(finding->kind), finding->message);
  };
  STRATA_ASSIGN_OR_RETURN(const ChildResult child, RunInChild(check, options.timeout_seconds));
  if (child.crashed) return Finding{FindingKind::kCrash, child.text};
  if (child.text.empty() || child.text[0] == '!') return absl::InternalError(child.text);
  return Finding{kKinds[child.text[0] - '0'], child.text.substr(1)};
}

}  // namespace strata::compiler
