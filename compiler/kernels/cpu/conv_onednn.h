// OneDnnConv: oneDNN's convolutions of NHWC images with weights [KH, KW, C / groups, O], forward and both gradients.
//
//   STRATA_ASSIGN_OR_RETURN(auto conv, OneDnnConv::Create(ConvPart::kForward, shape, threads));
//   conv->Run(x, w, y);   // kGradientInput: dy, w -> dx;  kGradientWeight: x, dy -> dw
//
// f32, or i8 images and weights with exact i32 results. Weights are brought into the order that the primitive likes best
// at every run (i8: where they are not the last run's). Owns its scratch: one run at a time.
#ifndef STRATA_COMPILER_KERNELS_CPU_CONV_ONEDNN_H_
#define STRATA_COMPILER_KERNELS_CPU_CONV_ONEDNN_H_

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace strata::compiler {

struct ConvShape {
  int64_t N = 1, H = 1, W = 1, C = 1;  // the image
  int64_t KH = 1, KW = 1, O = 1;       // the window, output channels
  int64_t OH = 1, OW = 1;              // places of the result
  int64_t groups = 1;                  // divides C and O
  int64_t stride_h = 1, stride_w = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool int8 = false;

  bool empty() const { return N * H * W * C * O * OH * OW == 0; }
};

enum class ConvPart { kForward, kGradientInput, kGradientWeight };

class OneDnnConv {
 public:
  virtual ~OneDnnConv() = default;
  virtual absl::Status Run(const void* a, const void* b, void* c) = 0;

  // UNIMPLEMENTED where this oneDNN has no primitive for the shape, for i8 gradients, and for i8 on a CPU without VNNI:
  // there oneDNN adds pairs of products in 16 bits, which saturate.
  static absl::StatusOr<std::unique_ptr<OneDnnConv>> Create(ConvPart part, const ConvShape& shape,
                                                            int threads);
};

// Whether this CPU adds four products of 8 bits to an i32 in one instruction, without saturation.
bool HasInt8DotProducts();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_CONV_ONEDNN_H_
