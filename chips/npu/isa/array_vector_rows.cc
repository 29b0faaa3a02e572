#include "chips/npu/isa/array_vector_rows.h"

#include "chips/npu/isa/array_isa.h"

namespace strata::chips::npu {
namespace {

using K = OperandKind;
using Operands = std::vector<OperandRow>;
using Rows = std::vector<InstructionRow>;

constexpr char kCycles[] = "vector latency + ceil(rows x cols / lanes)";
constexpr char kSpecialCycles[] = "vector latency + special passes x ceil(rows x cols / lanes)";
constexpr char kReductionCycles[] =
    "vector latency + rows x ceil(cols / lanes) + ceil(log2(min(max(cols, 1), lanes)))";

Operands Elementwise(int to, int from) {
  return {{"dst", K::kAddress, to, "first element written"},
          {"src", K::kAddress, from, "first element read"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Binary() {
  return {{"dst", K::kAddress, kAcc, "first element written"},
          {"a", K::kAddress, kAcc, "first element of a"},
          {"b", K::kAddress, kAcc, "first element of b"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"a_stride", K::kStride, -1, "from row to row of a"},
          {"b_stride", K::kStride, -1, "from row to row of b"},
          {"kind", K::kIndex, -1, "0: tiles; 1: b is a column; 2: a is; 3: both are"}};
}

Operands Reduction() {
  return {{"dst", K::kAddress, kAcc, "first result; one a row"},
          {"src", K::kAddress, kAcc, "first element read"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row of src"},
          {"dst_stride", K::kStride, -1, "from result to result"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
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

Operands MultiplyAdd() {
  return {{"acc", K::kAddress, kAcc, "first element changed, 4 bytes an element"},
          {"src", K::kAddress, kL1, "first element read, 1 byte an element"},
          {"weights", K::kAddress, kL1, "cols elements of 1 byte, the same for all rows"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"acc_stride", K::kStride, -1, "from row to row of acc"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

Operands Fill() {
  return {{"acc", K::kAddress, kAcc, "first element written"},
          {"rows", K::kSize, -1, "rows"},
          {"cols", K::kSize, -1, "elements of a row"},
          {"acc_stride", K::kStride, -1, "from row to row"},
          {"bits", K::kImmediate, -1, "the element's 32 bits"}};
}

// Between L1 and the accumulators.
void AddBorder(Rows* rows) {
  const Operands in = Elementwise(kAcc, kL1), out = Elementwise(kL1, kAcc);
  const Rows more = {
      {"vcfg", kVcfg, kVector, Requantisation(),
       "sets what vquant.i8 uses; at first 1 0 0 -128 127", "1"},
      {"vfill", kVfill, kVector, Fill(), "ACC = bits", kCycles},
      {"vin.32", kVin, kVector, in, "ACC[dst] = L1[src], 4 bytes an element", kCycles},
      {"vout.32", kVout, kVector, out, "L1[dst] = ACC[src], 4 bytes an element", kCycles},
      {"vquant.i8", kVquantI8, kVector, out,
       "int32 to int8: clamp(zero + floor((x multiplier + 2^(shift-1)) / 2^shift), low, high), "
       "exact in 64 bits; nothing is added when shift is 0",
       kCycles},
      {"vquantc.i8", kVquantcI8, kVector, ChannelRequantisation(),
       "vquant.i8 with a multiplier and a shift a column, int32 each; the shift counts modulo 64, "
       "63 as 62; zero, low and high are vcfg's",
       kCycles},
      {"vmac.i8", kVmacI8, kVector, MultiplyAdd(),
       "acc[r][c] += src[r][c] x weights[c], int8 to int32, modulo 2^32: a tap of a depthwise "
       "convolution",
       kCycles},
      {"vcast.bf16", kVcastBf16, kVector, out, "f32 to bf16, nearest, ties to even", kCycles},
      {"vcast.e4m3", kVcastE4m3, kVector, out,
       "f32 to fp8 E4M3, nearest, ties to even; NaN beyond the largest", kCycles},
      {"vcast.e5m2", kVcastE5m2, kVector, out,
       "f32 to fp8 E5M2, nearest, ties to even; infinity beyond the largest", kCycles},
      {"vcast.i8", kVcastI8, kVector, out, "int32 to int8, saturated", kCycles},
      {"vwiden.bf16", kVwidenBf16, kVector, in, "bf16 to f32", kCycles},
      {"vwiden.e4m3", kVwidenE4m3, kVector, in, "fp8 E4M3 to f32", kCycles},
      {"vwiden.e5m2", kVwidenE5m2, kVector, in, "fp8 E5M2 to f32", kCycles},
      {"vwiden.i8", kVwidenI8, kVector, in, "int8 to int32", kCycles},
  };
  rows->insert(rows->end(), more.begin(), more.end());
}

struct NamedOpcode {
  const char* name;
  ArrayOpcode opcode;
  const char* meaning;
};

constexpr NamedOpcode kBinary[] = {
    {"vadd.f32", kVaddF32, "dst = a + b"},
    {"vsub.f32", kVsubF32, "dst = a - b"},
    {"vmul.f32", kVmulF32, "dst = a b"},
    {"vdiv.f32", kVdivF32, "dst = a / b"},
    {"vpow.f32", kVpowF32, "dst = a to the power b"},
    {"vmax.f32", kVmaxF32, "dst = a > b or a is NaN ? a : b (so NaN is kept)"},
    {"vmin.f32", kVminF32, "dst = a < b or a is NaN ? a : b (so NaN is kept)"},
    {"vless.f32", kVlessF32, "dst = a < b ? 1 : 0, int32; 0 where one is NaN"},
    {"vlesseq.f32", kVlesseqF32, "dst = a <= b ? 1 : 0, int32; 0 where one is NaN"},
    {"vequal.f32", kVequalF32, "dst = a == b ? 1 : 0, int32; 0 where one is NaN"},
    {"vadd.i32", kVaddI32, "dst = a + b, modulo 2^32"},
    {"vsub.i32", kVsubI32, "dst = a - b, modulo 2^32"},
    {"vmul.i32", kVmulI32, "dst = a b, modulo 2^32"},
    {"vmax.i32", kVmaxI32, "dst = the larger of a and b"},
    {"vmin.i32", kVminI32, "dst = the smaller of a and b"},
    {"vless.i32", kVlessI32, "dst = a < b ? 1 : 0"},
    {"vlesseq.i32", kVlesseqI32, "dst = a <= b ? 1 : 0"},
    {"vequal.i32", kVequalI32, "dst = a == b ? 1 : 0"},
    {"vselect.32", kVselect,
     "dst = dst != 0 ? a : b; dst holds int32 before, bits of either after"},
};

constexpr NamedOpcode kUnary[] = {
    {"vcopy.32", kVcopy, "dst = src, the bits; rows of one element transpose"},
    {"vneg.f32", kVnegF32, "dst = -src"},
    {"vabs.f32", kVabsF32, "dst = |src|"},
    {"vrelu.f32", kVreluF32, "dst = src < 0 ? +0 : src (so NaN and -0 are kept)"},
    {"vsquare.f32", kVsquareF32, "dst = src src"},
    {"vround.bf16", kVroundBf16, "dst = src rounded to what bf16 holds, as f32"},
    {"vrelu.i32", kVreluI32, "dst = src < 0 ? 0 : src"},
    {"vcvt.f32", kVcvtF32, "int32 to f32, nearest, ties to even"},
    {"vcvt.i32", kVcvtI32, "f32 to int32, toward zero, saturated; NaN gives 0"},
    {"vexp.f32", kVexpF32, "dst = e^src"},
    {"vlog.f32", kVlogF32, "dst = the natural logarithm of src"},
    {"vsqrt.f32", kVsqrtF32, "dst = the square root of src"},
    {"vrsqrt.f32", kVrsqrtF32, "dst = 1 / the square root of src"},
    {"vtanh.f32", kVtanhF32, "dst = the hyperbolic tangent of src"},
    {"vsigmoid.f32", kVsigmoidF32, "dst = 1 / (1 + e^-src)"},
    {"verf.f32", kVerfF32, "dst = the error function of src"},
    {"vsin.f32", kVsinF32, "dst = the sine of src radians"},
    {"vcos.f32", kVcosF32, "dst = the cosine of src radians"},
    {"vreciprocal.f32", kVreciprocalF32, "dst = 1 / src"},
};

constexpr NamedOpcode kReductions[] = {
    {"vsum.f32", kVsumF32, "dst[r] = the sum of row r, in the order of Row sums"},
    {"vsum.i32", kVsumI32, "dst[r] = the sum of row r, modulo 2^32"},
    {"vmaxr.f32", kVmaxrF32, "dst[r] = the largest of row r; NaN if one is"},
    {"vmaxr.i32", kVmaxrI32, "dst[r] = the largest of row r"},
};

}  // namespace

std::vector<InstructionRow> ArrayVectorRows() {
  Rows rows;
  AddBorder(&rows);
  for (const NamedOpcode& row : kBinary) {
    rows.push_back({row.name, row.opcode, kVector, Binary(), row.meaning,
                    IsSpecialFunction(row.opcode) ? kSpecialCycles : kCycles});
  }
  for (const NamedOpcode& row : kUnary) {
    rows.push_back({row.name, row.opcode, kVector, Elementwise(kAcc, kAcc), row.meaning,
                    IsSpecialFunction(row.opcode) ? kSpecialCycles : kCycles});
  }
  for (const NamedOpcode& row : kReductions) {
    rows.push_back({row.name, row.opcode, kVector, Reduction(), row.meaning, kReductionCycles});
  }
  return rows;
}

}  // namespace strata::chips::npu
