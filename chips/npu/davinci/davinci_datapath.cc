#include "chips/npu/davinci/davinci_datapath.h"

#include <cstring>

#include "chips/npu/davinci/cube_product.h"
#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/davinci/fractal_loads.h"
#include "chips/npu/davinci/vector_datapath.h"

namespace strata::chips::npu::davinci {
namespace {

class DavinciDatapath : public Datapath {
 public:
  explicit DavinciDatapath(MemoryImage* image) : image_(*image), vector_(image) {}

  void Execute(const Resolved& in) override {
    switch (in.row->opcode) {
      case kLdL1:
        return Copy(in, kL1, kGm);
      case kLdUb:
        return Copy(in, kUb, kGm);
      case kStUb:
        return Copy(in, kGm, kUb);
      case kMvUb:
        return Copy(in, kUb, kL1);
      case kMvL1:
        return Copy(in, kL1, kUb);
      case kFillL1:
        return Fill(in);
      case kMmadI8:
      case kMmadaI8:
      case kMmadF16:
      case kMmadaF16:
        return Product(in);
      default:
        break;
    }
    if (in.unit == kMte1) Load(in);
    if (in.unit == kV) vector_.Execute(in);
  }

 private:
  uint8_t* At(int memory, int64_t address) {
    return image_[static_cast<size_t>(memory)].data() + address;
  }

  void Copy(const Resolved& in, int to, int from) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    uint8_t* dst = At(to, v[0]);
    const uint8_t* src = At(from, v[1]);
    for (int64_t r = 0; r < v[2]; ++r) {
      std::memcpy(dst + r * v[4], src + r * v[5], static_cast<size_t>(v[3]));
    }
  }

  void Fill(const Resolved& in) {
    const auto& v = in.values;
    if (v[2] == 0) return;
    for (int64_t r = 0; r < v[1]; ++r) {
      std::memset(At(kL1, v[0] + r * v[3]), static_cast<int>(v[4]), static_cast<size_t>(v[2]));
    }
  }

  void Load(const Resolved& in) {
    const auto& v = in.values;
    const int64_t bytes = in.row->opcode % 2 == 1 ? 2 : 1;
    if (in.row->opcode == kLoad3dI8 || in.row->opcode == kLoad3dF16) {
      if (v[2] * v[3] * v[4] * v[5] == 0) return;
      return LoadWindows(
          {At(kL0a, v[0]), At(kL1, v[1]), v[2], v[3], v[4], v[5], v[6], v[7], v[8], bytes});
    }
    if (v[2] == 0 || v[3] == 0) return;
    switch (in.row->opcode) {
      case kLoadAI8:
      case kLoadAF16:
        return LoadA({At(kL0a, v[0]), At(kL1, v[1]), v[2], v[3], v[4], bytes, bytes});
      case kLoadTAI8:
      case kLoadTAF16:
        return LoadA({At(kL0a, v[0]), At(kL1, v[1]), v[2], v[3], bytes, v[4], bytes});
      case kLoadBI8:
      case kLoadBF16:
        return LoadB({At(kL0b, v[0]), At(kL1, v[1]), v[2], v[3], v[4], bytes, bytes});
      default:
        return LoadB({At(kL0b, v[0]), At(kL1, v[1]), v[2], v[3], bytes, v[4], bytes});
    }
  }

  void Product(const Resolved& in) {
    const auto& v = in.values;
    if (v[3] == 0 || v[5] == 0) return;
    const uint8_t opcode = in.row->opcode;
    product_.Run({v[4] == 0 ? nullptr : At(kL0a, v[1]), v[4] == 0 ? nullptr : At(kL0b, v[2]),
                  At(kL0c, v[0]), v[3], v[4], v[5], opcode == kMmadF16 || opcode == kMmadaF16,
                  opcode == kMmadaI8 || opcode == kMmadaF16});
  }

  MemoryImage& image_;
  CubeProduct product_;
  VectorDatapath vector_;
};

}  // namespace

std::unique_ptr<Datapath> NewDavinciDatapath(MemoryImage* image) {
  return std::make_unique<DavinciDatapath>(image);
}

}  // namespace strata::chips::npu::davinci
