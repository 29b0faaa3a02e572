#include "chips/npu/davinci/davinci_isa.h"

#include <vector>

#include "chips/npu/davinci/davinci_rules.h"

namespace strata::chips::npu::davinci {
namespace {

using K = OperandKind;
using Operands = std::vector<OperandRow>;
using Rows = std::vector<InstructionRow>;

constexpr char kGmCycles[] =
    "busy max(1, ceil(bursts x burst bytes x clock / GM bandwidth)), each row in bursts of its "
    "own; "
    "complete GM latency later";
constexpr char kMte1Cycles[] = "max(1, ceil(bytes written / L1's bytes a cycle))";
constexpr char kUbCycles[] = "max(1, ceil(rows x row_bytes / UB's bytes a cycle))";
constexpr char kCubeCycles[] =
    "busy max(1, blocks of m x blocks of k x blocks of n); complete cube latency later";
constexpr char kVectorCycles[] =
    "busy max(1, ceil(rows x blocks / blocks a cycle)), where a row of cols of the widest type has "
    "blocks of 32 bytes; complete vector latency later";

Operands FillL1() {
  return {{"dst", K::kAddress, kL1, "first byte written"},
          {"rows", K::kSize, -1, "rows"},
          {"row_bytes", K::kSize, -1, "bytes of a row"},
          {"dst_stride", K::kStride, -1, "from row to row"},
          {"byte", K::kIndex, -1, "what is written"}};
}

Operands LoadA() {
  return {{"dst", K::kAddress, kL0a, "first fractal written"},
          {"src", K::kAddress, kL1, "first element of the first row read"},
          {"m", K::kSize, -1, "rows of A"},
          {"k", K::kSize, -1, "columns of A"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands LoadB() {
  return {{"dst", K::kAddress, kL0b, "first fractal written"},
          {"src", K::kAddress, kL1, "first element of the first row read"},
          {"k", K::kSize, -1, "rows of B"},
          {"n", K::kSize, -1, "columns of B"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Load3d() {
  return {{"dst", K::kAddress, kL0a, "first fractal written"},
          {"src", K::kAddress, kL1, "first element of the first window"},
          {"rows", K::kSize, -1, "rows of output pixels"},
          {"cols", K::kSize, -1, "output pixels of a row; A has m = rows x cols rows"},
          {"runs", K::kSize, -1, "rows of a window"},
          {"run", K::kSize, -1, "elements of a window's row; A has k = runs x run columns"},
          {"row_stride", K::kStride, -1, "bytes from a row of output pixels to the next"},
          {"col_stride", K::kStride, -1, "bytes from an output pixel to the next"},
          {"run_stride", K::kStride, -1, "bytes from a window's row to the next"}};
}

Operands Mmad() {
  return {{"c", K::kAddress, kL0c, "C[0][0]"},
          {"a", K::kAddress, kL0a, "first fractal of A"},
          {"b", K::kAddress, kL0b, "first fractal of B"},
          {"m", K::kSize, -1, "rows of A and C"},
          {"k", K::kSize, -1, "columns of A, rows of B"},
          {"n", K::kSize, -1, "columns of B and C"}};
}

Operands OneSource() {
  return {{"dst", K::kAddress, kUb, "first element written"},
          {"src", K::kAddress, kUb, "first element read"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands TwoSources() {
  return {{"dst", K::kAddress, kUb, "first element written"},
          {"a", K::kAddress, kUb, "first element read"},
          {"b", K::kAddress, kUb, "first element read"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"a_stride", K::kStride, -1, "from row to row of a; 0: one row for all"},
          {"b_stride", K::kStride, -1, "from row to row of b; 0: one row for all"}};
}

Operands Scalar() {
  return {{"dst", K::kAddress, kUb, "first element written"},
          {"src", K::kAddress, kUb, "first element read"},
          {"value", K::kImmediate, -1, "the scalar"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Rows Pipes() {
  return {
      {"set_flag",
       kSignal,
       -1,
       {{"from", K::kUnit, -1, "the pipe whose queue this goes to"},
        {"to", K::kUnit, -1, "the pipe that waits"},
        {"flag", K::kToken, -1, "its index"}},
       "adds one to the flag (from, to, index) once all earlier instructions of the pipe `from` "
       "are complete; does not hold the pipe up meanwhile",
       "1"},
      {"wait_flag",
       kWait,
       -1,
       {{"from", K::kUnit, -1, "the pipe that sets"},
        {"to", K::kUnit, -1, "the pipe whose queue this goes to"},
        {"flag", K::kToken, -1, "its index"}},
       "holds the pipe `to` until the flag (from, to, index) is above zero, then takes one from "
       "it",
       "1 after the flag"},
      {"pipe_barrier",
       kBarrier,
       -1,
       {{"pipe", K::kUnit, -1, "the pipe whose queue this goes to"}},
       "holds the pipe until all its earlier instructions are complete; fence does so for all",
       "1 after the last completion"}};
}

Rows Mte2Rows() {
  return {
      {"ld.l1", kLdL1, kMte2, CopyOperands(kL1, kGm), "L1[dst] = GM[src], row by row", kGmCycles},
      {"ld.ub", kLdUb, kMte2, CopyOperands(kUb, kGm), "UB[dst] = GM[src], row by row", kGmCycles},
      {"fill.l1", kFillL1, kMte2, FillL1(), "each byte of L1's rows = byte",
       "max(1, ceil(rows x row_bytes / L1's bytes a cycle))"}};
}

Rows Mte1Rows() {
  return {
      {"load.a.i8", kLoadAI8, kMte1, LoadA(), "L0A = A, A[i][j] = src[i][j], int8", kMte1Cycles},
      {"load.a.f16", kLoadAF16, kMte1, LoadA(), "L0A = A, A[i][j] = src[i][j], fp16", kMte1Cycles},
      {"loadt.a.i8", kLoadTAI8, kMte1, LoadA(), "L0A = A, A[i][j] = src[j][i], int8", kMte1Cycles},
      {"loadt.a.f16", kLoadTAF16, kMte1, LoadA(), "L0A = A, A[i][j] = src[j][i], fp16",
       kMte1Cycles},
      {"load.b.i8", kLoadBI8, kMte1, LoadB(), "L0B = B, B[i][j] = src[i][j], int8", kMte1Cycles},
      {"load.b.f16", kLoadBF16, kMte1, LoadB(), "L0B = B, B[i][j] = src[i][j], fp16", kMte1Cycles},
      {"loadt.b.i8", kLoadTBI8, kMte1, LoadB(), "L0B = B, B[i][j] = src[j][i], int8", kMte1Cycles},
      {"loadt.b.f16", kLoadTBF16, kMte1, LoadB(), "L0B = B, B[i][j] = src[j][i], fp16",
       kMte1Cycles},
      {"load3d.i8", kLoad3dI8, kMte1, Load3d(),
       "img2col: A[r cols + q][s run + e] = the element e of the run at src + r row_stride + q "
       "col_stride + s run_stride, int8",
       kMte1Cycles},
      {"load3d.f16", kLoad3dF16, kMte1, Load3d(), "load3d.i8 for fp16", kMte1Cycles},
      {"mv.ub", kMvUb, kMte1, CopyOperands(kUb, kL1), "UB[dst] = L1[src], row by row", kMte1Cycles},
  };
}

Rows CubeRows() {
  return {{"mmad.i8", kMmadI8, kM, Mmad(), "C = A x B, int8 to int32", kCubeCycles},
          {"mmada.i8", kMmadaI8, kM, Mmad(), "C = C + A x B, int8 to int32", kCubeCycles},
          {"mmad.f16", kMmadF16, kM, Mmad(), "C = A x B, fp16 to f32", kCubeCycles},
          {"mmada.f16", kMmadaF16, kM, Mmad(), "C = C + A x B, fp16 to f32", kCubeCycles}};
}

Rows SpecialVectorRows() {
  return {
      {"mv.c",
       kMvC,
       kV,
       {{"dst", K::kAddress, kUb, "first element written"},
        {"src", K::kAddress, kL0c, "C[i][j] of the first element moved"},
        {"m", K::kSize, -1, "rows"},
        {"n", K::kSize, -1, "columns"},
        {"dst_stride", K::kStride, -1, "from row to row of dst"},
        {"block_stride", K::kStride, -1, "from 16 columns of C to the next: 64 x C's rows"}},
       "UB = C, row by row, 4 bytes an element",
       kVectorCycles},
      {"vcfg",
       kVcfg,
       kV,
       {{"zero", K::kImmediate, -1, "zero point"},
        {"low", K::kImmediate, -1, "least result, -128 to high"},
        {"high", K::kImmediate, -1, "greatest result, low to 127"}},
       "sets what vquantc.i8 uses; at first 0 -128 127",
       "1"},
      {"vquantc.i8",
       kVquantcI8,
       kV,
       {{"dst", K::kAddress, kUb, "first element written"},
        {"src", K::kAddress, kUb, "first element read"},
        {"multiplier", K::kAddress, kUb, "int32, one a column"},
        {"shift", K::kAddress, kUb, "int32, one a column"},
        {"rows", K::kSize, -1, "rows"},
        {"cols", K::kSize, -1, "elements of a row"},
        {"dst_stride", K::kStride, -1, "from row to row of dst"},
        {"src_stride", K::kStride, -1, "from row to row of src"}},
       "int32 to int8: clamp(zero + floor((x multiplier + 2^(shift-1)) / 2^shift), low, high), "
       "with "
       "a multiplier and a shift a column, exact; nothing is added when shift is 0; the shift "
       "counts "
       "modulo 64, 63 as 62",
       kVectorCycles},
      {"vfill.32",
       kVfill32,
       kV,
       {{"dst", K::kAddress, kUb, "first element written"},
        {"rows", K::kSize, -1, "rows"},
        {"cols", K::kSize, -1, "elements of 4 bytes of a row"},
        {"dst_stride", K::kStride, -1, "from row to row"},
        {"bits", K::kImmediate, -1, "the element's 32 bits"}},
       "UB = bits",
       kVectorCycles},
      {"vcsum.i32",
       kVcsumI32,
       kV,
       {{"dst", K::kAddress, kUb, "first of cols elements written"},
        {"src", K::kAddress, kUb, "first element read"},
        {"rows", K::kSize, -1, "rows"},
        {"cols", K::kSize, -1, "elements of a row"},
        {"src_stride", K::kStride, -1, "from row to row of src"}},
       "dst[c] = the sum of src[r][c] over r, modulo 2^32; reads and writes nothing when rows or "
       "cols "
       "is 0",
       kVectorCycles},
  };
}

Rows VectorRows() {
  Rows rows = SpecialVectorRows();
  const auto add = [&rows](const char* name, uint8_t opcode, Operands operands, const char* what) {
    rows.push_back({name, opcode, kV, std::move(operands), what, kVectorCycles});
  };
  add("vconv.i8.i32", kVconvI8I32, OneSource(), "int8 to int32");
  add("vconv.i32.f32", kVconvI32F32, OneSource(), "int32 to f32, nearest, ties to even");
  add("vconv.f16.f32", kVconvF16F32, OneSource(), "fp16 to f32");
  add("vconv.f32.f16", kVconvF32F16, OneSource(), "f32 to fp16, nearest, ties to even");
  add("vadd.i32", kVaddI32, TwoSources(), "dst = a + b, modulo 2^32");
  add("vsub.i32", kVsubI32, TwoSources(), "dst = a - b, modulo 2^32");
  add("vmul.i32", kVmulI32, TwoSources(), "dst = a b, modulo 2^32");
  add("vmax.i32", kVmaxI32, TwoSources(), "dst = a > b ? a : b");
  add("vmin.i32", kVminI32, TwoSources(), "dst = a < b ? a : b");
  add("vadd.f32", kVaddF32, TwoSources(), "dst = a + b");
  add("vsub.f32", kVsubF32, TwoSources(), "dst = a - b");
  add("vmul.f32", kVmulF32, TwoSources(), "dst = a b");
  add("vmax.f32", kVmaxF32, TwoSources(), "dst = a > b ? a : b");
  add("vmin.f32", kVminF32, TwoSources(), "dst = a < b ? a : b");
  add("vadd.f16", kVaddF16, TwoSources(), "dst = a + b, rounded once");
  add("vsub.f16", kVsubF16, TwoSources(), "dst = a - b, rounded once");
  add("vmul.f16", kVmulF16, TwoSources(), "dst = a b, rounded once");
  add("vmax.f16", kVmaxF16, TwoSources(), "dst = a > b ? a : b");
  add("vmin.f16", kVminF16, TwoSources(), "dst = a < b ? a : b");
  add("vmax.i8", kVmaxI8, TwoSources(), "dst = a > b ? a : b");
  add("vmin.i8", kVminI8, TwoSources(), "dst = a < b ? a : b");
  add("vadds.i32", kVaddsI32, Scalar(), "dst = src + value, modulo 2^32");
  add("vmuls.i32", kVmulsI32, Scalar(), "dst = src value, modulo 2^32");
  add("vmaxs.i32", kVmaxsI32, Scalar(), "dst = src > value ? src : value");
  add("vmins.i32", kVminsI32, Scalar(), "dst = src < value ? src : value");
  add("vrelu.i32", kVreluI32, OneSource(), "dst = src > 0 ? src : 0");
  add("vrelu.f32", kVreluF32, OneSource(), "dst = src > 0 ? src : +0 (so NaN becomes +0)");
  add("vrelu.f16", kVreluF16, OneSource(), "dst = src > 0 ? src : +0 (so NaN becomes +0)");
  return rows;
}

Rows Mte3Rows() {
  return {
      {"st.ub", kStUb, kMte3, CopyOperands(kGm, kUb), "GM[dst] = UB[src], row by row", kGmCycles},
      {"mv.l1", kMvL1, kMte3, CopyOperands(kL1, kUb), "L1[dst] = UB[src], row by row", kUbCycles}};
}

// The scalar unit's rows are those of all cores; flags are tokens by another name.
Rows ScalarRows() {
  Rows rows;
  for (const InstructionRow& row : CommonRows()) {
    if (row.unit == kControlUnit) rows.push_back(row);
  }
  return rows;
}

Isa* Make() {
  auto* isa = new Isa;
  isa->name = "davinci";
  isa->id = 2;
  isa->title = "The DaVinci core";
  isa->renewal = "bazel run //chips/npu:isa_reference -- --core=davinci > chips/npu/davinci/ISA.md";
  isa->units = {{"S", "the scalar unit: takes instructions in order; registers and loops"},
                {"MTE1", "memory transfer engine: L1 to L0A, L0B and UB; makes fractals, img2col"},
                {"MTE2", "memory transfer engine: GM to L1 and UB"},
                {"MTE3", "memory transfer engine: UB to GM and L1"},
                {"M", "the cube: 16 x 16 x 16 multiply-adds of fp16 a cycle, 16 x 32 x 16 of int8"},
                {"V", "the vector unit, on UB; also brings C out of L0C"}};
  isa->memories = {{"GM", "global memory; only what .input, .output and .scratch declare"},
                   {"L1", "buffer for inputs of the cube, in rows"},
                   {"L0A", "A in fractals, zZ"},
                   {"L0B", "B in fractals, nZ"},
                   {"L0C", "C in blocks, zN; int32 or f32"},
                   {"UB", "unified buffer of the vector unit"}};
  for (const Rows& rows :
       {ScalarRows(), Pipes(), Mte2Rows(), Mte1Rows(), CubeRows(), VectorRows(), Mte3Rows()}) {
    isa->instructions.insert(isa->instructions.end(), rows.begin(), rows.end());
  }
  isa->rules = DavinciRules();
  return isa;
}

}  // namespace

const Isa& DavinciIsa() {
  static const Isa& isa = *Make();
  return isa;
}

}  // namespace strata::chips::npu::davinci
