#include "compiler/kernels/cpu/gemm_onednn.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

// The library throws its errors; those of making a product become statuses (Create).
class PackedMatmul : public OneDnnMatmul {
 public:
  explicit PackedMatmul(const OneDnnProblem& p)
      : engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        a_type_({p.M, p.K}, TypeOf(p),
                p.transpose_a ? dnnl::memory::dims{1, p.M} : dnnl::memory::dims{p.K, 1}),
        b_type_({p.K, p.N}, TypeOf(p),
                p.transpose_b ? dnnl::memory::dims{1, p.K} : dnnl::memory::dims{p.N, 1}),
        c_type_({p.M, p.N}, dnnl::memory::data_type::f32, dnnl::memory::dims{p.N, 1}),
        description_(dnnl::matmul::desc(
                         a_type_, {{p.K, p.N}, TypeOf(p), dnnl::memory::format_tag::any}, c_type_),
                     engine_),
        matmul_(description_),
        packed_(description_.weights_desc(), engine_) {}

  void PackB(const void* b) override {
    dnnl::memory plain(b_type_, engine_, const_cast<void*>(b));
    dnnl::reorder(plain, packed_).execute(stream_, plain, packed_);
    stream_.wait();
  }

  void Run(const void* a, float* c) override {
    dnnl::memory source(a_type_, engine_, const_cast<void*>(a)), result(c_type_, engine_, c);
    matmul_.execute(stream_,
                    {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, packed_}, {DNNL_ARG_DST, result}});
    stream_.wait();
  }

 private:
  static dnnl::memory::data_type TypeOf(const OneDnnProblem& p) {
    return p.bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory::desc a_type_, b_type_, c_type_;
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul matmul_;
  dnnl::memory packed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OneDnnMatmul>> OneDnnMatmul::Create(const OneDnnProblem& problem) {
  if (problem.M < 1 || problem.N < 1 || problem.K < 1) {
    return absl::InvalidArgumentError(absl::StrCat("a product of ", problem.M, " x ", problem.N,
                                                   " x ", problem.K,
                                                   ": oneDNN needs sizes of at least 1"));
  }
  try {
    return std::make_unique<PackedMatmul>(problem);
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(absl::StrCat("oneDNN: ", error.what()));
  }
}

}  // namespace strata::compiler
