// A bounded, seeded run of the fuzzer, and the fuzzer itself: planted faults are found, reduced, and told apart.
#include <csignal>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/numerics/weight_format.h"
#include "compiler/driver/compiler.h"
#include "compiler/tools/fuzz_case.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

// The compiler "strata" with a fault: `break_it` changes the graph before.
class Faulty : public Compiler {
 public:
  explicit Faulty(std::function<absl::Status(graph::Graph*)> break_it)
      : break_it_(std::move(break_it)) {}

  absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                     const CompileOptions& options) override {
    graph::Graph broken = graph;
    STRATA_RETURN_IF_ERROR(break_it_(&broken));
    STRATA_ASSIGN_OR_RETURN(auto strata, CreateCompiler("strata"));
    return strata->Compile(broken, chip, options);
  }

 private:
  std::function<absl::Status(graph::Graph*)> break_it_;
};

bool Replace(const std::string& op, const std::string& by, graph::Graph* graph) {
  bool found = false;
  for (graph::Node& node : *graph->mutable_nodes()) {
    if (node.op() != op) continue;
    node.set_op(by);
    found = true;
  }
  return found;
}

void RegisterFaultyCompilers() {
  RegisterAllCompilers();
  CompilerRegistry().Register("sub_is_add", [] {
    return std::make_unique<Faulty>([](graph::Graph* g) {
      Replace("sub", "add", g);
      return absl::OkStatus();
    });
  });
  CompilerRegistry().Register("crashes_on_tanh", [] {
    return std::make_unique<Faulty>([](graph::Graph* g) {
      if (Replace("tanh", "tanh", g)) raise(SIGSEGV);
      return absl::OkStatus();
    });
  });
  CompilerRegistry().Register("refuses_exp", [] {
    return std::make_unique<Faulty>([](graph::Graph* g) -> absl::Status {
      if (Replace("exp", "exp", g)) return absl::InternalError("no exp today");
      return absl::OkStatus();
    });
  });
}

FuzzCase CaseOf(const std::string& text, const std::string& compiler) {
  RegisterFaultyCompilers();
  FuzzCase fuzz_case;
  const auto graph = graph::ParseGraph(text, "test");
  EXPECT_OK(graph.status());
  if (graph.ok()) fuzz_case.graph = *graph;
  fuzz_case.seed = 5;
  fuzz_case.options.compiler = compiler;
  return fuzz_case;
}

constexpr char kProgram[] = R"(graph "g" {
  %x: f32[5, 20] = input data
  %y: f32[20] = input data
  %s: f32[5, 20] = input state
  %a: f32[5, 20] = mul(%x, %y)
  %b: f32[5, 20] = sub(%a, %x)
  %c: f32[5, 20] = sigmoid(%b)
  %d: f32[5, 20] = add(%c, %s)
  %e: f32[5, 1] = reduce_sum(%d) {axes = ints[1], keep_dims = true}
  %f: f32[5, 20] = exp(%c)
  %g: f32[5, 20] = tanh(%f)
  return %e as "e" replicated
  return %g as "g" replicated
  return %d as "d" replicated
  update %s with %d
}
)";

Finding Check(const FuzzCase& fuzz_case) {
  const auto finding = CheckFuzzCase(fuzz_case);
  EXPECT_OK(finding.status());
  return finding.ok() ? *finding : Finding{};
}

TEST(DifferentialTest, ARightCompilerHasNoFinding) {
  const Finding finding = Check(CaseOf(kProgram, "strata"));
  EXPECT_EQ(finding.kind, FindingKind::kNone) << finding.message;
}

TEST(DifferentialTest, FaultsAreToldApart) {
  const Finding wrong = Check(CaseOf(kProgram, "sub_is_add"));
  EXPECT_EQ(wrong.kind, FindingKind::kDifference);
  EXPECT_THAT(wrong.message, HasSubstr("expected"));
  const Finding crash = Check(CaseOf(kProgram, "crashes_on_tanh"));
  EXPECT_EQ(crash.kind, FindingKind::kCrash);
  EXPECT_THAT(crash.message, HasSubstr("signal 11"));
  const Finding refused = Check(CaseOf(kProgram, "refuses_exp"));
  EXPECT_EQ(refused.kind, FindingKind::kCompile);
  EXPECT_THAT(refused.message, HasSubstr("no exp today"));
}

// Fused into the product's program, all but the first copy stayed unwritten: found by fuzzing.
TEST(DifferentialTest, AProductThatIsRepeatedOnAnNpu) {
  FuzzCase fuzz_case = CaseOf(R"(graph "g" {
  %a: bf16[1, 2] = input data
  %b: bf16[2, 1] = input data
  %m: f32[1, 1] = matmul(%a, %b) {output_dtype = f32}
  %y: f32[2, 2, 2] = broadcast_to(%m) {dims = dims[2, 2, 2]}
  return %y as "y" replicated
}
)",
                              "strata");
  fuzz_case.options.device = fuzz_case.options.compile.device = "npu";
  fuzz_case.options.chip = "edge_16_os";
  const Finding finding = Check(fuzz_case);
  EXPECT_EQ(finding.kind, FindingKind::kNone) << finding.message;
}

// Its program read rows that nothing had written: found by fuzzing.
TEST(DifferentialTest, RequantizeOfWhatWasBroadcastOnAnNpu) {
  FuzzCase fuzz_case = CaseOf(R"(graph "g" {
  %x: i32[1, 2] = input data
  %b: i32[2, 2] = broadcast_to(%x) {dims = dims[2, 2]}
  %int_1_3_a: i32[2] = input data
  %int_0_2_b: i32[2] = input data
  %y: i8[2, 2] = requantize(%b, %int_1_3_a, %int_0_2_b) {high = 100, low = 0, zero_point = -1}
  return %y as "y" replicated
}
)",
                              "strata");
  fuzz_case.options.device = fuzz_case.options.compile.device = "npu";
  fuzz_case.options.chip = "tpu_v1_like";
  const Finding finding = Check(fuzz_case);
  EXPECT_EQ(finding.kind, FindingKind::kNone) << finding.message;
}

TEST(DifferentialTest, DataThatAnOpRefusesIsNoFinding) {
  const FuzzCase fuzz_case = CaseOf(R"(graph "g" {
  %t: f32[1, 4] = input data
  %i: i32[64] = input data
  %y: f32[64, 4] = embedding(%t, %i)
  return %y as "y" replicated
}
)",
                                    "strata");
  EXPECT_EQ(Check(fuzz_case).kind, FindingKind::kRefused);
}

TEST(FuzzCaseTest, AFaultIsReducedToItsNode) {
  const FuzzCase fuzz_case = CaseOf(kProgram, "sub_is_add");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReducedText(fuzz_case, Check(fuzz_case), {}));
  EXPECT_THAT(text, HasSubstr("// difference: output 'e'"));
  EXPECT_THAT(text, HasSubstr("// seed 5"));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(text, "reduced"));
  ASSERT_EQ(graph.nodes_size(), 1) << text;
  EXPECT_EQ(graph.nodes(0).op(), "sub");
}

TEST(RandomProgramTest, TheSameSeedIsTheSameProgram) {
  std::set<std::string> ops, texts;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MakeRandomProgram(seed, {}));
    EXPECT_OK(graph::Verify(graph));
    for (const graph::Node& node : graph.nodes()) ops.insert(node.op());
    texts.insert(graph::PrintGraph(graph));
    if (seed % 10 != 0) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph again, MakeRandomProgram(seed, {}));
    EXPECT_EQ(graph::PrintGraph(again), graph::PrintGraph(graph));
  }
  EXPECT_EQ(texts.size(), 60u);
  EXPECT_GT(ops.size(), 45u);
}

// What programs of each family hold: ops, and formats of weights by op.
std::set<std::string> OpsOfAllFamilies() {
  std::set<std::string> found;
  for (const std::string& family : OpFamilies()) {
    for (uint32_t seed = 1; seed <= (family == "packed" ? 120 : 8); ++seed) {
      const auto graph =
          MakeRandomProgram(seed, {.nodes = 10, .max_elements = 1024, .family = family});
      EXPECT_OK(graph.status()) << family;
      if (!graph.ok()) continue;
      for (const graph::Node& node : graph->nodes()) {
        found.insert(node.op());
        const std::string format = graph::AttributeReader(node).String("format");
        if (!format.empty()) found.insert(absl::StrCat(node.op(), " ", format));
      }
    }
  }
  return found;
}

TEST(RandomProgramTest, EveryOpIsMadeOrLeftOutWithAReason) {
  const std::set<std::string> found = OpsOfAllFamilies();
  graph::RegisterAllOps();
  const std::vector<std::string> names = graph::OpRegistry::Get().Names();
  for (const std::string& op : names) {
    EXPECT_NE(found.count(op), OpsLeftOut().count(op))
        << op << ": make it in compiler/tools/grow_*.cc, or say in OpsLeftOut why not";
  }
  for (const auto& [op, reason] : OpsLeftOut()) {
    EXPECT_NE(graph::OpRegistry::Get().Find(op), nullptr) << op;
    EXPECT_FALSE(reason.empty()) << op;
  }
  EXPECT_LT(OpsLeftOut().size() * 10, names.size());
  for (const chips::WeightFormat& format : chips::AllWeightFormats()) {
    for (const char* op :
         {"matmul_packed", "matmul_packed_group", "matmul_experts", "embedding_packed"})
      EXPECT_EQ(found.count(absl::StrCat(op, " ", format.name)), 1u) << op << " " << format.name;
  }
}

TEST(RandomProgramTest, AnUnknownFamilyIsRefused) {
  EXPECT_THAT(MakeRandomProgram(1, {.family = "poetry"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("family: 'poetry' is not known; give one of unary, binary")));
}

TEST(FuzzTest, ABoundedRun) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    STRATA_ASSERT_OK_AND_ASSIGN(const FuzzCase fuzz_case,
                                MakeFuzzCase(seed, {.nodes = 16, .max_elements = 2048}));
    const Finding finding = Check(fuzz_case);
    EXPECT_FALSE(IsFault(finding)) << "seed " << seed << " (" << fuzz_case.Settings()
                                   << "): " << KindName(finding.kind) << ": " << finding.message;
  }
}

TEST(FuzzTest, ABoundedRunOfEveryFamily) {
  for (const std::string& family : OpFamilies()) {
    STRATA_ASSERT_OK_AND_ASSIGN(
        const FuzzCase fuzz_case,
        MakeFuzzCase(3, {.nodes = 6, .max_elements = 1024, .family = family}));
    const Finding finding = Check(fuzz_case);
    EXPECT_FALSE(IsFault(finding)) << family << " (" << fuzz_case.Settings()
                                   << "): " << KindName(finding.kind) << ": " << finding.message;
  }
}

TEST(FuzzTest, ABoundedRunOnSimulatedNpus) {
  std::set<std::string> chips;
  for (uint32_t seed = 1; seed <= 24; ++seed) {
    STRATA_ASSERT_OK_AND_ASSIGN(const FuzzCase fuzz_case,
                                MakeFuzzCase(seed, {.nodes = 12, .max_elements = 512}, "npu"));
    chips.insert(fuzz_case.options.chip);
    STRATA_ASSERT_OK_AND_ASSIGN(const Finding finding, CheckFuzzCase(fuzz_case));
    EXPECT_FALSE(IsFault(finding)) << "seed " << seed << " (" << fuzz_case.Settings()
                                   << "): " << KindName(finding.kind) << ": " << finding.message;
  }
  EXPECT_GE(chips.size(), 4u);
  EXPECT_THAT(MakeFuzzCase(1, {}, "abacus"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give cpu or npu")));
}

}  // namespace
}  // namespace strata::compiler
