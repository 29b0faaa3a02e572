// The loop nests and the C of four kernels, word for word. To take over a change on purpose: run the test with
// STRATA_GOLDEN_OUT=folder, read the difference, and copy the files to testdata.
#include <cstdlib>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/test_graphs.h"

namespace strata::compiler {
namespace {

struct Golden {
  std::string name;
  graph::Graph (*make)();
};

class GoldenTest : public testing::TestWithParam<Golden> {};

void ExpectGolden(const std::string& file, const std::string& actual) {
  if (const char* out = std::getenv("STRATA_GOLDEN_OUT"); out != nullptr) {
    ASSERT_OK(WriteFileAtomic(JoinPath(out, file), actual));
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string expected,
                              ReadFile(JoinPath("compiler/codegen/testdata", file)));
  EXPECT_EQ(actual, expected) << file;
}

TEST_P(GoldenTest, LoopNestAndSource) {
  const graph::Graph graph = testing_graphs::Fused(GetParam().make());
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel emitted,
                              EmitKernel(graph, graph.nodes(0), "avx512"));
  ExpectGolden(GetParam().name + ".loop.txt", emitted.kernel.loop_nest());
  ExpectGolden(GetParam().name + ".c.txt", emitted.kernel.source());
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, GoldenTest,
    testing::Values(Golden{"softmax", [] { return testing_graphs::Softmax(64, 1024); }},
                    Golden{"layer_norm", [] { return testing_graphs::LayerNorm(64, 768); }},
                    Golden{"bias_gelu", [] { return testing_graphs::BiasGelu(64, 100, true); }},
                    Golden{"column_sums", [] { return testing_graphs::ColumnSums(64, 768); }}),
    [](const testing::TestParamInfo<Golden>& info) { return info.param.name; });

}  // namespace
}  // namespace strata::compiler
