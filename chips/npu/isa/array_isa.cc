#include "chips/npu/isa/array_isa.h"

#include <vector>

namespace strata::chips::npu {
namespace {

using K = OperandKind;
using Operands = std::vector<OperandRow>;

constexpr char kDmaCycles[] =
    "busy max(1, ceil(bursts x burst bytes x clock / DRAM bandwidth)), each row in bursts of its "
    "own; complete DRAM latency later";
constexpr char kMoveCycles[] = "1 + ceil(rows x row_bytes / bytes a cycle of L2)";
constexpr char kStreamCycles[] =
    "busy max(m, 1); complete after m + array rows + array columns - 2";
constexpr char kOutputCycles[] = "busy k + m; complete after k + 2 m + n - 2";
constexpr char kVectorCycles[] = "vector latency + ceil(rows x cols / lanes)";

Operands Copy(int to, int from) {
  return {{"dst", K::kAddress, to, "first byte written"},
          {"src", K::kAddress, from, "first byte read"},
          {"rows", K::kSize, -1, "rows"},
          {"row_bytes", K::kSize, -1, "bytes of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Weights() {
  return {{"plane", K::kIndex, -1, "plane to write"},
          {"src", K::kAddress, kL1, "W[0][0]"},
          {"k", K::kSize, -1, "rows of W; at most the array's rows"},
          {"n", K::kSize, -1, "columns of W; at most the columns of all arrays"},
          {"src_stride", K::kStride, -1, "from row to row of W"}};
}

Operands Stream() {
  return {{"acc", K::kAddress, kAcc, "C[0][0], 4 bytes an element"},
          {"src", K::kAddress, kL1, "A[0][0]"},
          {"plane", K::kIndex, -1, "plane that holds W"},
          {"m", K::kSize, -1, "rows of A and C"},
          {"k", K::kSize, -1, "columns of A, rows of W"},
          {"n", K::kSize, -1, "columns of W and C"},
          {"acc_stride", K::kStride, -1, "from row to row of C"},
          {"src_stride", K::kStride, -1, "from row to row of A"}};
}

Operands Output() {
  return {{"acc", K::kAddress, kAcc, "C[0][0], 4 bytes an element"},
          {"a", K::kAddress, kL1, "A[0][0]"},
          {"w", K::kAddress, kL1, "W[0][0]"},
          {"m", K::kSize, -1, "rows of A and C; at most the array's rows"},
          {"k", K::kSize, -1, "columns of A, rows of W"},
          {"n", K::kSize, -1, "columns of W and C; at most the columns of all arrays"},
          {"acc_stride", K::kStride, -1, "from row to row of C"},
          {"a_stride", K::kStride, -1, "from row to row of A"},
          {"w_stride", K::kStride, -1, "from row to row of W"}};
}

Operands Elementwise(int to, int from) {
  return {{"dst", K::kAddress, to, "first element written"},
          {"src", K::kAddress, from, "first element read"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Bias() {
  return {{"acc", K::kAddress, kAcc, "first element changed"},
          {"src", K::kAddress, kL1, "the bias: cols elements of 4 bytes"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"acc_stride", K::kStride, -1, "from row to row of acc"}};
}

std::vector<InstructionRow> DmaRows() {
  return {
      {"ld.l2", kLdL2, kLoad, Copy(kL2, kDram), "L2[dst] = DRAM[src], row by row", kDmaCycles},
      {"ld.l1", kLdL1, kLoad, Copy(kL1, kDram), "L1[dst] = DRAM[src], row by row", kDmaCycles},
      {"mv.l1", kMvL1, kMove, Copy(kL1, kL2), "L1[dst] = L2[src], row by row", kMoveCycles},
      {"mv.l2", kMvL2, kMove, Copy(kL2, kL1), "L2[dst] = L1[src], row by row", kMoveCycles},
      {"st.l2", kStL2, kStore, Copy(kDram, kL2), "DRAM[dst] = L2[src], row by row", kDmaCycles},
      {"st.l1", kStL1, kStore, Copy(kDram, kL1), "DRAM[dst] = L1[src], row by row", kDmaCycles},
  };
}

std::vector<InstructionRow> MatrixRows() {
  return {
      {"ldw.i8", kLdwI8, kWeights, Weights(), "plane = W, int8", "max(k, 1)"},
      {"ldw.bf16", kLdwBf16, kWeights, Weights(), "plane = W, bf16", "max(k, 1)"},
      {"mm.i8", kMmI8, kMatrix, Stream(), "C = A x W, int8 to int32; weight-stationary machines",
       kStreamCycles},
      {"mma.i8", kMmaI8, kMatrix, Stream(), "C = C + A x W, int8 to int32", kStreamCycles},
      {"mm.bf16", kMmBf16, kMatrix, Stream(), "C = A x W, bf16 to f32; weight-stationary machines",
       kStreamCycles},
      {"mma.bf16", kMmaBf16, kMatrix, Stream(), "C = C + A x W, bf16 to f32", kStreamCycles},
      {"mmo.i8", kMmoI8, kMatrix, Output(), "C = A x W, int8 to int32; output-stationary machines",
       kOutputCycles},
      {"mmoa.i8", kMmoaI8, kMatrix, Output(), "C = C + A x W, int8 to int32", kOutputCycles},
      {"mmo.bf16", kMmoBf16, kMatrix, Output(),
       "C = A x W, bf16 to f32; output-stationary machines", kOutputCycles},
      {"mmoa.bf16", kMmoaBf16, kMatrix, Output(), "C = C + A x W, bf16 to f32", kOutputCycles},
  };
}

Operands Requantisation() {
  return {{"multiplier", K::kImmediate, -1, "see vquant.i8"},
          {"shift", K::kImmediate, -1, "0 to 62"},
          {"zero", K::kImmediate, -1, "zero point"},
          {"low", K::kImmediate, -1, "least result, -128 to high"},
          {"high", K::kImmediate, -1, "greatest result, low to 127"}};
}

Operands ChannelRequantisation() {
  return {{"dst", K::kAddress, kL1, "first element written"},
          {"src", K::kAddress, kAcc, "first element read"},
          {"channels", K::kAddress, kL1, "multiplier and shift of each column: 2 x 4 bytes"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Fill() {
  return {{"acc", K::kAddress, kAcc, "first element written"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"acc_stride", K::kStride, -1, "from row to row"},
          {"bits", K::kImmediate, -1, "the element's 32 bits"}};
}

std::vector<InstructionRow> VectorRows() {
  return {
      {"vcfg", kVcfg, kVector, Requantisation(),
       "sets what vquant.i8 uses; at first 1 0 0 -128 127", "1"},
      {"vfill", kVfill, kVector, Fill(), "ACC = bits", kVectorCycles},
      {"vin.32", kVin, kVector, Elementwise(kAcc, kL1), "ACC[dst] = L1[src], 4 bytes an element",
       kVectorCycles},
      {"vout.32", kVout, kVector, Elementwise(kL1, kAcc), "L1[dst] = ACC[src], 4 bytes an element",
       kVectorCycles},
      {"vquant.i8", kVquantI8, kVector, Elementwise(kL1, kAcc),
       "int32 to int8: clamp(zero + floor((x multiplier + 2^(shift-1)) / 2^shift), low, high), "
       "exact in 64 bits; nothing is added when shift is 0",
       kVectorCycles},
      {"vcast.bf16", kVcastBf16, kVector, Elementwise(kL1, kAcc),
       "f32 to bf16, nearest, ties to even", kVectorCycles},
      {"vwiden.i8", kVwidenI8, kVector, Elementwise(kAcc, kL1), "int8 to int32", kVectorCycles},
      {"vwiden.bf16", kVwidenBf16, kVector, Elementwise(kAcc, kL1), "bf16 to f32", kVectorCycles},
      {"vbias.i32", kVbiasI32, kVector, Bias(), "acc[r][c] += src[c], modulo 2^32", kVectorCycles},
      {"vbias.f32", kVbiasF32, kVector, Bias(), "acc[r][c] += src[c]", kVectorCycles},
      {"vrelu.i32", kVreluI32, kVector, Elementwise(kAcc, kAcc), "dst = src > 0 ? src : 0",
       kVectorCycles},
      {"vrelu.f32", kVreluF32, kVector, Elementwise(kAcc, kAcc),
       "dst = src > 0 ? src : +0 (so NaN becomes +0)", kVectorCycles},
      {"vadd.i32", kVaddI32, kVector, Elementwise(kAcc, kAcc), "dst += src, modulo 2^32",
       kVectorCycles},
      {"vadd.f32", kVaddF32, kVector, Elementwise(kAcc, kAcc), "dst += src", kVectorCycles},
      {"vmax.i32", kVmaxI32, kVector, Elementwise(kAcc, kAcc), "dst = src > dst ? src : dst",
       kVectorCycles},
      {"vmax.f32", kVmaxF32, kVector, Elementwise(kAcc, kAcc), "dst = src > dst ? src : dst",
       kVectorCycles},
      {"vmul.f32", kVmulF32, kVector, Elementwise(kAcc, kAcc), "dst *= src", kVectorCycles},
      {"vmul.i32", kVmulI32, kVector, Elementwise(kAcc, kAcc), "dst *= src, modulo 2^32",
       kVectorCycles},
      {"vquantc.i8", kVquantcI8, kVector, ChannelRequantisation(),
       "vquant.i8 with a multiplier and a shift a column, int32 each; the shift counts modulo 64, "
       "63 "
       "as 62; zero, low and high are vcfg's",
       kVectorCycles},
  };
}

std::vector<NamedRow> Rules() {
  return {
      {"Integer products",
       "int8 x int8 is exact in int32; sums are modulo 2^32, so their order does not matter."},
      {"bf16 products",
       "Each product is rounded to f32 (exact unless it leaves f32's range), each sum is rounded "
       "to "
       "f32, to nearest, ties to even; subnormals are kept; which NaN a NaN is, is not defined. mm "
       "and mma sum the products of an "
       "element "
       "from k = 0 upwards, starting from +0, as a column's partial sum falls through the array; "
       "mma "
       "then adds that sum to C. mmo starts from +0 and mmoa from C, and adds the products in "
       "order "
       "of k: C does not leave its processing element."},
      {"Empty operands",
       "m, n, rows or cols of 0 read and write nothing. A sum over k of 0 is zero."},
      {"Order of elements",
       "Vector instructions work row by row, from the left: where dst and src overlap, later "
       "elements "
       "see earlier results."},
      {"Several arrays",
       "Arrays of one machine stand side by side: W's columns are dealt to them in blocks of the "
       "array's columns, and all see the same A."},
      {"Order",
       "A unit starts its instructions in order and completes them in order. Matrix products and "
       "DMA overlap with the next instruction of their queue: the queue is free after `busy`, the "
       "result is there at `complete`. Products accumulate in order. What other units see is "
       "ordered only by tokens and fences."},
      {"Banks",
       "A memory of b banks is cut into b equal runs of addresses. An instruction holds each bank "
       "it touches while it is busy; DRAM is one bank. Units that ask in the same cycle are served "
       "in the order of the table of units."},
      {"Dispatch",
       "The control unit takes an instruction a cycle and puts it into its unit's queue, where it "
       "can start a cycle later; it stands still while that queue is full. The place is free in "
       "the cycle in which the instruction starts."},
  };
}

Isa* Make() {
  auto* isa = new Isa;
  isa->name = "array";
  isa->id = 1;
  isa->title = "The array core";
  isa->units = {{"control", "takes instructions in order; registers and loops"},
                {"load", "DRAM to L2 or L1"},
                {"move", "between L2 and L1"},
                {"weights", "L1 to the weight planes"},
                {"matrix", "products into the accumulators"},
                {"vector", "elementwise work on accumulators"},
                {"store", "L2 or L1 to DRAM"}};
  isa->memories = {{"DRAM", "main memory; only what .input, .output and .scratch declare"},
                   {"L2", "large scratchpad; some machines have none"},
                   {"L1", "scratchpad that feeds the array and the vector unit"},
                   {"ACC", "accumulators of 32 bits: int32 or f32"},
                   {"plane", "weights inside the array; one plane works while another is filled"}};
  isa->instructions = CommonRows();
  for (const auto& rows : {DmaRows(), MatrixRows(), VectorRows()}) {
    isa->instructions.insert(isa->instructions.end(), rows.begin(), rows.end());
  }
  isa->rules = Rules();
  return isa;
}

}  // namespace

const Isa& ArrayIsa() {
  static const Isa& isa = *Make();
  return isa;
}

}  // namespace strata::chips::npu
