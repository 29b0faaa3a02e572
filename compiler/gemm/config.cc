#include "compiler/gemm/config.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace strata::compiler {
namespace {

constexpr int64_t kMaxBlockBytes = int64_t{1} << 20;

absl::Status CheckRange(absl::string_view name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("gemm config: ", name, ": ", value, " is outside [", low, ", ", high, "]"));
}

absl::Status Malformed(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("gemm config '", text, "': ", what,
                   "; write it as \"tile=14x32 depth=768 panels=4 pack_b=block\""));
}

}  // namespace

absl::Status CheckGemmConfig(const GemmConfig& c) {
  STRATA_RETURN_IF_ERROR(CheckRange("rows of the tile", c.rows, 1, kGemmRowStride));
  STRATA_RETURN_IF_ERROR(CheckRange("vectors of the tile", c.vectors, 1, 6));
  STRATA_RETURN_IF_ERROR(CheckRange("depth", c.depth, 2, 65536));
  STRATA_RETURN_IF_ERROR(CheckRange("panels", c.panels, 1, 64));
  if (c.depth % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("gemm config: depth: ", c.depth, " is odd; bf16 is multiplied in pairs"));
  }
  if (c.by_rows) {
    if (!c.pack_b_first) {
      return absl::InvalidArgumentError(
          "gemm config: threads that share rows need pack_b=first: every row meets all of B");
    }
    return CheckRange("bytes of a block of C", c.rows * c.panels * c.columns() * 4, 0,
                      kMaxBlockBytes);
  }
  return CheckRange("bytes of a block of B", c.depth * c.panels * c.columns() * 4, 0,
                    kMaxBlockBytes);
}

std::string GemmConfigText(const GemmConfig& c) {
  return absl::StrCat("tile=", c.rows, "x", c.columns(), " depth=", c.depth, " panels=", c.panels,
                      " pack_b=", c.pack_b_first ? "first" : "block",
                      c.by_rows ? " share=rows" : "");
}

absl::StatusOr<GemmConfig> ParseGemmConfig(absl::string_view text) {
  std::map<std::string, std::string> fields;
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> field = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (!fields.insert(field).second)
      return Malformed(text, absl::StrCat(field.first, " is given twice"));
  }
  GemmConfig config;
  const std::vector<std::string> tile = absl::StrSplit(fields["tile"], 'x');
  int64_t columns = 0;
  if (tile.size() != 2 || !absl::SimpleAtoi(tile[0], &config.rows) ||
      !absl::SimpleAtoi(tile[1], &columns) || columns % kGemmLanes != 0) {
    return Malformed(text, "the tile is not rows x columns, columns a multiple of 16");
  }
  config.vectors = columns / kGemmLanes;
  if (!absl::SimpleAtoi(fields["depth"], &config.depth))
    return Malformed(text, "depth is no number");
  if (!absl::SimpleAtoi(fields["panels"], &config.panels))
    return Malformed(text, "panels is no number");
  if (fields["pack_b"] != "first" && fields["pack_b"] != "block")
    return Malformed(text, "pack_b is neither first nor block");
  config.pack_b_first = fields["pack_b"] == "first";
  config.by_rows = fields.count("share") > 0;
  if (config.by_rows && fields["share"] != "rows") return Malformed(text, "share is not rows");
  if (fields.size() != (config.by_rows ? 5 : 4))
    return Malformed(text, "it has other fields than tile, depth, panels, pack_b and share");
  STRATA_RETURN_IF_ERROR(CheckGemmConfig(config));
  return config;
}

}  // namespace strata::compiler
