#include "chips/npu/sim/array_datapath.h"

#include <cstring>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/sim/tile_product.h"
#include "chips/npu/sim/tile_product_as.h"
#include "chips/npu/sim/vector_datapath.h"

namespace strata::chips::npu {
namespace {

constexpr TileType kTileTypes[] = {TileType::kI8, TileType::kBf16, TileType::kE4m3,
                                   TileType::kE5m2};  // by ArrayType

class ArrayDatapath : public Datapath {
 public:
  ArrayDatapath(const ArrayLayout& layout, MemoryImage* image)
      : layout_(layout), image_(*image), vector_(layout.lanes, image) {
    if (layout.products_as.has_value()) product_as_.emplace(*layout.products_as);
  }

  void Execute(const Resolved& in) override {
    switch (in.unit) {
      case kWeights:
        return Weights(in);
      case kMatrix:
        return Product(in);
      case kVector:
        return vector_.Execute(in);
      default:
        return Copy(in);
    }
  }

 private:
  uint8_t* At(int memory, int64_t address) {
    return image_[static_cast<size_t>(memory)].data() + address;
  }
  uint8_t* Plane(int64_t plane) { return At(kPlane, plane * layout_.plane_bytes); }

  static void CopyRows(uint8_t* to, int64_t to_stride, const uint8_t* from, int64_t from_stride,
                       int64_t rows, int64_t bytes) {
    if (bytes == 0) return;
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * to_stride, from + r * from_stride, static_cast<size_t>(bytes));
    }
  }

  void Copy(const Resolved& in) {
    switch (in.row->opcode) {
      case kLdL2:
        return Copy(in, kL2, kDram);
      case kLdL1:
        return Copy(in, kL1, kDram);
      case kMvL1:
        return Copy(in, kL1, kL2);
      case kMvL2:
        return Copy(in, kL2, kL1);
      case kStL2:
        return Copy(in, kDram, kL2);
      case kStL1:
        return Copy(in, kDram, kL1);
      default:
        return;
    }
  }

  void Copy(const Resolved& in, int to, int from) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    CopyRows(At(to, v[0]), v[4], At(from, v[1]), v[5], v[2], v[3]);
  }

  void Weights(const Resolved& in) {
    const auto& v = in.values;
    const int opcode = in.row->opcode;
    if (opcode < kLdwI8 || v[2] == 0 || v[3] == 0) return;
    const int64_t bytes = (opcode - kLdwI8) % 4 == kTypeBf16 ? 2 : 1;
    if (opcode < kLdwtI8) {
      CopyRows(Plane(v[0]), layout_.plane_pitch, At(kL1, v[1]), v[4], v[2], v[3] * bytes);
      return;
    }
    for (int64_t n = 0; n < v[3]; ++n) {
      CopyRows(Plane(v[0]) + n * bytes, layout_.plane_pitch, At(kL1, v[1] + n * v[4]), bytes, v[2],
               bytes);
    }
  }

  void Product(const Resolved& in) {
    const auto& v = in.values;
    const int opcode = in.row->opcode;
    if (opcode < kMmI8 || v[3] == 0 || v[5] == 0) return;
    const TileType type = kTileTypes[(opcode & 7) >> 1];
    const bool add = (opcode & 1) != 0;
    const uint8_t* a = v[4] == 0 ? nullptr : At(kL1, v[1]);
    if (opcode < kMmoI8) {
      Product(type, add ? TileSum::kAddAtEnd : TileSum::kWrite,
              {a, Plane(v[2]), At(kAcc, v[0]), v[3], v[4], v[5], v[7], layout_.plane_pitch, v[6]});
    } else {
      const uint8_t* w = v[4] == 0 ? nullptr : At(kL1, v[2]);
      Product(type, add ? TileSum::kStartFromC : TileSum::kWrite,
              {a, w, At(kAcc, v[0]), v[3], v[4], v[5], v[7], v[8], v[6]});
    }
  }

  void Product(TileType type, TileSum sum, const Tile& tile) {
    if (product_as_.has_value() && type != TileType::kI8) {
      product_as_->Run(type, sum, tile);
    } else {
      product_.Run(type, sum, tile);
    }
  }

  const ArrayLayout layout_;
  MemoryImage& image_;
  TileProduct product_;
  std::optional<TileProductAs> product_as_;
  VectorDatapath vector_;
};

}  // namespace

std::unique_ptr<Datapath> NewArrayDatapath(const ArrayLayout& layout, MemoryImage* image) {
  return std::make_unique<ArrayDatapath>(layout, image);
}

}  // namespace strata::chips::npu
