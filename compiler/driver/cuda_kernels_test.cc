// Every emitted kernel of the GPT-2 training step compiles for an H100 with NVRTC, on a machine without a GPU.
#include <set>
#include <string>

#include "base/status_matchers.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/nvrtc.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/op_def.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

bool HasRoutine(const graph::Graph& graph, const graph::Node& node) {
  const Routine* routine = FindRoutine(node.op());
  return routine != nullptr && routine->supports(graph::CallOf(graph, node)).ok();
}

TEST(CudaKernelsTest, NvrtcCompilesEveryEmittedKernelOfTheGpt2Step) {
  if (!HaveNvrtc()) GTEST_SKIP() << CompileCuda("", "sm_90").status().message();
  RegisterAllCompilers();
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step,
                              GptTrainingStep({4, 256, 50257, 768, 12, 12}));
  STRATA_ASSERT_OK_AND_ASSIGN(auto compiler, CreateCompiler("strata"));
  graph::Graph lowered;
  CompileOptions options;
  options.observer = [&](absl::string_view, bool, const graph::Graph& graph) { lowered = graph; };
  ASSERT_OK(compiler->Compile(step, {}, options).status());

  std::string text = Prelude("sm_90");
  std::set<std::string> for_the_cpu, for_cuda;
  for (const graph::Node& node : lowered.nodes()) {
    if (HasRoutine(lowered, node)) continue;
    const absl::StatusOr<EmittedKernel> cpu = EmitKernel(lowered, node, "avx512"),
                                        cuda = EmitKernel(lowered, node, "sm_90");
    ASSERT_EQ(cpu.status(), cuda.status()) << node.op() << " of " << node.origin();
    if (!cpu.ok()) continue;
    for_the_cpu.insert(cpu->kernel.entry());
    if (for_cuda.insert(cuda->kernel.entry()).second) text += cuda->kernel.source();
  }
  EXPECT_GT(for_cuda.size(), 10u);
  EXPECT_EQ(for_cuda.size(), for_the_cpu.size());
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string cubin, CompileCuda(text, "sm_90"));
  for (const std::string& entry : for_cuda) EXPECT_THAT(cubin, HasSubstr(entry));
}

}  // namespace
}  // namespace strata::compiler
