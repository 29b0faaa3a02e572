#include "chips/npu/isa/array_isa.h"

#include <vector>

#include "chips/npu/isa/array_vector_rows.h"

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
constexpr char kTransposeCycles[] = "max(n, 1): a column of the plane a cycle";

Operands Weights() {
  return {{"plane", K::kIndex, -1, "plane to write"},
          {"src", K::kAddress, kL1, "W[0][0]"},
          {"k", K::kSize, -1, "rows of W; at most the array's rows"},
          {"n", K::kSize, -1, "columns of W; at most the columns of all arrays"},
          {"src_stride", K::kStride, -1, "from row to row of W"}};
}

Operands TransposedWeights() {
  return {{"plane", K::kIndex, -1, "plane to write"},
          {"src", K::kAddress, kL1, "W transposed: its column 0 is the first row here"},
          {"k", K::kSize, -1, "rows of W, elements of a row of src; at most the array's rows"},
          {"n", K::kSize, -1, "columns of W, rows of src; at most the columns of all arrays"},
          {"src_stride", K::kStride, -1, "from column to column of W"}};
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

std::vector<InstructionRow> DmaRows() {
  return {
      {"ld.l2", kLdL2, kLoad, CopyOperands(kL2, kDram), "L2[dst] = DRAM[src], row by row",
       kDmaCycles},
      {"ld.l1", kLdL1, kLoad, CopyOperands(kL1, kDram), "L1[dst] = DRAM[src], row by row",
       kDmaCycles},
      {"mv.l1", kMvL1, kMove, CopyOperands(kL1, kL2), "L1[dst] = L2[src], row by row", kMoveCycles},
      {"mv.l2", kMvL2, kMove, CopyOperands(kL2, kL1), "L2[dst] = L1[src], row by row", kMoveCycles},
      {"st.l2", kStL2, kStore, CopyOperands(kDram, kL2), "DRAM[dst] = L2[src], row by row",
       kDmaCycles},
      {"st.l1", kStL1, kStore, CopyOperands(kDram, kL1), "DRAM[dst] = L1[src], row by row",
       kDmaCycles},
  };
}

// One instruction a type, in the order of ArrayType.
struct TypedRow {
  const char* names[4];
  const char* meanings[4];
};

constexpr TypedRow kWeightRows = {
    {"ldw.i8", "ldw.bf16", "ldw.e4m3", "ldw.e5m2"},
    {"plane = W, int8", "plane = W, bf16", "plane = W, fp8 E4M3", "plane = W, fp8 E5M2"}};
constexpr TypedRow kTransposedRows = {
    {"ldwt.i8", "ldwt.bf16", "ldwt.e4m3", "ldwt.e5m2"},
    {"plane[k][n] = src[n][k], int8", "plane[k][n] = src[n][k], bf16",
     "plane[k][n] = src[n][k], fp8 E4M3", "plane[k][n] = src[n][k], fp8 E5M2"}};
constexpr TypedRow kStreamRows = {{"mm.i8", "mm.bf16", "mm.e4m3", "mm.e5m2"},
                                  {"C = A x W, int8 to int32; weight-stationary machines",
                                   "C = A x W, bf16 to f32; weight-stationary machines",
                                   "C = A x W, fp8 E4M3 to f32; weight-stationary machines",
                                   "C = A x W, fp8 E5M2 to f32; weight-stationary machines"}};
constexpr TypedRow kStreamAddRows = {
    {"mma.i8", "mma.bf16", "mma.e4m3", "mma.e5m2"},
    {"C = C + A x W, int8 to int32", "C = C + A x W, bf16 to f32", "C = C + A x W, fp8 E4M3 to f32",
     "C = C + A x W, fp8 E5M2 to f32"}};
constexpr TypedRow kOutputRows = {{"mmo.i8", "mmo.bf16", "mmo.e4m3", "mmo.e5m2"},
                                  {"C = A x W, int8 to int32; output-stationary machines",
                                   "C = A x W, bf16 to f32; output-stationary machines",
                                   "C = A x W, fp8 E4M3 to f32; output-stationary machines",
                                   "C = A x W, fp8 E5M2 to f32; output-stationary machines"}};
constexpr TypedRow kOutputAddRows = {
    {"mmoa.i8", "mmoa.bf16", "mmoa.e4m3", "mmoa.e5m2"},
    {"C = C + A x W, int8 to int32", "C = C + A x W, bf16 to f32", "C = C + A x W, fp8 E4M3 to f32",
     "C = C + A x W, fp8 E5M2 to f32"}};

// `step`: from one type's opcode to the next's.
void AddTyped(const TypedRow& row, uint8_t opcode, int step, int unit, const Operands& operands,
              const char* cycles, std::vector<InstructionRow>* rows) {
  for (int type = 0; type < 4; ++type) {
    rows->push_back({row.names[type], static_cast<uint8_t>(opcode + type * step), unit, operands,
                     row.meanings[type], cycles});
  }
}

std::vector<InstructionRow> MatrixRows() {
  std::vector<InstructionRow> rows;
  AddTyped(kWeightRows, kLdwI8, 1, kWeights, Weights(), "max(k, 1)", &rows);
  AddTyped(kTransposedRows, kLdwtI8, 1, kWeights, TransposedWeights(), kTransposeCycles, &rows);
  AddTyped(kStreamRows, kMmI8, 2, kMatrix, Stream(), kStreamCycles, &rows);
  AddTyped(kStreamAddRows, kMmaI8, 2, kMatrix, Stream(), kStreamCycles, &rows);
  AddTyped(kOutputRows, kMmoI8, 2, kMatrix, Output(), kOutputCycles, &rows);
  AddTyped(kOutputAddRows, kMmoaI8, 2, kMatrix, Output(), kOutputCycles, &rows);
  return rows;
}

std::vector<NamedRow> Rules() {
  return {
      {"Integer products",
       "int8 x int8 is exact in int32; sums are modulo 2^32, so their order does not matter."},
      {"Products of bf16 and fp8",
       "Each product is rounded to f32 (exact for fp8, and for bf16 unless it leaves f32's range), "
       "each sum is rounded to f32, to nearest, ties to even; subnormals are kept; which NaN a NaN "
       "is, is not defined. mm and mma sum the products of an element from k = 0 upwards, starting "
       "from +0, as a column's partial sum falls through the array; mma then adds that sum to C. "
       "mmo starts from +0 and mmoa from C, and adds the products in order of k: C does not leave "
       "its processing element. fp8 is OCP's: E4M3 is finite but for NaN, E5M2 is IEEE-like."},
      {"Empty operands",
       "m, n, rows or cols of 0 read and write nothing, but that the sum over k of 0, and of a row "
       "without elements, is zero, and such a row's maximum -infinity or the least int32."},
      {"Order of elements",
       "Vector instructions work row by row, from the left: where dst and a source overlap, later "
       "elements see earlier results. (A reduction reads its row before it writes.)"},
      {"Vector operands",
       "Of dst = a op b, each of a and b is a tile, or a column that gives one element a row: the "
       "operand `kind` says which. A stride of 0 gives all rows the same row, or the same "
       "element."},
      {"Vector numbers",
       "f32 results are those of exact arithmetic, or of the function in double precision, rounded "
       "once to nearest, ties to even; subnormals are kept; which NaN a NaN is, is not defined. "
       "int32 sums and products are modulo 2^32. Special functions (div, pow, exp, log, sqrt, "
       "rsqrt, tanh, sigmoid, erf, sin, cos, reciprocal) take the machine's special passes."},
      {"Row sums",
       "Lane l of L adds the elements l, l + L, l + 2 L, ... of a row in f32, in order, from +0. "
       "Of "
       "the lanes the first min(L, the least power of two not below cols) are then added in pairs, "
       "l and l + half of them, until one is left; an odd number keeps its middle one. A row's "
       "maximum is taken in order: the first of equals stays, and NaN."},
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
  isa->renewal = "bazel run //chips/npu:isa_reference > chips/npu/ISA.md";
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
  for (const auto& rows : {DmaRows(), MatrixRows(), ArrayVectorRows()}) {
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
