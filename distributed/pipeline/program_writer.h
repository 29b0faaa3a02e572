// ProgramWriter: a part of a training step as a graph of its own. Values keep names, types, shardings and origins.
//
//   ProgramWriter writer(step, anatomy, "stage_0.forward");
//   for (int n : nodes) writer.AddNode(n);
//   writer.AddOutput(logits);
//   STRATA_ASSIGN_OR_RETURN(graph::Graph program, std::move(writer).Build());
//
// What the nodes read and none of them makes becomes an input by the name it has in the step; values that depend on no
// batch are made again instead. Inputs and outputs are bound by name: an output is called as its value.
#ifndef STRATA_DISTRIBUTED_PIPELINE_PROGRAM_WRITER_H_
#define STRATA_DISTRIBUTED_PIPELINE_PROGRAM_WRITER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "distributed/pipeline/step_anatomy.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

// The name of the input that holds the sum of a parameter's gradients over microbatches.
std::string GradientSumName(const std::string& parameter);

class ProgramWriter {
 public:
  // `step` and `anatomy` must outlive this.
  ProgramWriter(const graph::Graph& step, const StepAnatomy& anatomy, std::string name);

  void AddNode(int node) { nodes_.insert(node); }
  bool Makes(uint32_t value) const;  // by a node that was added
  void AddOutput(uint32_t value);    // made by a node that was added, or an input; once is enough
  void AddUpdate(uint32_t input, uint32_t output);

  // `gradient` is marked gradient_of a parameter, whose sum over microbatches is the STATE input of GradientSumName(), of
  // the gradient's type and sharding. Accumulate: sum += part, in place (`part` is the gradient or an addend of it).
  // ReadSum: the nodes of this program read sum * scale for the gradient.
  void Accumulate(uint32_t gradient, uint32_t part) { accumulations_.emplace_back(gradient, part); }
  void ReadSum(uint32_t gradient, double scale) { sums_.emplace_back(gradient, scale); }

  absl::StatusOr<graph::Graph> Build() &&;

 private:
  void AddBatchFree();
  void CollectInputs();
  bool ReadsSum(uint32_t value) const;
  uint32_t NewValue(const graph::Value& value);
  uint32_t NewInput(graph::Value value, graph::InputKind kind);
  void WriteInputs();
  void WriteMeans();
  void WriteNodes();
  void WriteOutput(uint32_t value, const std::string& name);  // of the program
  void WriteUpdate(uint32_t input, uint32_t output);
  void WriteAccumulations();

  const graph::Graph& step_;
  const StepAnatomy& anatomy_;
  graph::Graph program_;
  std::set<int> nodes_;            // in the step's order
  std::vector<uint32_t> outputs_;  // of the step
  std::vector<std::pair<uint32_t, uint32_t>> updates_;
  std::vector<std::pair<uint32_t, uint32_t>> accumulations_;  // gradient, part
  std::vector<std::pair<uint32_t, double>> sums_;             // gradient, scale
  std::set<uint32_t> inputs_;                                 // values of the step
  std::map<uint32_t, uint32_t> id_;                           // value of the step -> of the program
  std::map<uint32_t, uint32_t> sum_;  // gradient -> its sum so far in the program
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_PROGRAM_WRITER_H_
