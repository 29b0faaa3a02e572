#include "courses/compiler/pass_ablation/ablation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/strata_compiler.h"
#include "courses/compiler/pass_ablation/models.h"
#include "framework/graph/interpreter.h"

namespace strata::courses {
namespace {

constexpr char kEmitted[] = "(products emitted)";
constexpr char kNoEpilogues[] = "epilogue_fusion (products emitted)";
constexpr char kTransposes[] = "transpose_sinking + layout_assignment";

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Count(const plan::Plan& plan, Variant* variant) {
  variant->launches = plan.steps_size();
  variant->arena = static_cast<double>(plan.arena_bytes());
  for (const plan::Step& step : plan.steps()) {
    variant->bytes += step.bytes_read() + step.bytes_written();
    variant->host_calls += step.has_host_call();
  }
}

// Of all results: the largest difference, relative to the largest magnitude of the same result.
// Infinite when a result is missing, has another size, or has a NaN that the other has not.
double Difference(const std::vector<graph::HostTensor>& a,
                  const std::vector<graph::HostTensor>& b) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return kNever;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = a[i].ToDoubles(), y = b[i].ToDoubles();
    if (x.size() != y.size()) return kNever;
    double scale = 1e-12, difference = 0;
    for (size_t j = 0; j < x.size(); ++j) {
      scale = std::max(scale, std::abs(x[j]));
      if (std::isnan(x[j]) != std::isnan(y[j])) return kNever;
      if (!std::isnan(x[j])) difference = std::max(difference, std::abs(x[j] - y[j]));
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

absl::Status Measure(const plan::Plan& plan, const graph::Graph& graph, int64_t classes, int runs,
                     Variant* variant) {
  STRATA_ASSIGN_OR_RETURN(auto device, compiler::DeviceRegistry().Create("cpu", {}));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  const std::vector<graph::HostTensor> inputs = MakeInputs(graph, classes);
  std::vector<double> seconds;
  for (int run = 0; run <= runs;
       ++run) {  // the first warms up, and gives the loss of fresh parameters
    const double begin = Seconds();
    STRATA_ASSIGN_OR_RETURN(const auto outputs, executable->Run(inputs, {}));
    if (run > 0) seconds.push_back(Seconds() - begin);
    if (run == 0) variant->loss = outputs[0].ToDoubles()[0];
  }
  variant->seconds = *std::min_element(seconds.begin(), seconds.end());
  return absl::OkStatus();
}

// Everything, each pass out, the two that stand in for one another out together, and
// epilogue_fusion where every product is an emitted kernel.
std::vector<Variant> Variants() {
  std::vector<Variant> variants = {{.name = "all passes", .skipped = {}}};
  std::vector<std::string> seen;
  for (const std::string& pass : compiler::StrataPipeline()) {
    if (std::find(seen.begin(), seen.end(), pass) != seen.end()) continue;
    seen.push_back(pass);
    variants.push_back({.name = pass, .skipped = {pass}});
  }
  variants.push_back({.name = kTransposes, .skipped = {"transpose_sinking", "layout_assignment"}});
  variants.push_back({.name = "no pass at all", .skipped = seen});
  variants.push_back({.name = kEmitted, .skipped = {}, .gemm = "emitted"});
  variants.push_back({.name = kNoEpilogues, .skipped = {"epilogue_fusion"}, .gemm = "emitted"});
  return variants;
}

std::string Times(double a, double b) {
  return absl::StrCat("x ", std::round(100 * a / std::max(b, 1.0)) / 100);
}

}  // namespace

const Variant& Ablation::Without(const std::string& passes) const {
  for (const Variant& variant : variants) {
    if (variant.name == passes) return variant;
  }
  return variants.front();
}

const Variant& Ablation::Emitted(bool epilogues) const {
  return Without(epilogues ? kEmitted : kNoEpilogues);
}

absl::StatusOr<Ablation> Ablate(const std::string& model, const graph::Graph& graph,
                                int64_t classes, const AblationOptions& options) {
  compiler::RegisterAllCompilers();
  compiler::RegisterAllDevices();
  STRATA_ASSIGN_OR_RETURN(auto compiler, compiler::CreateCompiler("strata"));
  Ablation ablation{model, Variants()};
  std::vector<graph::HostTensor> expected;
  if (options.verify) {
    STRATA_ASSIGN_OR_RETURN(expected,
                            graph::Interpreter().Evaluate(graph, MakeInputs(graph, classes)));
  }
  for (Variant& variant : ablation.variants) {
    compiler::CompileOptions compile;
    compile.skip_passes = variant.skipped;
    compile.gemm = variant.gemm;
    graph::Graph rewritten = graph;
    compile.observer = [&](absl::string_view, bool, const graph::Graph& after) {
      rewritten = after;
    };
    STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, compiler->Compile(graph, {}, compile));
    Count(plan, &variant);
    if (options.verify) {
      STRATA_ASSIGN_OR_RETURN(const auto outputs,
                              graph::Interpreter().Evaluate(rewritten, MakeInputs(graph, classes)));
      variant.worst = Difference(expected, outputs);
    }
    if (options.measure)
      STRATA_RETURN_IF_ERROR(Measure(plan, graph, classes, options.runs, &variant));
  }
  return ablation;
}

std::vector<Claim> ClaimsOf(const Ablation& cnn, const Ablation& gpt) {
  std::vector<Claim> claims;
  for (const Ablation* a : {&cnn, &gpt}) {
    double worst = 0, losses = 0;
    for (const Variant& variant : a->variants) {
      worst = std::max(worst, variant.worst);
      losses = std::max(losses, std::abs(variant.loss - a->All().loss));
    }
    const bool measured = a->All().seconds > 0;
    claims.push_back(
        {absl::StrCat(a->model, ": every variant computes the same"), worst < 1e-4 && losses < 1e-3,
         absl::StrCat("interpreted, the largest relative difference is ", worst,
                      measured ? absl::StrCat("; run, losses differ by ", losses) : "")});
    const Variant &all = a->All(), &apart = a->Without("fusion");
    claims.push_back(
        {absl::StrCat(a->model, ": without fusion 1.5 times the launches and bytes at least"),
         apart.launches >= 1.5 * all.launches && apart.bytes >= 1.5 * all.bytes,
         absl::StrCat("launches ", Times(apart.launches, all.launches), ", bytes ",
                      Times(apart.bytes, all.bytes))});
    const Variant& none = a->Without("no pass at all");
    claims.push_back({absl::StrCat(a->model, ": without any pass 1.5 times the bytes at least"),
                      none.bytes >= 1.5 * all.bytes,
                      absl::StrCat("bytes without any ", Times(none.bytes, all.bytes))});
    const Variant& composite = a->Without("decompose");
    claims.push_back({absl::StrCat(a->model, ": all nodes have kernels"), all.host_calls == 0,
                      absl::StrCat(all.host_calls, " host calls, ", composite.host_calls,
                                   " without decompose")});
  }
  const Variant &all = gpt.All(), &written = gpt.Without("attention_fusion");
  claims.push_back({"gpt: without attention_fusion more bytes and a higher peak of memory",
                    written.bytes > all.bytes && written.arena > all.arena,
                    absl::StrCat("bytes ", Times(written.bytes, all.bytes), ", memory ",
                                 Times(written.arena, all.arena))});
  const Variant& updates = gpt.Without("optimizer_fusion");
  claims.push_back({"gpt: without optimizer_fusion more launches", updates.launches > all.launches,
                    absl::StrCat("launches ", updates.launches, ", with it ", all.launches)});
  claims.push_back({"gpt: without decompose the interpreter must run composites",
                    gpt.Without("decompose").host_calls > 0,
                    absl::StrCat(gpt.Without("decompose").host_calls, " host calls")});
  for (const Ablation* a : {&cnn, &gpt}) {
    const Variant &fused = a->Emitted(true), &apart = a->Emitted(false);
    claims.push_back(
        {absl::StrCat(a->model,
                      ": with emitted products, epilogue_fusion spares launches and bytes"),
         apart.launches > fused.launches && apart.bytes > fused.bytes,
         absl::StrCat("without it launches ", Times(apart.launches, fused.launches), ", bytes ",
                      Times(apart.bytes, fused.bytes))});
  }
  const Variant& turned = cnn.Without(kTransposes);
  claims.push_back({"cnn: without the two passes over transposes more bytes",
                    turned.bytes > cnn.All().bytes,
                    absl::StrCat("bytes ", Times(turned.bytes, cnn.All().bytes))});
  return claims;
}

}  // namespace strata::courses
