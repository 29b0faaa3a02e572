#include "framework/graph/op_case_batch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

void Require(const absl::Status& status, const std::string& what) {
  if (status.ok()) return;
  std::fprintf(stderr, "op case %s: %s\n", what.c_str(), status.ToString().c_str());
  std::abort();
}

std::vector<HostTensor> Clone(const std::vector<HostTensor>& tensors) {
  std::vector<HostTensor> clones;
  for (const HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

// Appends `part` with its value ids moved by what is there and its names marked by `prefix`.
void Append(const Graph& part, const std::string& prefix, Graph* whole) {
  const uint32_t shift = static_cast<uint32_t>(whole->values_size());
  for (Value value : part.values()) {
    value.set_name(absl::StrCat(prefix, value.name()));
    if (!value.gradient_of().empty())
      value.set_gradient_of(absl::StrCat(prefix, value.gradient_of()));
    *whole->add_values() = std::move(value);
  }
  for (Input input : part.inputs()) {
    input.set_value(input.value() + shift);
    *whole->add_inputs() = input;
  }
  for (Node node : part.nodes()) {
    for (uint32_t& id : *node.mutable_inputs()) id += shift;
    for (uint32_t& id : *node.mutable_outputs()) id += shift;
    *whole->add_nodes() = std::move(node);
  }
  for (Output output : part.outputs()) {
    output.set_value(output.value() + shift);
    output.set_name(absl::StrCat(prefix, output.name()));
    *whole->add_outputs() = std::move(output);
  }
  for (Update update : part.updates()) {
    update.set_input(update.input() + shift);
    update.set_output(update.output() + shift);
    *whole->add_updates() = update;
  }
}

}  // namespace

OpCaseBatch MakeOpCaseBatch(const std::vector<OpCase>& cases) {
  OpCaseBatch batch;
  batch.graph.set_version(1);
  batch.graph.set_name("op_cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    const OpCase& c = cases[i];
    auto sizes = MatchInputs(c.graph, c.inputs);
    Require(sizes.status(), c.name);
    auto bound = BindSymbols(c.graph, *sizes);
    Require(bound.status(), c.name);
    auto expected = Interpreter().Evaluate(c.graph, Clone(c.inputs));
    Require(expected.status(), c.name);
    Append(*bound, absl::StrCat("c", i, "_"), &batch.graph);
    for (const HostTensor& input : c.inputs) batch.inputs.push_back(input);
    for (const HostTensor& output : *expected) {
      batch.expected.push_back(output);
      batch.case_names.push_back(c.name);
      batch.tolerances.push_back(c.tolerance);
    }
  }
  Require(Verify(batch.graph), "all");
  return batch;
}

std::vector<HostTensor> OpCaseBatch::CloneInputs() const { return Clone(inputs); }

std::string OpCaseBatch::Compare(const std::vector<HostTensor>& outputs) const {
  if (outputs.size() != expected.size()) {
    return absl::StrCat("there are ", outputs.size(), " outputs; expected ", expected.size());
  }
  std::string report;
  int wrong = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string difference = CompareTensors(outputs[i], expected[i], tolerances[i]);
    if (difference.empty()) continue;
    if (++wrong <= 10) absl::StrAppend(&report, case_names[i], ": ", difference, "\n");
  }
  if (wrong > 10) absl::StrAppend(&report, "and ", wrong - 10, " more\n");
  return report;
}

std::string CompareTensors(const HostTensor& got, const HostTensor& want, double tolerance) {
  if (got.TypeString() != want.TypeString()) {
    return absl::StrCat("is ", got.TypeString(), "; expected ", want.TypeString());
  }
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double allowed = tolerance * std::max(1.0, std::fabs(b[i]));
    if (std::fabs(a[i] - b[i]) <= allowed) continue;
    return absl::StrCat("element ", i, " is ", a[i], "; expected ", b[i], " +- ", allowed);
  }
  return "";
}

}  // namespace strata::graph
