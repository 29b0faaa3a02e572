#include "compiler/npu/product_program.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"
#include "compiler/npu/image_padding.h"
#include "compiler/npu/panel_loader.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::InstructionRow;
using chips::npu::Machine;

constexpr int64_t kAccBytes = 4;

int64_t Whole(const chips::Figure& figure) { return static_cast<int64_t>(figure.value()); }

std::string TypeSuffix(chips::DType type) {
  switch (type) {
    case chips::I8:
      return ".i8";
    case chips::BF16:
      return ".bf16";
    case chips::F8_E4M3:
      return ".e4m3";
    default:
      return ".e5m2";
  }
}

// 0 when the core has no such instruction.
uint8_t OpcodeOf(const Core& core, const std::string& name) {
  const InstructionRow* row = core.isa().Find(name);
  return row == nullptr ? 0 : row->opcode;
}

class ProductEmitter {
 public:
  ProductEmitter(const Machine& machine, const ProductProblem& problem, const ProductTiling& tiling,
                 const ProductOperands& operands, TileEpilogue* epilogue, ProgramBuilder* builder)
      : problem_(problem),
        seen_(PanelProblem(problem, tiling)),
        tiling_(tiling),
        cuts_(CutsOf(problem, tiling)),
        alignment_(builder->core().memories()[chips::npu::kL1].alignment),
        a_(PanelsOf(seen_, tiling, cuts_, operands.a, alignment_)),
        w_(seen_, cuts_, operands.w, alignment_),
        layout_(
            LayoutOf(builder->core(), tiling, cuts_, a_->bytes(), w_.bytes(), epilogue->shape())),
        stationary_(machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY),
        array_rows_(Whole(machine.array().rows())),
        width_(Whole(machine.array().columns()) * Whole(machine.array().arrays())),
        planes_(std::max<int64_t>(Whole(machine.array().planes()), 1)),
        epilogue_(*epilogue),
        builder_(*builder),
        a_loader_(layout_.a, layout_.a_l2, builder),
        w_loader_(layout_.w, layout_.w_l2, builder) {
    const Core& core = builder->core();
    const std::string type = TypeSuffix(problem.type);
    ldw_ = OpcodeOf(core, absl::StrCat(problem.transposed ? "ldwt" : "ldw", type));
    write_ = OpcodeOf(core, absl::StrCat(stationary_ ? "mm" : "mmo", type));
    add_ = OpcodeOf(core, absl::StrCat(stationary_ ? "mma" : "mmoa", type));
  }

  absl::Status Run(const ProductOperands& operands) {
    if (!layout_.fits) return absl::InternalError("product: the tiling does not fit the machine");
    if (tiling_.pad_in_dram) STRATA_RETURN_IF_ERROR(Pad(operands.a));
    if (tiling_.panels == PanelKind::kDirect) {
      const auto& direct = static_cast<const ConvPanels&>(*a_);
      FillBorders(direct.Borders(), problem_, layout_, problem_.window->channels * problem_.bytes,
                  BorderFill::kZero, &builder_);
    }
    ForEachStep(cuts_, tiling_.rows_outer,
                [this](const RowTile& rows, const ColumnTile& columns, const DepthTile& depth) {
                  Step(rows, columns, depth);
                });
    return absl::OkStatus();
  }

 private:
  // Panels are read from a padded copy of the image.
  absl::Status Pad(int64_t image) {
    STRATA_ASSIGN_OR_RETURN(const int64_t padded, EmitPaddedImage(problem_, image, &builder_));
    a_ = PanelsOf(seen_, tiling_, cuts_, padded, alignment_);
    return absl::OkStatus();
  }

  void Step(const RowTile& rows, const ColumnTile& columns, const DepthTile& depth) {
    const TileOfC tile = {rows.batch * problem_.rows + rows.begin, rows.rows, columns.begin,
                          columns.columns, tiles_ % 2};
    if (&depth == &cuts_.depth.front()) epilogue_.Load(layout_, tile, &builder_);
    a_->Keys(rows, depth, &keys_);
    for (const int64_t key : keys_) TouchA(key);
    const int64_t w = w_loader_.Touch(w_.Key(rows.batch, depth, columns),
                                      [this](int64_t k) { return w_.Blocks(k); });
    for (const Chunk& chunk : depth.chunks) Products(rows, columns, depth, chunk, w);
    if (&depth != &cuts_.depth.back()) return;
    epilogue_.Run(layout_, tile, &builder_);
    ++tiles_;
  }

  int64_t TouchA(int64_t key) {
    if (key == kZeroPanel) return layout_.zero.begin;
    return a_loader_.Touch(key, [this](int64_t k) { return a_->Blocks(k); });
  }

  // All columns and rows of a tile, for one chunk of the depth.
  void Products(const RowTile& rows, const ColumnTile& columns, const DepthTile& depth,
                const Chunk& chunk, int64_t w) {
    a_->Pieces(rows, depth, chunk, &pieces_);
    for (int64_t n = 0; n < columns.columns; n += width_) {
      const int64_t width = std::min(width_, columns.columns - n);
      const int64_t k = chunk.begin - depth.begin;
      const int64_t source = problem_.transposed ? w + n * w_.pitch() + k * problem_.bytes
                                                 : w + k * w_.pitch() + n * problem_.bytes;
      if (stationary_) {
        plane_ = (plane_ + 1) % planes_;
        builder_.Emit(ldw_, {plane_, source, chunk.depth, width, w_.pitch()});
      }
      for (const Piece& piece : pieces_) Product(piece, chunk, n, width, source);
    }
  }

  void Product(const Piece& piece, const Chunk& chunk, int64_t n, int64_t width, int64_t w) {
    const uint8_t opcode = chunk.begin == 0 ? write_ : add_;
    const int64_t a = TouchA(piece.key) + piece.offset;
    const int64_t acc =
        layout_.acc.address(tiles_ % 2) + piece.c_row * layout_.acc_pitch + n * kAccBytes;
    if (stationary_) {
      return builder_.Emit(opcode, {acc, a, plane_, piece.rows, chunk.depth, width,
                                    layout_.acc_pitch, piece.stride});
    }
    for (int64_t m = 0; m < piece.rows; m += array_rows_) {
      const int64_t rows = std::min(array_rows_, piece.rows - m);
      builder_.Emit(opcode, {acc + m * layout_.acc_pitch, a + m * piece.stride, w, rows,
                             chunk.depth, width, layout_.acc_pitch, piece.stride, w_.pitch()});
    }
  }

  const ProductProblem problem_, seen_;
  const ProductTiling tiling_;
  const ProductCuts cuts_;
  const int64_t alignment_;
  std::unique_ptr<APanels> a_;
  const WPanels w_;
  const ProductLayout layout_;
  const bool stationary_;
  const int64_t array_rows_, width_, planes_;
  TileEpilogue& epilogue_;
  ProgramBuilder& builder_;
  PanelLoader a_loader_, w_loader_;
  uint8_t ldw_ = 0, write_ = 0, add_ = 0;
  int64_t plane_ = 0, tiles_ = 0;
  std::vector<int64_t> keys_;
  std::vector<Piece> pieces_;
};

}  // namespace

absl::Status CheckProduct(const Core& core, const Machine& machine, const ProductProblem& problem) {
  if (problem.work != WindowWork::kProduct) return absl::OkStatus();
  if (!chips::npu::HasType(machine, problem.type)) {
    return absl::UnimplementedError(
        absl::StrCat(machine.name(), " does not multiply ", chips::DTypeName(problem.type)));
  }
  if (!problem.transposed) return absl::OkStatus();
  const bool stationary = machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY;
  if (stationary && OpcodeOf(core, absl::StrCat("ldwt", TypeSuffix(problem.type))) != 0) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(machine.name(), " cannot load transposed weights"));
}

absl::Status EmitProduct(const Machine& machine, const ProductProblem& problem,
                         const ProductTiling& tiling, const ProductOperands& operands,
                         TileEpilogue* epilogue, ProgramBuilder* builder) {
  STRATA_RETURN_IF_ERROR(CheckProduct(builder->core(), machine, problem));
  return ProductEmitter(machine, problem, tiling, operands, epilogue, builder).Run(operands);
}

}  // namespace strata::compiler
