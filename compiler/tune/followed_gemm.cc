#include "compiler/tune/followed_gemm.h"

#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/emit.h"
#include "compiler/gemm/epilogue.h"
#include "compiler/kernels/cpu/parallel.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"

namespace strata::compiler::tune {
namespace {

using graph::Builder;
using graph::HostTensor;
using graph::ValueId;

// h = c + bias and y = gelu(h) by its approximation with tanh (Hendrycks and Gimpel,
// arXiv:1606.08415).
void AddFollowers(Builder& b, ValueId c, int64_t N) {
  const auto number = [&](double value) { return b.Constant(value, chips::F32); };
  const auto mul = [&](ValueId x, ValueId y) { return b.Apply("mul", {x, y}); };
  const auto add = [&](ValueId x, ValueId y) { return b.Apply("add", {x, y}); };
  const ValueId h = add(c, b.Input("bias", {chips::F32, {N}}, graph::DATA));
  const ValueId cube = mul(h, mul(h, h));
  const ValueId inner = mul(number(0.7978845608028654), add(h, mul(number(0.044715), cube)));
  const ValueId y = mul(mul(number(0.5), h), add(number(1), b.Apply("tanh", {inner})));
  b.Output(h, "h");
  b.Output(y, "y");
}

// The product too, as the region of a fusion.
absl::StatusOr<graph::Graph> WholeRegion(const GemmProblem& p) {
  Builder b("product");
  const auto operand = [&](const char* name, bool turned, int64_t rows, int64_t columns) {
    const graph::Shape shape = turned ? graph::Shape{columns, rows} : graph::Shape{rows, columns};
    return b.Input(name, {p.dtype, shape}, graph::DATA);
  };
  const ValueId a = operand("a", p.transpose_a, p.M, p.K);
  const ValueId w = operand("b", p.transpose_b, p.K, p.N);
  const ValueId c = b.Apply("matmul", {a, w},
                            {{"output_dtype", graph::Attr(chips::F32)},
                             {"transpose_a", graph::Attr(p.transpose_a)},
                             {"transpose_b", graph::Attr(p.transpose_b)}});
  AddFollowers(b, c, p.N);
  return std::move(b).Build();
}

// (c, bias) -> (h, y), by itself.
absl::StatusOr<plan::Kernel> AfterKernel(const GemmProblem& p, const std::string& isa) {
  Builder region("loop");
  AddFollowers(region, region.Input("c", {chips::F32, {p.M, p.N}}, graph::DATA), p.N);
  STRATA_ASSIGN_OR_RETURN(graph::Graph body, std::move(region).Build());
  Builder b("after");
  const std::vector<ValueId> results =
      b.ApplyMulti("fusion",
                   {b.Input("c", {chips::F32, {p.M, p.N}}, graph::DATA),
                    b.Input("bias", {chips::F32, {p.N}}, graph::DATA)},
                   {{"kind", graph::Attr("loop")}}, {std::move(body)});
  STRATA_RETURN_IF_ERROR(b.status());
  for (ValueId result : results) b.Output(result, absl::StrCat("r", result));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSIGN_OR_RETURN(EmittedKernel kernel, EmitKernel(graph, graph.nodes(0), isa));
  return std::move(kernel.kernel);
}

// With sums kept, whatever the product's own result is.
GemmProblem WithSums(GemmProblem problem) {
  problem.result = chips::F32;
  return problem;
}

}  // namespace

FollowedGemm::FollowedGemm(const GemmProblem& problem, const GemmConfig& config)
    : problem_(WithSums(problem)), config_(config) {}

absl::Status FollowedGemm::Emit(const std::string& isa) {
  const auto take = [&](EmittedGemm gemm) {
    pack_a_.kernel = std::move(gemm.pack_a);
    multiply_.kernel = std::move(gemm.multiply);
    if (gemm.pack_b) pack_b_ = Step{*std::move(gemm.pack_b)};
  };
  if (config_.depth >= problem_.K) {
    STRATA_ASSIGN_OR_RETURN(const graph::Graph region, WholeRegion(problem_));
    STRATA_ASSIGN_OR_RETURN(const RegionEpilogue whole, EpilogueOf(region, problem_));
    absl::StatusOr<EmittedGemm> gemm = EmitGemm(problem_, config_, isa, whole.epilogue);
    if (gemm.ok()) {
      take(*std::move(gemm));
      return absl::OkStatus();
    }
  }
  STRATA_ASSIGN_OR_RETURN(EmittedGemm gemm, EmitGemm(problem_, config_, isa));
  take(std::move(gemm));
  STRATA_ASSIGN_OR_RETURN(plan::Kernel after, AfterKernel(problem_, isa));
  after_ = Step{std::move(after)};
  return absl::OkStatus();
}

std::vector<FollowedGemm::Step*> FollowedGemm::Steps() {
  std::vector<Step*> steps = {&pack_a_, &multiply_};
  if (pack_b_) steps.push_back(&*pack_b_);
  if (after_) steps.push_back(&*after_);
  return steps;
}

absl::Status FollowedGemm::Prepare(const std::shared_ptr<KernelLibrary>& library) {
  library_ = library;
  for (Step* step : Steps()) {
    step->entry = reinterpret_cast<KernelEntry*>(library->Find(step->kernel.entry()));
    if (step->entry == nullptr) {
      return absl::InternalError(
          absl::StrCat("no kernel '", step->kernel.entry(), "' in what was built"));
    }
  }
  packed_a_ = HostTensor::Allocate(chips::F32, {PackedA(problem_, config_).elements()});
  if (pack_b_)
    packed_b_ = HostTensor::Allocate(chips::F32, {PackedB(problem_, config_).elements()});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::unique_ptr<FollowedGemm>>> FollowedGemm::Build(
    const GemmProblem& problem, absl::Span<const GemmConfig> configs, const std::string& isa,
    const std::string& cache_dir) {
  std::vector<std::unique_ptr<FollowedGemm>> products;
  std::set<std::string> sources;
  bool parts = false;
  for (const GemmConfig& config : configs) {
    products.push_back(std::unique_ptr<FollowedGemm>(new FollowedGemm(problem, config)));
    STRATA_RETURN_IF_ERROR(products.back()->Emit(isa));
    parts = parts || !products.back()->fused();
    for (Step* step : products.back()->Steps()) sources.insert(step->kernel.source());
  }
  STRATA_ASSIGN_OR_RETURN(
      const std::shared_ptr<KernelLibrary> library,
      KernelLibrary::Build(Prelude(isa), std::vector<std::string>(sources.begin(), sources.end()),
                           isa, cache_dir,
                           /*jobs=*/2));
  const auto results = std::make_shared<Results>();
  const std::vector<int64_t> tile = {problem.M, problem.N};
  results->h = HostTensor::Allocate(chips::F32, tile);
  results->y = HostTensor::Allocate(chips::F32, tile);
  if (parts) results->c = HostTensor::Allocate(chips::F32, tile);
  std::vector<double> bias;
  for (int64_t n = 0; n < problem.N; ++n) bias.push_back(static_cast<double>(n % 16) / 8 - 1);
  results->bias = HostTensor::FromDoubles(chips::F32, {problem.N}, bias);
  for (const auto& product : products) {
    STRATA_RETURN_IF_ERROR(product->Prepare(library));
    product->results_ = results;
  }
  return products;
}

double FollowedGemm::Run(const HostTensor& a, const HostTensor& b, int threads) {
  const auto run = [&](const Step& step, std::vector<void*> buffers) {
    ParallelFor(step.kernel.parallel_extent(), step.kernel.grain(), threads,
                [&](int64_t begin, int64_t end) { step.entry(buffers.data(), begin, end); });
  };
  Results& r = *results_;
  const auto start = std::chrono::steady_clock::now();
  run(pack_a_, {a.raw(), packed_a_.raw()});
  if (pack_b_) run(*pack_b_, {b.raw(), packed_b_.raw()});
  void* right = pack_b_ ? packed_b_.raw() : b.raw();
  if (after_) {
    run(multiply_, {packed_a_.raw(), right, r.c.raw()});
    run(*after_, {r.c.raw(), r.bias.raw(), r.h.raw(), r.y.raw()});
  } else {
    run(multiply_, {packed_a_.raw(), right, r.bias.raw(), r.h.raw(), r.y.raw()});
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace strata::compiler::tune
