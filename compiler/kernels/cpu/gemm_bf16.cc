#include "compiler/kernels/cpu/gemm_bf16.h"

#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {
namespace {

using dnnl::memory;

// Both operands widened to f32 whole: two passes over memory that a machine without bf16 arithmetic must make anyway.
class WideningGemm : public Bf16Gemm {
 public:
  explicit WideningGemm(const Bf16GemmShape& shape) : s_(shape) {}

  absl::Status Run(const uint16_t* A, const uint16_t* B, float* C) override {
    a_.resize(static_cast<size_t>(s_.M * s_.K));
    b_.resize(static_cast<size_t>(s_.K * s_.N));
    Widen(A, &a_);
    Widen(B, &b_);
    Gemm({s_.transpose_a, s_.transpose_b, s_.M, s_.N, s_.K, a_.data(), s_.transpose_a ? s_.M : s_.K,
          b_.data(), s_.transpose_b ? s_.K : s_.N, C, s_.N, 0.0f});
    return absl::OkStatus();
  }

 private:
  // bf16 is the upper half of an f32.
  static void Widen(const uint16_t* from, std::vector<float>* to) {
    for (size_t i = 0; i < to->size(); ++i) {
      const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
      std::memcpy(to->data() + i, &bits, sizeof bits);
    }
  }

  const Bf16GemmShape s_;
  std::vector<float> a_, b_;
};

dnnl::engine& Engine() {
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

// Where the operands of the product at hand lie in blocked order: one place for all products that a thread runs, as they
// follow each other. Grows to the largest; uninitialised.
class Scratch {
 public:
  static Scratch& OfThread() {
    static thread_local Scratch scratch;
    return scratch;
  }
  // 64-byte aligned; valid until the next call; nullptr when there is no room.
  char* Get(size_t bytes) {
    if (bytes > size_) {
      data_.reset();  // the old one goes before the new one comes
      data_.reset(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
      size_ = data_ == nullptr ? 0 : bytes;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> data_;
  size_t size_ = 0;
};

// The operands are first brought into the blocked order that the primitive likes best: a pass over each that is small
// beside M N K products, and what makes the primitive reach its full rate.
class OneDnnGemm : public Bf16Gemm {
 public:
  OneDnnGemm(const Bf16GemmShape& s, int threads) : stream_(Engine()) {
    const ThreadScope scope(
        threads);  // oneDNN plans for as many as there are when the primitive is made
    const auto bf16 = memory::data_type::bf16;
    const memory::desc a({s.M, s.K}, bf16,
                         s.transpose_a ? memory::dims{1, s.M} : memory::dims{s.K, 1});
    const memory::desc b({s.K, s.N}, bf16,
                         s.transpose_b ? memory::dims{1, s.K} : memory::dims{s.N, 1});
    const memory::desc c({s.M, s.N}, memory::data_type::f32, memory::dims{s.N, 1});
    const memory::desc any_a({s.M, s.K}, bf16, memory::format_tag::any);
    const memory::desc any_b({s.K, s.N}, bf16, memory::format_tag::any);
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(any_a, any_b, c), Engine());
    product_ = dnnl::matmul(description);
    a_ = Side(a, description.src_desc());
    b_ = Side(b, description.weights_desc());
    c_ = memory(c, Engine(), nullptr);
  }

  absl::Status Run(const uint16_t* A, const uint16_t* B, float* C) override {
    const size_t bytes = a_.bytes + b_.bytes;
    char* scratch = Scratch::OfThread().Get(bytes);
    if (scratch == nullptr && bytes > 0)
      return absl::ResourceExhaustedError(
          absl::StrCat("a bf16 product: no ", bytes, " bytes of scratch"));
    try {
      const memory& a = a_.Bring(A, scratch, stream_);
      const memory& b = b_.Bring(B, scratch + a_.bytes, stream_);
      c_.set_data_handle(C);
      product_.execute(stream_, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c_}});
      stream_.wait();
    } catch (const dnnl::error& error) {
      return absl::InternalError(absl::StrCat("oneDNN: ", error.what()));
    }
    return absl::OkStatus();
  }

 private:
  // An operand as the caller holds it, and as the primitive reads it.
  struct Side {
    Side() = default;
    Side(const memory::desc& from, const memory::desc& to) : given(from, Engine(), nullptr) {
      if (from == to) return;
      bytes = (to.get_size() + 63) / 64 * 64;
      blocked = memory(to, Engine(), nullptr);
      order = dnnl::reorder(given, blocked);
    }
    const memory& Bring(const uint16_t* data, char* scratch, dnnl::stream& stream) {
      given.set_data_handle(const_cast<uint16_t*>(data));
      if (bytes == 0) return given;
      blocked.set_data_handle(scratch);
      order.execute(stream, given, blocked);
      return blocked;
    }
    memory given, blocked;
    dnnl::reorder order;
    size_t bytes = 0;  // of `blocked`; 0: the primitive reads what is given
  };

  dnnl::stream stream_;
  dnnl::matmul product_;
  Side a_, b_;
  memory c_;
};

}  // namespace

bool HasBf16Gemm() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::shared_ptr<Bf16Gemm> Bf16Gemm::Create(const Bf16GemmShape& shape, int threads) {
  if (HasBf16Gemm() && shape.M > 0 && shape.N > 0 && shape.K > 0) {
    try {
      return std::make_shared<OneDnnGemm>(shape, threads);
    } catch (const dnnl::error&) {
      // This oneDNN has no such primitive for this CPU.
    }
  }
  return CreateWidening(shape);
}

std::shared_ptr<Bf16Gemm> Bf16Gemm::CreateWidening(const Bf16GemmShape& shape) {
  return std::make_shared<WideningGemm>(shape);
}

}  // namespace strata::compiler
