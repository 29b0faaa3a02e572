#include "compiler/driver/lowering.h"

#include <xxhash.h>

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/textproto.h"
#include "base/warning.h"
#include "compiler/codegen/emit.h"
#include "compiler/driver/fusion_split.h"
#include "compiler/driver/kernel_choice.h"
#include "compiler/driver/product_kernels.h"
#include "compiler/driver/product_split.h"
#include "compiler/gemm/emit.h"
#include "compiler/memory/streams.h"
#include "compiler/plan/collective_of.h"
#include "compiler/plan/explain.h"
#include "compiler/plan/validate.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpClass;
using graph::OpDef;
using Pairs = std::vector<std::pair<int, int>>;

// Kept as bytes of the plan; larger ones are written by a kernel.
constexpr int64_t kSmallConstantBytes = 4096;

class Lowering {
 public:
  // `npu`: with KernelPolicy::kNpu, else null.
  Lowering(const Graph& graph, const LoweringTarget& target, ProductKernels* products,
           NpuKernels* npu)
      : graph_(graph),
        target_(target),
        chooser_(target.isa, target.chip, &plan_),
        products_(*products),
        npu_(npu) {
    buffer_of_.assign(static_cast<size_t>(graph.values_size()), kNoBuffer);
    is_output_.assign(buffer_of_.size(), false);
    for (const graph::Output& output : graph.outputs()) is_output_[output.value()] = true;
  }

  absl::StatusOr<plan::Plan> Run(MemoryStatistics* memory) {
    AddHeader();
    AddInputs();
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      const Node& node = graph_.nodes(i);
      STRATA_RETURN_IF_ERROR(
          Annotate(LowerNode(node), absl::StrCat("nodes[", i, "] (", node.op(), ")")));
    }
    AddOutputs();
    if (plan_.kernels_size() > 0 && target_.policy == KernelPolicy::kFastest)
      plan_.set_prelude(Prelude(target_.isa));
    StreamCollectives(request_, &plan_);
    const MemoryStatistics statistics = PlanMemory(request_, &plan_);
    OrderStreams(&plan_);
    if (memory != nullptr) *memory = statistics;
    const absl::Status valid = plan::ValidatePlan(plan_);
    if (!valid.ok())
      return absl::InternalError(absl::StrCat("the compiler made a bad plan: ", valid.message()));
    return std::move(plan_);
  }

 private:
  void AddHeader() {
    plan_.set_version(1);
    plan_.set_name(graph_.name());
    plan_.mutable_target()->set_device(target_.device);
    plan_.mutable_target()->set_isa(target_.isa);
    plan_.mutable_target()->set_chip(target_.chip.name());
    plan_.set_graph_fingerprint(Fingerprint(graph_));
    plan_.set_streams(1);
  }

  const graph::Value& ValueAt(uint32_t id) const { return graph_.values(static_cast<int>(id)); }

  uint32_t AddBuffer(uint32_t value, plan::BufferKind kind, uint32_t view_of = kNoBuffer,
                     const std::string& suffix = "") {
    const uint32_t id = static_cast<uint32_t>(plan_.buffers_size());
    plan::Buffer* buffer = plan_.add_buffers();
    const graph::TensorType type = TypeOf(ValueAt(value));
    buffer->set_name(absl::StrCat(ValueAt(value).name(), suffix));
    buffer->set_kind(kind);
    buffer->set_dtype(type.dtype);
    for (int64_t dim : type.dims()) buffer->add_dims(dim);
    buffer->set_size_bytes(static_cast<uint64_t>(type.size_bytes()));
    request_.view_of.push_back(view_of);
    if (suffix.empty()) buffer_of_[value] = id;
    if (is_output_[value] && kind == plan::TEMPORARY && view_of == kNoBuffer)
      handed_out_.insert(id);
    return id;
  }

  plan::Step* AddStep(const std::string& name, Pairs in_place) {
    plan::Step* step = plan_.add_steps();
    step->set_name(name);
    request_.in_place.push_back(std::move(in_place));
    return step;
  }

  // An input that is also a result is copied before anything can update it.
  void AddInputs() {
    for (const graph::Input& input : graph_.inputs())
      plan_.add_inputs(AddBuffer(input.value(), plan::INPUT));
    for (const graph::Input& input : graph_.inputs()) {
      if (is_output_[input.value()])
        input_copies_.push_back({input.value(), AddCopyOf(input.value())});
    }
  }

  uint32_t AddCopyOf(uint32_t value) {
    const uint32_t from = buffer_of_[value];
    const uint32_t to = AddBuffer(value, plan::TEMPORARY, kNoBuffer, ":result");
    AddCopy(from, to, ValueAt(value).name(), "");
    return to;
  }

  void AddCopy(uint32_t from, uint32_t to, const std::string& name, const std::string& origin) {
    plan::Step* step = AddStep(name, {});
    step->mutable_copy();
    step->add_reads(from);
    step->add_writes(to);
    step->add_nodes(name);
    step->set_origin(origin);
    step->set_reason("a result has storage of its own");
    SetWork({0, Bytes(from), Bytes(to)}, step);
  }

  double Bytes(uint32_t buffer) const {
    return static_cast<double>(plan_.buffers(static_cast<int>(buffer)).size_bytes());
  }

  absl::Status LowerNode(const Node& node) {
    STRATA_ASSIGN_OR_RETURN(const OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    const bool fastest = target_.policy == KernelPolicy::kFastest;
    if (def->op_class == OpClass::kCollective) return LowerCollective(node);
    const bool reference = target_.policy == KernelPolicy::kReference;
    if (!reference && node.op() == "constant" && LowerConstant(node)) return absl::OkStatus();
    if (!reference && def->op_class == OpClass::kView) return LowerView(node);

    if (fastest && IsProductFusion(node)) {
      STRATA_ASSIGN_OR_RETURN(EmittedProduct product, products_.EmitFused(node));
      product.decision.reason = FusedReason(node, product.decision);
      return LowerProduct(node, std::move(product));
    }
    const GemmDecision gemm = fastest ? products_.Choose(CallOf(graph_, node)) : GemmDecision();
    if (gemm.problem) {
      STRATA_ASSIGN_OR_RETURN(EmittedProduct product, products_.EmitAlone(graph_, node, gemm));
      return LowerProduct(node, std::move(product));
    }
    std::vector<uint32_t> reads;
    for (uint32_t id : node.inputs()) reads.push_back(buffer_of_[id]);
    std::vector<uint32_t> writes;
    for (uint32_t id : node.outputs()) writes.push_back(AddBuffer(id, plan::TEMPORARY));
    plan::Step* step =
        AddStep(node.outputs_size() > 0 ? ValueAt(node.outputs(0)).name() : node.op(), {});
    FillStep(node, reads, writes, step);
    if (!fastest) {
      SetHostCall(node, step);
      SetWork(WorkOf(*def, CallOf(graph_, node)), step);
      step->set_reason("reference: the op's own definition, on the host");
      if (npu_ != nullptr) ChooseForNpu(node, step);
      return absl::OkStatus();
    }
    STRATA_ASSIGN_OR_RETURN(request_.in_place.back(), chooser_.Choose(graph_, node, step));
    if (!gemm.reason.empty()) step->set_reason(absl::StrCat(step->reason(), "; ", gemm.reason));
    return absl::OkStatus();
  }

  // A program for the machine, or the host with the reason.
  void ChooseForNpu(const Node& node, plan::Step* step) {
    const absl::StatusOr<const NpuKernels::Emitted*> made = npu_->Emit(graph_, node);
    if (made.ok()) {
      step->mutable_launch()->set_kernel(chooser_.AddKernel((*made)->kernel));
      step->set_reason((*made)->reason);
      return;
    }
    step->set_reason(absl::StrCat("on the host: ", made.status().message()));
    if (absl::IsUnimplemented(made.status()))
      return;  // else a fault of ours, which need not stop anybody
    Warn(absl::StrCat(
        "graph '", graph_.name(), "': '", step->name(), "'",
        node.origin().empty() ? "" : absl::StrCat(" of ", node.origin()),
        ": no program could be made, it runs on the host: ", made.status().ToString()));
  }

  // A product, alone or with what follows it. A is packed into a temporary, which the product reads in its place; B too,
  // where the config packs it whole.
  absl::Status LowerProduct(const Node& node, EmittedProduct product) {
    const GemmProblem& problem = *product.decision.problem;
    const GemmConfig& config = product.decision.config;
    const RegionEpilogue& region = product.region;
    const uint32_t a =
        LowerPacking(node, ":a", buffer_of_[node.inputs(region.a)], PackedA(problem, config),
                     problem, std::move(product.kernels.pack_a));
    uint32_t b = buffer_of_[node.inputs(region.b)];
    if (product.kernels.pack_b) {
      b = LowerPacking(node, ":b", b, PackedB(problem, config), problem,
                       *std::move(product.kernels.pack_b));
    }
    std::vector<uint32_t> reads = {a, b}, writes;
    for (int input : region.inputs) reads.push_back(buffer_of_[node.inputs(input)]);
    if (region.product >= 0)
      writes.push_back(AddBuffer(node.outputs(region.product), plan::TEMPORARY));
    Pairs in_place;
    for (const auto& [input, output] : region.in_place)
      in_place.push_back({2 + input, static_cast<int>(writes.size()) + output});
    for (int output : region.outputs)
      writes.push_back(AddBuffer(node.outputs(output), plan::TEMPORARY));
    plan::Step* multiply = AddStep(ValueAt(node.outputs(0)).name(), std::move(in_place));
    FillStep(node, reads, writes, multiply);
    multiply->mutable_launch()->set_kernel(chooser_.AddKernel(std::move(product.kernels.multiply)));
    multiply->set_reason(product.decision.reason);
    STRATA_ASSIGN_OR_RETURN(const OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    SetMultiplyWork(WorkOf(*def, CallOf(graph_, node)).flops, multiply);
    return absl::OkStatus();
  }

  static std::string FusedReason(const Node& node, const GemmDecision& gemm) {
    const double saved = static_cast<double>(graph::AttributeReader(node).Int("bytes_saved"));
    return absl::StrCat(gemm.reason, "; with ", node.regions(0).nodes_size() - 1,
                        " ops that follow, done on its tiles: saves ",
                        plan::HumanNumber(saved, "B"), " of traffic");
  }

  // Each operand read once, the right one as it is or packed; each result written once.
  void SetMultiplyWork(double flops, plan::Step* step) {
    double read = 0, written = 0;
    for (uint32_t id : step->reads()) read += Bytes(id);
    for (uint32_t id : step->writes()) written += Bytes(id);
    SetWork({flops, read, written}, step);
  }

  // The step that packs an operand; returns the temporary with its panels.
  uint32_t LowerPacking(const Node& node, const char* suffix, uint32_t from,
                        const PackedShape& shape, const GemmProblem& problem, plan::Kernel kernel) {
    const std::string name = absl::StrCat(ValueAt(node.outputs(0)).name(), suffix);
    const uint32_t packed = AddPacked(absl::StrCat(name, ":packed"), shape, problem);
    plan::Step* pack = AddStep(absl::StrCat(name, ":pack"), {});
    pack->mutable_launch()->set_kernel(chooser_.AddKernel(std::move(kernel)));
    pack->add_reads(from);
    pack->add_writes(packed);
    pack->set_origin(node.origin());
    pack->set_reason(absl::StrCat("panels of the ", suffix[1] == 'a' ? "left" : "right",
                                  " operand, for the product that follows; bound by memory"));
    SetWork({0, Bytes(from), Bytes(packed)}, pack);
    return packed;
  }

  // A word is an f32, or two bf16.
  uint32_t AddPacked(const std::string& name, const PackedShape& shape,
                     const GemmProblem& problem) {
    const uint32_t id = static_cast<uint32_t>(plan_.buffers_size());
    plan::Buffer* buffer = plan_.add_buffers();
    buffer->set_name(name);
    buffer->set_kind(plan::TEMPORARY);
    buffer->set_dtype(problem.dtype);
    for (int64_t dim : {shape.panels, shape.words, shape.width}) buffer->add_dims(dim);
    if (problem.dtype == chips::BF16) buffer->add_dims(2);
    buffer->set_size_bytes(static_cast<uint64_t>(4 * shape.elements()));
    request_.view_of.push_back(kNoBuffer);
    return id;
  }

  void FillStep(const Node& node, const std::vector<uint32_t>& reads,
                const std::vector<uint32_t>& writes, plan::Step* step) {
    step->mutable_reads()->Add(reads.begin(), reads.end());
    step->mutable_writes()->Add(writes.begin(), writes.end());
    step->set_origin(node.origin());
    for (uint32_t id : node.outputs()) step->add_nodes(ValueAt(id).name());
  }

  // Small and no result: bytes of the plan.
  bool LowerConstant(const Node& node) {
    const uint32_t value = node.outputs(0);
    const graph::TensorType type = TypeOf(ValueAt(value));
    if (is_output_[value] || type.size_bytes() > kSmallConstantBytes) return false;
    const double number = graph::AttributeReader(node).Float("value");
    const graph::HostTensor tensor = graph::HostTensor::FromDoubles(
        type.dtype, type.dims(), std::vector<double>(static_cast<size_t>(type.elements()), number));
    const uint32_t id = AddBuffer(value, plan::CONSTANT);
    plan_.mutable_buffers(static_cast<int>(id))
        ->set_constant(std::string(tensor.data<char>(), tensor.size_bytes()));
    return true;
  }

  // The same bytes under other dims, unless the view is a result that would share what the caller owns already.
  absl::Status LowerView(const Node& node) {
    const uint32_t value = node.outputs(0), base = BaseOf(buffer_of_[node.inputs(0)]);
    const plan::BufferKind kind = plan_.buffers(static_cast<int>(base)).kind();
    const bool owned =
        kind == plan::INPUT || kind == plan::CONSTANT || handed_out_.count(base) != 0;
    if (!is_output_[value] || !owned) {
      if (is_output_[value]) handed_out_.insert(base);
      AddBuffer(value, plan::TEMPORARY, buffer_of_[node.inputs(0)]);
      return absl::OkStatus();
    }
    const uint32_t from = buffer_of_[node.inputs(0)];
    AddCopy(from, AddBuffer(value, plan::TEMPORARY), ValueAt(value).name(), node.origin());
    return absl::OkStatus();
  }

  uint32_t BaseOf(uint32_t buffer) const {
    while (request_.view_of[buffer] != kNoBuffer) buffer = request_.view_of[buffer];
    return buffer;
  }

  absl::Status LowerCollective(const Node& node) {
    const std::vector<uint32_t> writes = {AddBuffer(node.outputs(0), plan::TEMPORARY)};
    const bool in_place = node.op() == "all_reduce" || node.op() == "broadcast";
    plan::Step* step = AddStep(ValueAt(node.outputs(0)).name(), in_place ? Pairs{{0, 0}} : Pairs{});
    std::vector<uint32_t> reads;
    for (uint32_t input : node.inputs()) reads.push_back(buffer_of_[input]);
    FillStep(node, reads, writes, step);
    const size_t rank = ValueAt(node.outputs(0)).dims().size();
    *step->mutable_collective() = plan::CollectiveOf(node, static_cast<int64_t>(rank));
    const bool local = node.op() == "shard" || node.op() == "rank_index";
    step->set_reason(local ? std::string("what it makes depends on the rank")
                           : absl::StrCat("moves ", Bytes(writes[0]), " bytes between ranks"));
    const OpDef* def = graph::OpRegistry::Get().Find(node.op());
    SetWork(WorkOf(*def, CallOf(graph_, node)), step);
    return absl::OkStatus();
  }

  void AddOutputs() {
    std::vector<uint32_t> result(buffer_of_);
    for (const auto& [value, copy] : input_copies_) result[value] = copy;
    for (const graph::Output& output : graph_.outputs()) {
      plan_.add_outputs(result[output.value()]);
      plan_.add_output_names(output.name());
    }
    for (const graph::Update& update : graph_.updates()) {
      request_.updates.push_back({buffer_of_[update.input()], result[update.output()]});
    }
  }

  const Graph& graph_;
  const LoweringTarget& target_;
  plan::Plan plan_;
  KernelChooser chooser_;
  ProductKernels& products_;
  NpuKernels* npu_;
  MemoryRequest request_;
  std::vector<uint32_t> buffer_of_;                          // by value
  std::vector<bool> is_output_;                              // by value
  std::set<uint32_t> handed_out_;                            // storage that a result has already
  std::vector<std::pair<uint32_t, uint32_t>> input_copies_;  // (value, buffer with its copy)
};

// Fusions of a product that are not one kernel, as their parts.
Graph SplitRefused(const Graph& graph, const LoweringTarget& target, ProductKernels* products) {
  return SplitProducts(graph, [&](const Node& node) {
    return target.policy == KernelPolicy::kFastest && products->EmitFused(node).ok();
  });
}

}  // namespace

absl::StatusOr<plan::Plan> LowerGraph(const Graph& graph, const LoweringTarget& target,
                                      MemoryStatistics* memory) {
  STRATA_RETURN_IF_ERROR(CheckConcrete(graph));
  ProductKernels products(target.policy == KernelPolicy::kFastest ? target.isa : "", target.chip,
                          target.gemm_policy, target.gemm_records);
  NpuKernels* npu = target.npu_kernels.get();
  Graph emittable = SplitRefused(graph, target, &products);
  if (npu != nullptr) {
    emittable = SplitFusions(
        graph, [&](const Node& node) { return IsNpuFusion(node) && !npu->Emit(graph, node).ok(); });
  }
  absl::StatusOr<plan::Plan> plan = Lowering(emittable, target, &products, npu).Run(memory);
  if (!plan.ok()) return Annotate(plan.status(), absl::StrCat("graph '", graph.name(), "'"));
  return plan;
}

absl::Status CheckConcrete(const Graph& graph) {
  for (const graph::Value& value : graph.values()) {
    for (const graph::Dim& dim : value.dims()) {
      if (!dim.has_symbol()) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "graph '", graph.name(), "': value '", value.name(), "' has the symbol ", dim.symbol(),
          " in its dims; give it a size (BindSymbols) before compiling"));
    }
  }
  return absl::OkStatus();
}

uint64_t Fingerprint(const Graph& graph) {
  const std::string bytes = SerializeDeterministic(graph);
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace strata::compiler
