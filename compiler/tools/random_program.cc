#include "compiler/tools/random_program.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/tools/program_maker.h"
#include "framework/autodiff/gradients.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::TensorType;
using graph::ValueId;

// Values that nothing reads.
std::vector<ValueId> LeavesOf(const ProgramMaker& maker, const Graph& graph) {
  std::set<ValueId> read;
  for (const graph::Node& node : graph.nodes())
    read.insert(node.inputs().begin(), node.inputs().end());
  std::vector<ValueId> leaves;
  for (ValueId value : maker.values()) {
    if (read.count(value) == 0) leaves.push_back(value);
  }
  return leaves;
}

void AddUpdates(ProgramMaker& m) {
  for (int64_t i = m.Below(3); i > 0; --i) {
    const ValueId result = m.Find([](const TensorType& t) { return t.dtype != chips::BOOL; });
    if (result == graph::kNoValue) continue;
    const ValueId state =
        m.NewInput(m.type(result), "state", m.OneIn(2) ? graph::STATE : graph::PARAMETER);
    const auto sum = m.Try("add", {state, result});
    if (!sum.empty()) m.builder().Update(state, m.OneIn(3) ? result : sum[0]);
  }
}

// The mean of a sum of leaves, and what it does to the inputs. Nothing when an op on the way has no gradient.
void Differentiate(ProgramMaker& m) {
  const auto is_wide = [](const TensorType& t) { return t.dtype == chips::F32 && t.rank() > 0; };
  const ValueId last = m.Find(is_wide);
  if (last == graph::kNoValue) return;
  std::vector<int64_t> axes;
  for (int64_t d = 0; d < m.type(last).rank(); ++d) axes.push_back(d);
  const auto bounded = m.Try("tanh", {last});
  if (bounded.empty()) return;
  const auto loss =
      m.Try("reduce_sum", {bounded[0]}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  if (loss.empty()) return;
  std::vector<ValueId> wrt;
  for (const auto& input : m.builder().graph().inputs()) {
    if (chips::IsFloat(m.type(input.value()).dtype)) wrt.push_back(input.value());
  }
  Builder trial(m.builder().graph());
  const auto gradients = framework::Gradients(trial, loss[0], wrt);
  if (!gradients.ok() || !trial.status().ok()) return;
  m.builder() = std::move(trial);
  for (size_t i = 0; i < gradients->size(); ++i)
    m.builder().Output((*gradients)[i], absl::StrCat("gradient", i));
}

// Leaves, some values within, now and then an input or a value twice.
void AddOutputs(ProgramMaker& m, const std::vector<ValueId>& leaves) {
  int count = 0;
  const auto add = [&](ValueId value) { m.builder().Output(value, absl::StrCat("y", count++)); };
  for (ValueId leaf : leaves) {
    if (!m.OneIn(8)) add(leaf);
  }
  for (int64_t i = m.Below(4); i > 0; --i) add(m.Pick(m.values()));
  if (count == 0) add(m.values().back());
  if (m.OneIn(8)) add(leaves.empty() ? m.values().back() : leaves.back());
}

}  // namespace

absl::StatusOr<Graph> MakeRandomProgram(uint32_t seed, const RandomProgramOptions& options) {
  if (!options.family.empty()) STRATA_RETURN_IF_ERROR(CheckFamily(options.family));
  ProgramMaker m(seed, options);
  for (int64_t i = 2 + m.Below(3); i > 0; --i) {
    const auto dims = m.RandomDims(m.Below(5));
    m.NewInput({m.DType(), graph::Shape(dims.begin(), dims.end())});
  }
  for (int tries = 0; tries < 8 * options.nodes && m.builder().graph().nodes_size() < options.nodes;
       ++tries) {
    if (options.family.empty() || m.OneIn(4)) {
      GrowByOneOp(m);
    } else {
      GrowByFamily(options.family, m);
    }
  }
  AddUpdates(m);
  const std::vector<ValueId> leaves = LeavesOf(m, m.builder().graph());
  if (!m.edges() && m.OneIn(3)) Differentiate(m);
  AddOutputs(m, leaves);
  return std::move(m.builder()).Build();
}

}  // namespace strata::compiler
