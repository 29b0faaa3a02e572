// The CUDA text of kernels, two ways without a GPU: run on the CPU, a thread for each thread of a block, against the
// interpreter; and compiled by NVRTC where the toolkit is there.
#include <pthread.h>

#include <cmath>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/cuda_writer.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/codegen/nvrtc.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/codegen/test_graphs.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;
using testing::HasSubstr;

constexpr int kThreads = 4;  // of a block here: few, for each is a thread of the host
constexpr int kGrid = 2;

// What CUDA's own compiler knows, for the host's.
constexpr char kShim[] = R"(
#define THREADS 4
extern "C" {
float expf(float); float logf(float); float tanhf(float); float erff(float); float sinf(float); float cosf(float);
float powf(float, float); float sqrtf(float); float fabsf(float);
}
struct Index { unsigned x; };
static thread_local Index threadIdx, blockIdx, gridDim;
static void (*meet)(void*);
static void* meeting;
#define __global__ __attribute__((visibility("default")))
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads)
#define __shared__ static
#define __syncthreads() meet(meeting)
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline int __float_as_int(float x) { int y; __builtin_memcpy(&y, &x, 4); return y; }
static inline float __int_as_float(int x) { float y; __builtin_memcpy(&y, &x, 4); return y; }
extern "C" __attribute__((visibility("default"))) void set_meeting(void (*f)(void*), void* argument) {
  meet = f;
  meeting = argument;
}
extern "C" __attribute__((visibility("default"))) void run_thread(
    void (*kernel)(void* const*, long, long), void* const* buffers, long end, unsigned thread, unsigned block,
    unsigned grid) {
  threadIdx.x = thread;
  blockIdx.x = block;
  gridDim.x = grid;
  kernel(buffers, 0, end);
}
)";

void Meet(void* barrier) { pthread_barrier_wait(static_cast<pthread_barrier_t*>(barrier)); }

// Kernels of a graph's nodes as CUDA text, built for the host.
class CudaOnCpu {
 public:
  static absl::StatusOr<CudaOnCpu> Create(const Graph& graph) {
    CudaOnCpu result;
    std::vector<std::string> sources;
    for (const graph::Node& node : graph.nodes()) {
      STRATA_ASSIGN_OR_RETURN(EmittedKernel emitted, EmitKernel(graph, node, "sm_90"));
      sources.push_back(emitted.kernel.source());
      result.kernels_.push_back(std::move(emitted.kernel));
    }
    STRATA_ASSIGN_OR_RETURN(result.library_,
                            KernelLibrary::Build(absl::StrCat(kShim, Prelude("sm_90")), sources,
                                                 "generic", testing::TempDir(), 1));
    return result;
  }

  void Run(int node, void* const* buffers) const {
    using Kernel = void(void* const*, long, long);
    using RunThread = void(Kernel*, void* const*, long, unsigned, unsigned, unsigned);
    using SetMeeting = void(void (*)(void*), void*);
    const plan::Kernel& kernel = kernels_[static_cast<size_t>(node)];
    auto* entry = reinterpret_cast<Kernel*>(library_->Find(kernel.entry()));
    auto* run_thread = reinterpret_cast<RunThread*>(library_->Find("run_thread"));
    ASSERT_NE(entry, nullptr) << kernel.entry();
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, kThreads);
    reinterpret_cast<SetMeeting*>(library_->Find("set_meeting"))(&Meet, &barrier);
    for (unsigned block = 0; block < kGrid; ++block) {
      std::vector<std::thread> threads;
      for (unsigned t = 0; t < kThreads; ++t)
        threads.emplace_back(run_thread, entry, buffers, kernel.parallel_extent(), t, block, kGrid);
      for (std::thread& thread : threads) thread.join();
    }
    pthread_barrier_destroy(&barrier);
  }

 private:
  std::vector<plan::Kernel> kernels_;
  std::shared_ptr<KernelLibrary> library_;
};

// Every kind of loop: rows (with row buffers, outputs a row, max and sum), columns, pieces, views, dtypes.
Graph Everything() {
  Builder b("everything");
  for (int64_t columns : {1, 7, 8, 33}) {
    testing_graphs::AddFusion(testing_graphs::Softmax(5, columns), absl::StrCat("softmax", columns),
                              &b);
    testing_graphs::AddFusion(testing_graphs::LayerNorm(3, columns), absl::StrCat("norm", columns),
                              &b);
    testing_graphs::AddFusion(testing_graphs::BiasGelu(3, columns, columns % 2 == 0),
                              absl::StrCat("gelu", columns), &b);
    testing_graphs::AddFusion(testing_graphs::ColumnSums(19, columns),
                              absl::StrCat("sums", columns), &b);
  }
  const auto input = [&](chips::DType dtype, const Shape& shape) {
    return b.Input(absl::StrCat("x", b.graph().inputs_size()), {dtype, shape}, graph::DATA);
  };
  const auto output = [&](ValueId value) {
    b.Output(value, absl::StrCat("y", b.graph().outputs_size()));
  };
  const ValueId x = input(chips::F32, {2, 3, 18});
  for (const char* op :
       {"neg", "exp", "tanh", "sigmoid", "relu", "erf", "abs", "sin", "cos", "square"})
    output(b.Apply(op, {x}));
  for (const char* op : {"sub", "max", "min", "less", "equal"})
    output(b.Apply(op, {x, input(chips::F32, {18})}));
  for (chips::DType dtype : {chips::BF16, chips::I32, chips::BOOL}) {
    output(b.Apply("cast", {x}, {{"dtype", Attr(dtype)}}));
    output(b.Apply("cast", {input(dtype, {40})}, {{"dtype", Attr(chips::F32)}}));
  }
  for (const std::vector<int64_t>& axes :
       std::vector<std::vector<int64_t>>{{2}, {0}, {1}, {0, 2}, {0, 1, 2}}) {
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_mean"})
      output(b.Apply(op, {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}}));
  }
  output(b.Apply("transpose", {x}, {{"permutation", Attr(std::vector<int64_t>{2, 0, 1})}}));
  output(b.Apply("pad", {x}, {{"axis", Attr(1)}, {"before", Attr(1)}, {"after", Attr(2)}}));
  output(b.Apply("concat", {input(chips::F32, {40}), input(chips::F32, {3})}, {{"axis", Attr(0)}}));
  output(b.Apply("iota", {},
                 {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{3, 20})}, {"axis", Attr(1)}}));
  output(b.Apply("exp", {input(chips::F32, {})}));
  return *std::move(b).Build();
}

TEST(CudaTextTest, OnTheCpuItEqualsTheInterpreter) {
  const Graph graph = Everything();
  STRATA_ASSERT_OK_AND_ASSIGN(const CudaOnCpu kernels, CudaOnCpu::Create(graph));
  const std::vector<HostTensor> inputs = RandomInputs(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, graph::Interpreter().Evaluate(graph, inputs));
  std::vector<HostTensor> values(static_cast<size_t>(graph.values_size()));
  for (int i = 0; i < graph.inputs_size(); ++i)
    values[graph.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  for (int n = 0; n < graph.nodes_size(); ++n) {
    std::vector<void*> buffers;
    for (uint32_t id : graph.nodes(n).inputs()) buffers.push_back(values[id].raw());
    for (uint32_t id : graph.nodes(n).outputs()) {
      const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(id)));
      values[id] = HostTensor::Zeros(type.dtype, type.dims());
      buffers.push_back(values[id].raw());
    }
    kernels.Run(n, buffers.data());
  }
  for (int o = 0; o < graph.outputs_size(); ++o) {
    const std::vector<double> want = expected[static_cast<size_t>(o)].ToDoubles(),
                              got = values[graph.outputs(o).value()].ToDoubles();
    double scale = 1;
    for (double x : want) scale = std::max(scale, std::abs(x));
    for (size_t i = 0; i < want.size(); ++i) {
      ASSERT_NEAR(want[i], got[i], 1e-5 * scale) << graph.outputs(o).name() << " element " << i;
    }
  }
}

TEST(CudaTextTest, NvrtcCompilesIt) {
  if (!HaveNvrtc()) GTEST_SKIP() << CompileCuda("", "sm_90").status().message();
  const Graph graph = Everything();
  std::string text = Prelude("sm_90");
  std::set<std::string> entries;
  for (const graph::Node& node : graph.nodes()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel emitted, EmitKernel(graph, node, "sm_90"));
    if (entries.insert(emitted.kernel.entry()).second) text += emitted.kernel.source();
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string cubin, CompileCuda(text, "sm_90"));
  EXPECT_THAT(cubin, HasSubstr("ELF"));
  for (const std::string& entry : entries) EXPECT_THAT(cubin, HasSubstr(entry));
}

TEST(CudaTextTest, FaultsNameTheLine) {
  if (!HaveNvrtc()) GTEST_SKIP() << CompileCuda("", "sm_90").status().message();
  EXPECT_THAT(CompileCuda("__global__ void k() { return 1 +; }", "sm_90").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("kernels.cu(1)")));
  EXPECT_THAT(CompileCuda("__global__ void k() {}", "sm_1").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sm_1")));
}

TEST(CudaTextTest, TheLanguageAndTheBlockAreNamed) {
  const Graph graph = testing_graphs::Fused(testing_graphs::Softmax(4, 32));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel emitted,
                              EmitKernel(graph, graph.nodes(0), "sm_90"));
  EXPECT_EQ(emitted.kernel.language(), plan::CUDA);
  EXPECT_THAT(Prelude("sm_90"), HasSubstr(absl::StrCat("#define THREADS ", kCudaThreads)));
  EXPECT_THAT(EmitKernel(graph, graph.nodes(0), "sm_").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no ISA named 'sm_'")));
}

}  // namespace
}  // namespace strata::compiler
