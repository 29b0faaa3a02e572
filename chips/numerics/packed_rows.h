// Packed rows ("rows16"): 16 rows of weights interleaved, so that a vector of 16 lanes multiplies 16 rows at once.
//
//   const PackedLayout layout = LayoutOf(*format);
//   std::vector<uint8_t> packed(groups * GroupBytes(*format, K));                 // groups = (N + 15) / 16
//   PackRows(*format, rows, N, K, /*first_group=*/0, groups, packed.data());
//   UnpackRow(*format, packed.data(), n, K, values);                              // what DecodeRow gives, bit for bit
//
// A group of 16 rows is its steps along k, one after another so that memory is read in one stream, rounded up to whole
// lines of 64 bytes. A step is
//
//   scales  [scale_bytes]     of `step` weights along k; fields of 16 numbers, one a row
//   values  [value_bytes]     vectors of 64 bytes, lane r the 4 bytes of row r
//
//   form         formats             step  scales, 16 of each                          values
//   kFloat       f32                    1  -                                           one fp32 a lane
//   kHalf        f16                    1  -                                           fp16, 32 bytes a k
//   kBf16Pair    bf16                   2  -                                           two weights along k a lane
//   kBytes       q8_0 q5_0             32  fp16 d                                      8 vectors: weights 4j .. 4j + 3 + offset
//   kNibbles     q4_0 iq4_nl mxfp4     32  fp16 d (mxfp4: the upper half of fp32)      4 vectors: low nibbles weights 4j ..,
//   kNibblesMin  q4_1                  32  fp16 d, fp16 m                                high nibbles 16 + 4j ..
//   kSuperNibbles q4_k                256  fp16 d, fp16 m, 8 s, 8 t (bytes)            4 x 8 vectors: 64 weights, low nibbles
//                                                                                        the first 32, high the other 32
//   kSuperBytes  q5_k                 256  the same                                    8 x 8 vectors of bytes
//   kSuperSix    q6_k                 256  fp16 d, 16 s (int8)                         2 x 24 vectors, 128 weights: 8 times one
//                                                                                        of bit pairs and one of nibbles for
//                                                                                        blocks 0 and 2; 8 of 1 and 3
// Bytes and nibbles are codes without a sign: weight = scale * (code - offset) [- minimum]; offset is 128 for kBytes, 8 or
// what a table of values says for kNibbles, 32 for kSuperSix, else 0. Rows beyond N are zeros. The bits stay the format's
// own but for q5_0 and q5_k, which become bytes.
#ifndef STRATA_CHIPS_NUMERICS_PACKED_ROWS_H_
#define STRATA_CHIPS_NUMERICS_PACKED_ROWS_H_

#include <cstdint>

#include "chips/numerics/weight_format.h"

namespace strata::chips {

inline constexpr int64_t kPackedRows = 16;

enum class PackedForm : uint8_t {
  kFloat,
  kHalf,
  kBf16Pair,
  kBytes,
  kNibbles,
  kNibblesMin,
  kSuperNibbles,
  kSuperBytes,
  kSuperSix,
};

struct PackedLayout {
  PackedForm form;
  int64_t step;         // weights along k that share scales
  int64_t scale_bytes;  // of a step of a group
  int64_t value_bytes;
  int offset = 0;                  // weight = scale * (code - offset)
  const uint8_t* table = nullptr;  // kNibbles: what a nibble stands for, as a code; null: itself
  bool bf16_scale = false;         // kNibbles: the scale is the upper half of an fp32

  int64_t Steps(int64_t K) const { return (K + step - 1) / step; }
  int64_t StepBytes() const { return scale_bytes + value_bytes; }
  int64_t GroupBytes(int64_t K) const { return (Steps(K) * StepBytes() + 63) / 64 * 64; }
};

PackedLayout LayoutOf(const WeightFormat& format);

inline int64_t PackedGroups(int64_t N) { return (N + kPackedRows - 1) / kPackedRows; }

// Bytes of 16 rows of K weights, a multiple of 64; K must be a multiple of the format's block.
int64_t GroupBytes(const WeightFormat& format, int64_t K);

// Groups [first_group, first_group + groups) of N rows of K weights, `rows` being the first row's bytes as files have
// them; `out` is where group first_group begins. Threads may pack groups of one matrix at once.
void PackRows(const WeightFormat& format, const uint8_t* rows, int64_t N, int64_t K,
              int64_t first_group, int64_t groups, uint8_t* out);

// Row n of a packed matrix (which begins at `packed`) as fp32.
void UnpackRow(const WeightFormat& format, const uint8_t* packed, int64_t n, int64_t K,
               float* values);

// 32 weights of one row of a group, of a format of codes: weight i is scale[i / 16] * (codes[i] - offset) - min.
struct PackedBlock {
  uint8_t codes[32];
  float scale[2];
  float min;
};
PackedBlock UnpackBlock(const PackedLayout& layout, const uint8_t* group, int64_t row,
                        int64_t block);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_PACKED_ROWS_H_
