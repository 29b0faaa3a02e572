#include "distributed/pipeline/cut_stages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/pipeline/stage_flow.h"

namespace strata::distributed {
namespace {

using graph::Graph;

enum Part { kForward, kBackward, kWeight };

class Cutter {
 public:
  Cutter(const Graph& step, const StageFlow& flow, const CutOptions& options)
      : step_(step), flow_(flow), options_(options) {}

  absl::StatusOr<StagePrograms> Cut(int stage) {
    stage_ = stage;
    for (std::set<int>& nodes : nodes_) nodes.clear();
    CollectNodes();
    StagePrograms programs;
    SetMessages(&programs);
    SetReads(&programs);
    STRATA_ASSIGN_OR_RETURN(programs.forward, Forward(&programs));
    STRATA_ASSIGN_OR_RETURN(programs.backward, Backward(kBackward, &programs));
    STRATA_ASSIGN_OR_RETURN(programs.weight, Backward(kWeight, &programs));
    SetParameters(&programs);
    return programs;
  }

 private:
  const graph::Value& ValueOf(uint32_t id) const { return step_.values(static_cast<int>(id)); }

  // Which of the stage's programs makes a value first: not the one that makes it again.
  bool MadeBy(Part part, uint32_t value) const {
    const int maker = flow_.anatomy.maker[value];
    return maker >= 0 && nodes_[part].count(maker) > 0;
  }

  // Depends on the batch and is no input: someone must hand it over.
  bool IsHanded(uint32_t value) const { return flow_.StageOf(value) != kNoStage; }

  void CollectNodes() {
    for (int n = 0; n < step_.nodes_size(); ++n) {
      const auto i = static_cast<size_t>(n);
      if (flow_.stage[i] != stage_) continue;
      const bool backward = flow_.anatomy.phase[i] == StepPhase::kBackward;
      const bool later = options_.split_weight && flow_.weight_only[i];
      nodes_[!backward ? kForward : later ? kWeight : kBackward].insert(n);
    }
    if (options_.recompute) AddRecomputed();
  }

  // The forward nodes that backward needs, backward from what it reads.
  void AddRecomputed() {
    std::set<int> again;
    std::vector<uint32_t> open;
    for (Part part : {kBackward, kWeight})
      for (int n : nodes_[part])
        open.insert(open.end(), step_.nodes(n).inputs().begin(), step_.nodes(n).inputs().end());
    while (!open.empty()) {
      const uint32_t value = open.back();
      open.pop_back();
      if (!MadeBy(kForward, value) || !again.insert(flow_.anatomy.maker[value]).second) continue;
      const auto& inputs = step_.nodes(flow_.anatomy.maker[value]).inputs();
      open.insert(open.end(), inputs.begin(), inputs.end());
    }
    nodes_[kBackward].insert(again.begin(), again.end());
  }

  // What the program reads of what others made.
  std::set<uint32_t> HandedTo(Part part) const {
    std::set<uint32_t> handed;
    for (int n : nodes_[part])
      for (uint32_t input : step_.nodes(n).inputs())
        if (IsHanded(input) && !MadeBy(part, input)) handed.insert(input);
    return handed;
  }

  ValueNames Names(const std::set<uint32_t>& values) const {
    ValueNames names;
    for (uint32_t value : values) names.push_back(ValueOf(value).name());
    return names;
  }

  void SetMessages(StagePrograms* programs) const {
    const auto s = static_cast<size_t>(stage_);
    if (stage_ > 0) {
      programs->activations_in = Names(flow_.up[s - 1]);
      programs->gradients_out = Names(flow_.down[s - 1]);
    }
    programs->activations_out = Names(flow_.up[s]);
    programs->gradients_in = Names(flow_.down[s]);
  }

  void SetReads(StagePrograms* programs) const {
    for (uint32_t value : HandedTo(kBackward))
      programs->backward_reads.insert(ValueOf(value).name());
    for (uint32_t value : HandedTo(kWeight)) programs->weight_reads.insert(ValueOf(value).name());
  }

  // Makers write what another program of the stage, or another stage, reads.
  void AddHandedOver(Part from, std::initializer_list<Part> readers, ProgramWriter* writer) const {
    for (Part reader : readers)
      for (uint32_t value : HandedTo(reader))
        if (MadeBy(from, value)) writer->AddOutput(value);
  }

  ProgramWriter Start(Part part) const {
    static constexpr const char* kNames[] = {"forward", "backward", "weight"};
    ProgramWriter writer(step_, flow_.anatomy,
                         absl::StrCat(step_.name(), ".stage_", stage_, ".", kNames[part]));
    for (int n : nodes_[part]) writer.AddNode(n);
    return writer;
  }

  absl::StatusOr<Graph> Forward(StagePrograms* programs) const {
    ProgramWriter writer = Start(kForward);
    for (const graph::Output& output : step_.outputs()) {
      const uint32_t value = output.value();
      if (!MadeBy(kForward, value)) continue;
      writer.AddOutput(value);
      programs->results.push_back({ValueOf(value).name(), output.name(), output.combine()});
    }
    for (uint32_t value : flow_.up[static_cast<size_t>(stage_)])
      if (MadeBy(kForward, value)) writer.AddOutput(value);
    // What backward makes again is not kept.
    for (Part reader : {kBackward, kWeight}) {
      for (uint32_t value : HandedTo(reader))
        if (MadeBy(kForward, value) && !MadeBy(kBackward, value)) writer.AddOutput(value);
    }
    return std::move(writer).Build();
  }

  std::vector<std::pair<uint32_t, uint32_t>> PartsHere() const {
    std::vector<std::pair<uint32_t, uint32_t>> parts;
    for (const StageFlow::Gradient& gradient : flow_.gradients)
      for (uint32_t part : gradient.parts)
        if (flow_.StageOf(part) == stage_) parts.emplace_back(gradient.total, part);
    return parts;
  }

  Part AccumulatesIn(uint32_t part) const { return MadeBy(kWeight, part) ? kWeight : kBackward; }

  absl::StatusOr<Graph> Backward(Part part, StagePrograms* programs) const {
    ProgramWriter writer = Start(part);
    if (part == kBackward) {
      if (stage_ > 0) {
        for (uint32_t value : flow_.down[static_cast<size_t>(stage_ - 1)])
          if (MadeBy(kBackward, value)) writer.AddOutput(value);
      }
      AddHandedOver(kBackward, {kWeight}, &writer);
    }
    for (const auto& [gradient, value] : PartsHere()) {
      if (AccumulatesIn(value) != part) continue;
      writer.Accumulate(gradient, value);
      programs->gradients.insert(ValueOf(gradient).gradient_of());
    }
    return std::move(writer).Build();
  }

  // Of all three: what the step calls a parameter or state, except the sums of gradients.
  void SetParameters(StagePrograms* programs) const {
    std::set<std::string> known;
    for (const graph::Input& input : step_.inputs())
      if (input.kind() != graph::DATA) known.insert(ValueOf(input.value()).name());
    for (const Graph* program : {&programs->forward, &programs->backward, &programs->weight}) {
      for (const graph::Input& input : program->inputs()) {
        const std::string& name = program->values(static_cast<int>(input.value())).name();
        if (known.count(name) > 0) programs->parameters.insert(name);
      }
    }
  }

  const Graph& step_;
  const StageFlow& flow_;
  const CutOptions options_;
  int stage_ = 0;
  std::set<int> nodes_[3];  // by Part
};

}  // namespace

absl::StatusOr<StageCut> CutStages(const Graph& step, const StagePatterns& stages,
                                   const CutOptions& options) {
  if (stages.empty()) return absl::InvalidArgumentError("a pipeline has at least one stage");
  STRATA_ASSIGN_OR_RETURN(const StageFlow flow, AnalyseFlow(step, stages));
  StageCut cut;
  Cutter cutter(step, flow, options);
  for (size_t s = 0; s < stages.size(); ++s) {
    STRATA_ASSIGN_OR_RETURN(StagePrograms programs, cutter.Cut(static_cast<int>(s)));
    if (programs.forward.nodes_size() == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("graph '", step.name(), "': no node belongs to stage ", s,
                       "; its patterns name no module: ", absl::StrJoin(stages[s], ", ")));
    }
    cut.stages.push_back(std::move(programs));
    for (const std::set<uint32_t>* values : {&flow.up[s], &flow.down[s]}) {
      for (uint32_t value : *values) {
        const graph::Value& crossing = step.values(static_cast<int>(value));
        cut.crossing[crossing.name()] = crossing;
      }
    }
  }
  return cut;
}

}  // namespace strata::distributed
