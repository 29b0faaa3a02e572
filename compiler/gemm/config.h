// GemmConfig: the free choices of an emitted matrix product. Any valid config computes the same up to rounding; the
// best one depends on sizes and machine (cost.h guesses it, //compiler/tune:tune_gemm measures it).
//
//   GemmConfig config{.rows = 14, .vectors = 2, .depth = 768, .panels = 4};
//   GemmConfigText(config);   // "tile=14x32 depth=768 panels=4 pack_b=block", and " share=rows" where they are
#ifndef STRATA_COMPILER_GEMM_CONFIG_H_
#define STRATA_COMPILER_GEMM_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::compiler {

inline constexpr int64_t kGemmLanes = 16;  // floats of a vector
// Rows of a packed panel of A are this many numbers apart, whatever the tile: one cache line.
inline constexpr int64_t kGemmRowStride = 16;

struct GemmConfig {
  int64_t rows = 14;    // of a tile of C, in registers; 1..16
  int64_t vectors = 2;  // of 16 columns of a tile; 1..6
  int64_t depth =
      768;             // terms of a sum that are done before the next block of them; even, 2..65536
  int64_t panels = 4;  // of B, each as wide as a tile, that are packed at a time; 1..64
  // True: all of B is packed by a step of its own, into memory. False: each thread packs the block it is at.
  bool pack_b_first = false;
  // True: threads share the rows of C, and what follows the product is done on whole rows of a block. Memory then moves in
  // long runs, which counts where an epilogue reads and writes more than caches hold. Needs pack_b_first and whole sums.
  bool by_rows = false;

  bool operator==(const GemmConfig& other) const = default;
  int64_t columns() const { return vectors * kGemmLanes; }  // of a tile
};

// Tiles that need more than the 32 registers are valid, and slow. INVALID_ARGUMENT says which figure is out of range;
// a block of B beyond 1 MiB is (it lies on the stack; with by_rows, a block of C does).
absl::Status CheckGemmConfig(const GemmConfig& config);

// One line; ParseGemmConfig takes it back.
std::string GemmConfigText(const GemmConfig& config);
absl::StatusOr<GemmConfig> ParseGemmConfig(absl::string_view text);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_CONFIG_H_
