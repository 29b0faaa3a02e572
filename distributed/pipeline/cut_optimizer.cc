#include "distributed/pipeline/cut_optimizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/pipeline/step_anatomy.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using RankSet = std::set<int>;

bool SameDims(const graph::Value& a, const graph::Value& b) {
  return graph::TypeOf(a).shape == graph::TypeOf(b).shape;
}

class OptimizerCutter {
 public:
  OptimizerCutter(const Graph& step, StepAnatomy anatomy, int ranks, int microbatches)
      : step_(step), anatomy_(std::move(anatomy)), microbatches_(microbatches) {
    for (int rank = 0; rank < ranks; ++rank) everywhere_.insert(rank);
    cut_.ranks.resize(static_cast<size_t>(ranks));
    for (const graph::Update& update : step.updates()) updated_[update.input()] = update.output();
  }

  absl::StatusOr<OptimizerCut> Run(const StageCut& cut, const std::vector<RankSet>& stage_ranks) {
    FindReaders(cut, stage_ranks);
    FindHomes();
    FindWhereComputable();
    for (int rank : everywhere_)
      for (uint32_t value : Wanted(rank)) FindExports(rank, value);
    for (int rank : everywhere_) {
      OptimizerPrograms& programs = cut_.ranks[static_cast<size_t>(rank)];
      STRATA_ASSIGN_OR_RETURN(programs.local, LocalProgram(rank));
      STRATA_ASSIGN_OR_RETURN(programs.update, UpdateProgram(rank));
      Describe(rank, &programs);
    }
    for (const auto& [parameter, ranks] : readers_)
      if (summed_.count(parameter) > 0) cut_.holders[parameter] = ranks;
    return std::move(cut_);
  }

 private:
  const graph::Value& ValueOf(uint32_t id) const { return step_.values(static_cast<int>(id)); }
  bool IsSum(uint32_t value) const {
    return !ValueOf(value).gradient_of().empty() && anatomy_.PhaseOf(value) == StepPhase::kBackward;
  }
  bool IsOptimizer(uint32_t value) const {
    return anatomy_.PhaseOf(value) == StepPhase::kOptimizer;
  }
  const auto& InputsOf(uint32_t value) const { return step_.nodes(anatomy_.maker[value]).inputs(); }

  void FindReaders(const StageCut& cut, const std::vector<RankSet>& stage_ranks) {
    for (size_t s = 0; s < cut.stages.size(); ++s) {
      for (const std::set<std::string>* names :
           {&cut.stages[s].parameters, &cut.stages[s].gradients})
        for (const std::string& name : *names)
          readers_[name].insert(stage_ranks[s].begin(), stage_ranks[s].end());
      summed_.insert(cut.stages[s].gradients.begin(), cut.stages[s].gradients.end());
    }
  }

  // The parameters that an update goes with: read on the way to it at its own shape (a norm has another).
  std::set<std::string> Companions(uint32_t output) const {
    std::set<std::string> names;
    std::set<uint32_t> seen;
    std::vector<uint32_t> open = {output};
    while (!open.empty()) {
      const uint32_t value = open.back();
      open.pop_back();
      if (!SameDims(ValueOf(value), ValueOf(output)) || !seen.insert(value).second) continue;
      if (!ValueOf(value).gradient_of().empty()) names.insert(ValueOf(value).gradient_of());
      if (readers_.count(ValueOf(value).name()) > 0) names.insert(ValueOf(value).name());
      if (IsOptimizer(value))
        open.insert(open.end(), InputsOf(value).begin(), InputsOf(value).end());
    }
    return names;
  }

  // Where each PARAMETER and STATE input is kept.
  void FindHomes() {
    for (const graph::Input& input : step_.inputs()) {
      const uint32_t value = input.value();
      const auto reader = readers_.find(ValueOf(value).name());
      if (input.kind() == graph::DATA) {
        home_[value] = everywhere_;
      } else if (reader != readers_.end()) {
        home_[value] = reader->second;
      } else if (updated_.count(value) > 0) {
        for (const std::string& name : Companions(updated_[value])) {
          const auto at = readers_.find(name);
          if (at != readers_.end()) home_[value].insert(at->second.begin(), at->second.end());
        }
      }
      if (home_[value].empty()) home_[value] = everywhere_;
    }
  }

  RankSet WhereComputable(uint32_t value) const {
    if (IsSum(value)) return readers_.at(ValueOf(value).gradient_of());
    if (anatomy_.maker[value] < 0) return home_.at(value);
    RankSet ranks = everywhere_;
    for (uint32_t input : InputsOf(value)) {
      const RankSet& of_input = computable_[input];
      std::erase_if(ranks, [&](int rank) { return of_input.count(rank) == 0; });
    }
    return ranks;
  }

  void FindWhereComputable() {
    computable_.resize(static_cast<size_t>(step_.values_size()));
    for (const auto& [value, ranks] : home_) computable_[value] = ranks;
    for (const graph::Node& node : step_.nodes()) {
      const StepPhase phase = anatomy_.PhaseOf(node.outputs(0));
      for (uint32_t output : node.outputs()) {
        if (phase == StepPhase::kOptimizer || phase == StepPhase::kBatchFree || IsSum(output))
          computable_[output] = WhereComputable(output);
      }
    }
  }

  bool IsResult(const graph::Output& output) const {
    const uint32_t value = output.value();
    if (!IsOptimizer(value) && !IsSum(value) && anatomy_.PhaseOf(value) != StepPhase::kBatchFree)
      return false;  // of a stage
    return std::none_of(updated_.begin(), updated_.end(),
                        [&](const auto& update) { return update.second == value; });
  }

  // A value that no rank can compute alone is computed by all.
  bool IsWantedAt(int rank, uint32_t value) const {
    return computable_[value].empty() || computable_[value].count(rank) > 0;
  }

  std::vector<uint32_t> Wanted(int rank) const {
    std::vector<uint32_t> wanted;
    for (const graph::Update& update : step_.updates())
      if (home_.at(update.input()).count(rank) > 0) wanted.push_back(update.output());
    for (const graph::Output& output : step_.outputs())
      if (IsResult(output) && IsWantedAt(rank, output.value())) wanted.push_back(output.value());
    return wanted;
  }

  // What the rank needs for `value` and cannot compute, and some other can.
  void FindExports(int rank, uint32_t value) {
    if (!seen_.insert({rank, value}).second) return;
    const RankSet& able = computable_[value];
    if (able.count(rank) > 0) return;
    if (!able.empty()) {
      exports_[*able.begin()].insert(value);
      exported_.insert(value);
      return;
    }
    for (uint32_t input : InputsOf(value)) FindExports(rank, input);
  }

  // Nodes that lead to `value`, from leaves and from what `stop` says is there.
  void Collect(uint32_t value, const std::set<uint32_t>& stop, ProgramWriter* writer,
               std::set<uint32_t>* seen) const {
    if (stop.count(value) > 0 || !seen->insert(value).second) return;
    if (IsSum(value)) return writer->ReadSum(value, 1.0 / microbatches_);
    if (anatomy_.maker[value] < 0 || !IsOptimizer(value)) return;
    writer->AddNode(anatomy_.maker[value]);
    for (uint32_t input : InputsOf(value)) Collect(input, stop, writer, seen);
  }

  absl::StatusOr<Graph> LocalProgram(int rank) const {
    ProgramWriter writer(step_, anatomy_,
                         absl::StrCat(step_.name(), ".rank_", rank, ".optimizer_local"));
    std::set<uint32_t> seen;
    const auto exports = exports_.find(rank);
    if (exports == exports_.end()) return std::move(writer).Build();
    for (uint32_t value : exports->second) {
      Collect(value, {}, &writer, &seen);
      writer.AddOutput(value);
    }
    return std::move(writer).Build();
  }

  absl::StatusOr<Graph> UpdateProgram(int rank) const {
    ProgramWriter writer(step_, anatomy_, absl::StrCat(step_.name(), ".rank_", rank, ".optimizer"));
    std::set<uint32_t> seen;
    for (uint32_t value : Wanted(rank)) {
      Collect(value, exported_, &writer, &seen);
      writer.AddOutput(value);
    }
    for (const graph::Update& update : step_.updates())
      if (home_.at(update.input()).count(rank) > 0)
        writer.AddUpdate(update.input(), update.output());
    return std::move(writer).Build();
  }

  void Describe(int rank, OptimizerPrograms* programs) {
    for (const auto& [value, ranks] : home_) {
      const bool data = std::any_of(
          step_.inputs().begin(), step_.inputs().end(),
          [&](const auto& in) { return in.value() == value && in.kind() == graph::DATA; });
      if (!data && ranks.count(rank) > 0) programs->holds.insert(ValueOf(value).name());
    }
    for (uint32_t value : exports_[rank]) {
      programs->exports.push_back(ValueOf(value).name());
      cut_.exported[ValueOf(value).name()] = ValueOf(value);
    }
    for (const graph::Output& output : step_.outputs()) {
      if (!IsResult(output) || !IsWantedAt(rank, output.value())) continue;
      programs->results.push_back(
          {ValueOf(output.value()).name(), output.name(), output.combine()});
    }
  }

  const Graph& step_;
  const StepAnatomy anatomy_;
  const int microbatches_;
  OptimizerCut cut_;
  RankSet everywhere_;
  std::map<uint32_t, uint32_t> updated_;  // input -> output
  std::map<std::string, RankSet>
      readers_;                       // PARAMETER or STATE input -> ranks whose stages read it
  std::set<std::string> summed_;      // parameters
  std::map<uint32_t, RankSet> home_;  // by input
  std::vector<RankSet> computable_;   // by value
  std::set<std::pair<int, uint32_t>> seen_;
  std::map<int, std::set<uint32_t>> exports_;  // by rank
  std::set<uint32_t> exported_;
};

}  // namespace

absl::StatusOr<OptimizerCut> CutOptimizer(const Graph& step, const StageCut& cut,
                                          const std::vector<std::set<int>>& stage_ranks, int ranks,
                                          int microbatches) {
  if (stage_ranks.size() != cut.stages.size() || ranks < 1 || microbatches < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        stage_ranks.size(), " placements for ", cut.stages.size(), " stages on ", ranks,
        " ranks with ", microbatches, " microbatches: give one a stage, and at least one of each"));
  }
  STRATA_ASSIGN_OR_RETURN(StepAnatomy anatomy, AnalyseStep(step));
  return OptimizerCutter(step, std::move(anatomy), ranks, microbatches).Run(cut, stage_ranks);
}

}  // namespace strata::distributed
