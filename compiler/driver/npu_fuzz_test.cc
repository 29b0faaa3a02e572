// Random graphs on simulated machines: groups, kernels and host steps together give what the machine's
// arithmetic gives on the graph after the passes, bit for bit.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/driver/npu_exact_run.h"
#include "compiler/pass/random_graph.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;

// The same bits; any NaN is any other.
bool Same(const HostTensor& a, const HostTensor& b) {
  const std::vector<double> x = a.ToDoubles(), y = b.ToDoubles();
  if (x.size() != y.size()) return false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (std::memcmp(&x[i], &y[i], sizeof(double)) != 0) return false;
  }
  return true;
}

struct Counts {
  int launches = 0, host_calls = 0;
};

void ExpectExact(uint32_t seed, const std::string& machine, chips::DType compute, Counts* counts) {
  const RandomGraph random = MakeRandomGraph(seed, 40);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                              CompileForMachine(machine, random.graph, compute));
  for (const plan::Step& step : compiled.plan.steps()) {
    counts->launches += step.has_launch();
    counts->host_calls += step.has_host_call();
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuResults results,
                              RunOnMachine(machine, compiled, random.inputs));
  const std::vector<HostTensor>&got = results.got, &want = results.want;
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_TRUE(Same(got[i], want[i])) << "output " << i << " of\n"
                                       << graph::PrintGraph(compiled.after);
  }
}

TEST(NpuFuzz, RandomGraphsAreExact) {
  Counts counts;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    ExpectExact(seed, seed % 8 == 0 ? "tpu_v4_like" : "edge_16",
                seed % 2 == 0 ? chips::BF16 : chips::DTYPE_UNSPECIFIED, &counts);
    if (HasFailure()) return;
  }
  EXPECT_GT(counts.launches, counts.host_calls) << "most of it is the machine's";
}

}  // namespace
}  // namespace strata::compiler
