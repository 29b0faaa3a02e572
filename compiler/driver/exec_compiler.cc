#include "compiler/driver/exec_compiler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/subprocess.h"
#include "base/textproto.h"
#include "compiler/driver/lowering.h"
#include "compiler/plan/validate.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

constexpr size_t kLongestComplaint = 2000;  // of the program's standard error

std::string TypeText(const plan::Buffer& buffer) {
  graph::TensorType type{buffer.dtype(), {}};
  for (int64_t dim : buffer.dims()) type.shape.push_back(dim);
  return type.ToString();
}

absl::Status CheckBuffer(const graph::Graph& graph, uint32_t value, const plan::Plan& plan,
                         uint32_t buffer, absl::string_view where) {
  const std::string wanted = TypeOf(graph.values(static_cast<int>(value))).ToString();
  const std::string got = TypeText(plan.buffers(static_cast<int>(buffer)));
  if (wanted == got) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(where, ": is ", got, "; the graph has ", wanted));
}

// A valid plan may still be one for another graph.
absl::Status CheckFits(const graph::Graph& graph, const plan::Plan& plan) {
  if (plan.inputs_size() != graph.inputs_size() || plan.outputs_size() != graph.outputs_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", plan.inputs_size(), " inputs and ", plan.outputs_size(), " outputs; the graph has ",
        graph.inputs_size(), " and ", graph.outputs_size()));
  }
  for (int i = 0; i < graph.inputs_size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckBuffer(graph, graph.inputs(i).value(), plan, plan.inputs(i),
                                       absl::StrCat("inputs[", i, "]")));
  }
  for (int i = 0; i < graph.outputs_size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckBuffer(graph, graph.outputs(i).value(), plan, plan.outputs(i),
                                       absl::StrCat("outputs[", i, "]")));
  }
  return absl::OkStatus();
}

class ExecCompiler : public Compiler {
 public:
  explicit ExecCompiler(std::string program) : program_(std::move(program)) {}

  absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                     const CompileOptions& options) override {
    absl::StatusOr<plan::Plan> plan = Ask(graph, chip, options);
    if (!plan.ok()) return Annotate(plan.status(), absl::StrCat("compiler '", program_, "'"));
    return plan;
  }

 private:
  absl::StatusOr<plan::Plan> Ask(const graph::Graph& graph, const chips::Chip& chip,
                                 const CompileOptions& options) {
    if (options.memory_budget_bytes != 0) {
      return absl::InvalidArgumentError(
          "memory_budget_bytes does not reach an external compiler; leave it out");
    }
    if (!options.skip_passes.empty() || options.observer) {
      return absl::InvalidArgumentError(
          "skip_passes and observer do not reach an external compiler; leave them out");
    }
    const bool plain =
        options.compute_dtype == chips::DTYPE_UNSPECIFIED || options.compute_dtype == chips::F32;
    if (!plain || options.gemm != CompileOptions().gemm || !options.tuning_log.empty()) {
      return absl::InvalidArgumentError(
          "compute_dtype, gemm and tuning_log do not reach an external compiler; leave them out");
    }
    STRATA_RETURN_IF_ERROR(graph::Verify(graph));
    STRATA_RETURN_IF_ERROR(CheckConcrete(graph));
    plan::CompileRequest request;
    request.set_version(1);
    *request.mutable_graph() = graph;
    *request.mutable_chip() = chip;
    request.set_device(options.device);
    STRATA_ASSIGN_OR_RETURN(const SubprocessResult result,
                            RunSubprocess({program_}, SerializeDeterministic(request)));
    const std::string complaint = result.standard_error.substr(0, kLongestComplaint);
    if (result.exit_code != 0) {
      return absl::InternalError(
          absl::StrCat("ended with exit code ", result.exit_code,
                       "; it said: ", complaint.empty() ? "nothing" : complaint));
    }
    plan::Plan plan;
    if (!plan.ParseFromString(result.standard_output)) {
      return absl::InvalidArgumentError(
          absl::StrCat("wrote ", result.standard_output.size(),
                       " bytes to standard output that are no Plan; it said: ",
                       complaint.empty() ? "nothing" : complaint));
    }
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    STRATA_RETURN_IF_ERROR(Annotate(CheckFits(graph, plan), "plan"));
    return plan;
  }

  std::string program_;
};

}  // namespace

std::unique_ptr<Compiler> CreateExecCompiler(const std::string& program) {
  return std::make_unique<ExecCompiler>(program);
}

}  // namespace strata::compiler
