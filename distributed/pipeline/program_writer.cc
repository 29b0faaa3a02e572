#include "distributed/pipeline/program_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"
#include "framework/graph/verifier.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Value;

graph::InputKind KindOf(const graph::Graph& step, uint32_t value) {
  for (const auto& input : step.inputs())
    if (input.value() == value) return input.kind();
  return graph::DATA;  // comes from another program
}

graph::Node* AddNodeTo(graph::Graph* graph, const std::string& op, const std::vector<uint32_t>& in,
                       uint32_t out, const std::string& origin) {
  graph::Node* node = graph->add_nodes();
  node->set_op(op);
  for (uint32_t value : in) node->add_inputs(value);
  node->add_outputs(out);
  node->set_origin(origin);
  return node;
}

}  // namespace

std::string GradientSumName(const std::string& parameter) { return "sum." + parameter; }

ProgramWriter::ProgramWriter(const graph::Graph& step, const StepAnatomy& anatomy, std::string name)
    : step_(step), anatomy_(anatomy) {
  program_.set_version(step.version());
  program_.set_name(std::move(name));
}

bool ProgramWriter::Makes(uint32_t value) const {
  return anatomy_.maker[value] >= 0 && nodes_.count(anatomy_.maker[value]) > 0;
}

void ProgramWriter::AddOutput(uint32_t value) {
  if (std::find(outputs_.begin(), outputs_.end(), value) == outputs_.end())
    outputs_.push_back(value);
}

void ProgramWriter::AddUpdate(uint32_t input, uint32_t output) {
  AddOutput(output);
  updates_.emplace_back(input, output);
}

// Adds the makers of what is read and depends on no batch, and of what they read.
void ProgramWriter::AddBatchFree() {
  std::vector<uint32_t> open(outputs_);
  for (int n : nodes_)
    open.insert(open.end(), step_.nodes(n).inputs().begin(), step_.nodes(n).inputs().end());
  for (const auto& [input, output] : updates_) open.push_back(input);
  while (!open.empty()) {
    const int maker = anatomy_.maker[open.back()];
    open.pop_back();
    if (maker < 0 || anatomy_.phase[static_cast<size_t>(maker)] != StepPhase::kBatchFree) continue;
    if (!nodes_.insert(maker).second) continue;
    open.insert(open.end(), step_.nodes(maker).inputs().begin(), step_.nodes(maker).inputs().end());
  }
}

bool ProgramWriter::ReadsSum(uint32_t value) const {
  return std::any_of(sums_.begin(), sums_.end(),
                     [&](const auto& sum) { return sum.first == value; });
}

void ProgramWriter::CollectInputs() {
  const auto read = [&](uint32_t value) {
    if (!Makes(value) && !ReadsSum(value)) inputs_.insert(value);
  };
  for (int n : nodes_)
    for (uint32_t input : step_.nodes(n).inputs()) read(input);
  for (uint32_t output : outputs_) read(output);
  for (const auto& [input, output] : updates_) read(input);
}

uint32_t ProgramWriter::NewValue(const Value& value) {
  *program_.add_values() = value;
  return static_cast<uint32_t>(program_.values_size() - 1);
}

// What comes from elsewhere is no gradient of this program.
uint32_t ProgramWriter::NewInput(Value value, graph::InputKind kind) {
  value.clear_gradient_of();
  graph::Input* input = program_.add_inputs();
  input->set_value(NewValue(value));
  input->set_kind(kind);
  return input->value();
}

void ProgramWriter::WriteInputs() {
  for (uint32_t input : inputs_)
    id_[input] = NewInput(step_.values(static_cast<int>(input)), KindOf(step_, input));
  const auto add_sum = [&](uint32_t gradient) {
    if (sum_.count(gradient) > 0) return;
    Value value = step_.values(static_cast<int>(gradient));
    value.set_name(GradientSumName(value.gradient_of()));
    sum_[gradient] = NewInput(value, graph::STATE);
  };
  for (const auto& [gradient, scale] : sums_) add_sum(gradient);
  for (const auto& [gradient, part] : accumulations_) add_sum(gradient);
}

void ProgramWriter::WriteMeans() {
  for (const auto& [gradient, scale] : sums_) {
    id_[gradient] = sum_[gradient];
    if (scale == 1) continue;
    Value mean = step_.values(static_cast<int>(gradient));
    const std::string origin = "mean over microbatches " + mean.gradient_of();
    Value factor;
    factor.set_name(GradientSumName(mean.gradient_of()) + ".factor");
    factor.set_dtype(mean.dtype());
    const uint32_t factor_id = NewValue(factor);
    graph::Node* node = AddNodeTo(&program_, "constant", {}, factor_id, origin);
    graph::SetAttributes(
        {{"value", Attr(scale)}, {"dtype", Attr(mean.dtype())}, {"dims", Attr(graph::Shape{})}},
        node);
    mean.clear_gradient_of();
    id_[gradient] = NewValue(mean);
    AddNodeTo(&program_, "mul", {sum_[gradient], factor_id}, id_[gradient], origin);
  }
}

void ProgramWriter::WriteNodes() {
  for (int n : nodes_) {
    graph::Node node = step_.nodes(n);
    for (uint32_t& input : *node.mutable_inputs()) input = id_.at(input);
    for (uint32_t& output : *node.mutable_outputs())
      output = id_[output] = NewValue(step_.values(static_cast<int>(output)));
    *program_.add_nodes() = std::move(node);
  }
}

void ProgramWriter::WriteOutput(uint32_t value, const std::string& name) {
  for (const graph::Output& output : program_.outputs())
    if (output.value() == value) return;
  graph::Output* output = program_.add_outputs();
  output->set_value(value);
  output->set_name(name);
  output->set_combine(graph::REPLICATED);
}

void ProgramWriter::WriteUpdate(uint32_t input, uint32_t output) {
  WriteOutput(output, program_.values(static_cast<int>(output)).name());
  graph::Update* update = program_.add_updates();
  update->set_input(input);
  update->set_output(output);
}

void ProgramWriter::WriteAccumulations() {
  const std::map<uint32_t, uint32_t> before = sum_;
  std::set<uint32_t> changed;
  for (const auto& [gradient, part] : accumulations_) {
    Value value = program_.values(static_cast<int>(sum_[gradient]));
    value.set_name(
        absl::StrCat(value.name(), ".plus.", step_.values(static_cast<int>(part)).name()));
    const uint32_t total = NewValue(value);
    AddNodeTo(&program_, "add", {sum_[gradient], id_.at(part)}, total,
              "sum over microbatches " + step_.values(static_cast<int>(gradient)).gradient_of());
    sum_[gradient] = total;
    changed.insert(gradient);
  }
  for (uint32_t gradient : changed) WriteUpdate(before.at(gradient), sum_[gradient]);
}

absl::StatusOr<graph::Graph> ProgramWriter::Build() && {
  AddBatchFree();
  CollectInputs();
  WriteInputs();
  WriteMeans();
  WriteNodes();
  for (uint32_t value : outputs_)
    WriteOutput(id_.at(value), step_.values(static_cast<int>(value)).name());
  WriteAccumulations();
  for (const auto& [input, output] : updates_) WriteUpdate(id_.at(input), id_.at(output));
  STRATA_RETURN_IF_ERROR(
      Annotate(graph::Verify(program_), absl::StrCat("program '", program_.name(), "'")));
  return std::move(program_);
}

}  // namespace strata::distributed
