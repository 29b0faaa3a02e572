#include "courses/compiler/memory_pareto/pareto.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/host_tensor.h"
#include "framework/nn/parameters.h"
#include "llm/model/decoder.h"
#include "llm/train/recipe.h"
#include "llm/train/training_step.h"

namespace strata::courses {
namespace {

using graph::HostTensor;

// Budgets between the least cut's peak and what can be reached, as shares of its temporaries.
constexpr double kShares[] = {0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3};

// The step's graph and a start for it.
struct Step {
  graph::Graph graph;
  std::vector<HostTensor> inputs;
};

HostTensor RandomIds(int64_t batch, int64_t tokens, int64_t vocabulary, uint64_t seed) {
  HostTensor ids = HostTensor::Allocate(chips::I32, {batch, tokens});
  for (int64_t i = 0; i < ids.elements(); ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    ids.data<int32_t>()[i] = static_cast<int32_t>((seed >> 33) % static_cast<uint64_t>(vocabulary));
  }
  return ids;
}

absl::StatusOr<Step> MakeStep(const ParetoModel& model) {
  llm::Recipe recipe;
  recipe.mutable_model()->set_architecture("gpt2");
  recipe.mutable_model()->set_layers(model.layers);
  recipe.mutable_model()->set_width(model.width);
  recipe.mutable_model()->set_heads(model.heads);
  recipe.mutable_model()->set_context(model.tokens);
  recipe.set_batch(model.batch);
  recipe.set_sequence(model.tokens);
  recipe.set_steps(10);
  recipe.set_learning_rate(1e-3);
  STRATA_ASSIGN_OR_RETURN(recipe, llm::CompleteRecipe(recipe, model.vocabulary));
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, llm::BuildTrainingStep(recipe));
  Step step;
  STRATA_ASSIGN_OR_RETURN(step.graph, graph::BindSymbols(graph, {{"B", model.batch}}));
  std::map<std::string, HostTensor> tensors;
  for (const framework::ParameterSpec& spec : llm::DecoderParameters(recipe.model())) {
    tensors[spec.name] = framework::InitParameter(spec, 1);
  }
  tensors["tokens"] = RandomIds(model.batch, model.tokens, model.vocabulary, 1);
  tensors["targets"] = RandomIds(model.batch, model.tokens, model.vocabulary, 2);
  tensors["lr"] = HostTensor::FromVector<float>({}, {1e-3f});
  tensors["step"] = HostTensor::FromVector<float>({}, {1.0f});
  for (const graph::Input& input : step.graph.inputs()) {
    const graph::Value& value = step.graph.values(static_cast<int>(input.value()));
    auto it = tensors.find(value.name());
    const graph::TensorType type = TypeOf(value);
    step.inputs.push_back(it != tensors.end() ? it->second
                                              : HostTensor::Zeros(type.dtype, type.dims()));
  }
  return step;
}

class Sweep {
 public:
  Sweep(const Step& step, int timed_steps) : step_(step), timed_steps_(timed_steps) {}

  absl::Status Start() {
    compiler::RegisterAllCompilers();
    compiler::RegisterAllDevices();
    STRATA_ASSIGN_OR_RETURN(compiler_, compiler::CreateCompiler("strata"));
    STRATA_ASSIGN_OR_RETURN(device_,
                            compiler::DeviceRegistry().Create("cpu", compiler::DeviceOptions()));
    return absl::OkStatus();
  }

  absl::StatusOr<ParetoPoint> Compile(const std::string& name, uint64_t budget,
                                      const std::vector<std::string>& without) {
    ParetoPoint point;
    point.name = name;
    point.budget = budget;
    compiler::CompileOptions options;
    options.skip_passes = without;
    options.memory_budget_bytes = budget;
    options.recomputed_flops = &point.extra_flops;
    STRATA_ASSIGN_OR_RETURN(point.plan, compiler_->Compile(step_.graph, chips::Chip(), options));
    point.memory = plan::MemoryUseOf(point.plan);
    for (const plan::Step& step : point.plan.steps()) point.flops += step.flops();
    STRATA_RETURN_IF_ERROR(Annotate(Run(&point), name));
    return point;
  }

 private:
  // Two steps for the loss after an update, then those that are timed.
  absl::Status Run(ParetoPoint* point) {
    STRATA_ASSIGN_OR_RETURN(auto executable, device_->Load(point->plan));
    std::vector<HostTensor> inputs;
    for (const HostTensor& input : step_.inputs) inputs.push_back(input.Clone());
    for (int i = 0; i < 2; ++i) {
      STRATA_ASSIGN_OR_RETURN(const auto outputs, executable->Run(inputs, {}));
      point->loss = outputs[0].ToDoubles()[0];
    }
    for (int i = 0; i < timed_steps_; ++i) {
      const auto start = std::chrono::steady_clock::now();
      STRATA_RETURN_IF_ERROR(executable->Run(inputs, {}).status());
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      point->seconds = i == 0 ? seconds : std::min(point->seconds, seconds);
    }
    return absl::OkStatus();
  }

  const Step& step_;
  int timed_steps_;
  std::unique_ptr<compiler::Compiler> compiler_;
  std::unique_ptr<compiler::Device> device_;
};

std::string Percent(double part, double whole) {
  return absl::StrFormat("%.1f %%", 100 * part / whole);
}

}  // namespace

absl::StatusOr<Pareto> SweepMemory(const ParetoModel& model, int timed_steps) {
  STRATA_ASSIGN_OR_RETURN(const Step step, MakeStep(model));
  Sweep sweep(step, timed_steps);
  STRATA_RETURN_IF_ERROR(sweep.Start());
  Pareto pareto;
  const std::pair<std::string, std::vector<std::string>> ablations[] = {
      {"as written, all kept", {"min_cut_partition", "memory_order"}},
      {"ordered, all kept", {"min_cut_partition"}},
      {"least cut", {}},
  };
  for (const auto& [name, without] : ablations) {
    STRATA_ASSIGN_OR_RETURN(ParetoPoint point, sweep.Compile(name, 0, without));
    pareto.points.push_back(std::move(point));
  }
  pareto.least_cut = pareto.points.size() - 1;
  const plan::MemoryUse cut = pareto.points.back().memory;
  for (double share : kShares) {
    const uint64_t budget =
        cut.peak() - cut.arena + static_cast<uint64_t>(share * static_cast<double>(cut.arena));
    absl::StatusOr<ParetoPoint> point = sweep.Compile(
        absl::StrFormat("budget: %.0f %% of the temporaries", 100 * share), budget, {});
    if (absl::IsResourceExhausted(point.status())) {
      pareto.refusal = std::string(point.status().message());
      break;
    }
    STRATA_RETURN_IF_ERROR(point.status());
    pareto.points.push_back(*std::move(point));
  }
  return pareto;
}

std::vector<Claim> ClaimsOf(const Pareto& pareto) {
  const ParetoPoint& written = pareto.points[0];
  const ParetoPoint& ordered = pareto.points[1];
  const ParetoPoint& cut = pareto.points[pareto.least_cut];
  const ParetoPoint& last = pareto.points.back();
  const auto arena = [](const ParetoPoint& point) {
    return static_cast<double>(point.memory.arena);
  };
  std::vector<Claim> claims;
  claims.push_back({"The order of nodes alone lowers the peak, and costs no flop",
                    ordered.memory.arena < written.memory.arena && ordered.flops == written.flops,
                    absl::StrCat(Percent(arena(ordered), arena(written)), " of the temporaries")});
  claims.push_back(
      {"The least cut lowers it further for less than two per cent of extra flops",
       cut.memory.arena < ordered.memory.arena && cut.extra_flops < 0.02 * ordered.flops,
       absl::StrCat(Percent(arena(cut), arena(ordered)), " of the temporaries for ",
                    Percent(cut.extra_flops, ordered.flops), " more flops")});
  bool met = pareto.points.size() > pareto.least_cut + 1, dearer = true, near = true, same = true;
  for (size_t i = 0; i < pareto.points.size(); ++i) {
    const ParetoPoint& point = pareto.points[i];
    if (point.budget != 0) met = met && point.memory.peak() <= point.budget;
    if (i > pareto.least_cut)
      dearer = dearer && point.extra_flops >= pareto.points[i - 1].extra_flops;
    near = near && arena(point) <= 1.05 * static_cast<double>(point.memory.arena_lower_bound);
    same = same && std::abs(point.loss - written.loss) < 1e-5 * std::abs(written.loss);
  }
  claims.push_back({"Every budget that is accepted is met", met,
                    absl::StrCat(pareto.points.size() - pareto.least_cut - 1, " budgets")});
  claims.push_back({"Less memory never costs fewer flops", dearer,
                    absl::StrCat("up to ", Percent(last.extra_flops, written.flops), " more")});
  claims.push_back(
      {"Holding the least costs less than one more forward pass (two fifths of the step)",
       last.extra_flops < 0.4 * written.flops,
       absl::StrCat(Percent(arena(last), arena(written)), " of the temporaries as written")});
  claims.push_back(
      {"Every arena is within five per cent of its lower bound", near, last.memory.ToString()});
  claims.push_back(
      {"All of them train alike", same, absl::StrFormat("loss %.6f after a step", written.loss)});
  return claims;
}

}  // namespace strata::courses
