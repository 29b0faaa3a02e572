#include "chips/npu/systolic/topology.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"

namespace strata::chips::systolic {
namespace {

constexpr std::array<const char*, 8> kConvolutionColumns = {
    "name",         "ifmap height", "ifmap width", "filter height",
    "filter width", "channels",     "filters",     "stride"};
constexpr std::array<const char*, 4> kGemmColumns = {"name", "M", "N", "K"};

using Cells = std::vector<absl::string_view>;

// Without blanks around the cells and without empty cells at the end. SCALE-Sim never reads what stands
// behind the last comma: there, beyond the columns that are needed, may be a remark.
Cells SplitRow(absl::string_view row, size_t needed) {
  Cells cells = absl::StrSplit(row, ',');
  for (absl::string_view& cell : cells) cell = absl::StripAsciiWhitespace(cell);
  if (cells.size() > needed) cells.pop_back();
  while (!cells.empty() && cells.back().empty()) cells.pop_back();
  return cells;
}

bool IsGemmHeading(const Cells& heading) {
  return heading.size() >= 4 && absl::EqualsIgnoreCase(heading[1], "M") &&
         absl::EqualsIgnoreCase(heading[2], "N") && absl::EqualsIgnoreCase(heading[3], "K");
}

bool IsInteger(absl::string_view cell) {
  int64_t ignored;
  return absl::SimpleAtoi(cell, &ignored);
}

absl::Status CheckHeading(const Cells& heading) {
  if (heading.size() >= 4 && IsInteger(heading[1]) && IsInteger(heading[2]) &&
      IsInteger(heading[3])) {
    return absl::InvalidArgumentError(
        absl::StrCat("layer \"", heading[0],
                     "\" stands where the heading belongs (SCALE-Sim drops the first line); put a "
                     "heading such as \"Layer,M,N,K,\" above it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadCount(absl::string_view cell, absl::string_view column) {
  int64_t value;
  if (!absl::SimpleAtoi(cell, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat(column, ": \"", cell, "\" is no whole number of 64 bits"));
  }
  if (value < 1) {
    return absl::InvalidArgumentError(absl::StrCat(column, ": ", value, " is below 1"));
  }
  return value;
}

// Values of columns 1.. that `names` tells.
template <size_t kColumns>
absl::StatusOr<std::array<int64_t, kColumns>> ReadCounts(
    const Cells& cells, const std::array<const char*, kColumns>& names) {
  if (cells.size() < kColumns) {
    return absl::InvalidArgumentError(absl::StrCat(cells.size(), " columns; \"",
                                                   names[cells.size()], "\" is missing, ", kColumns,
                                                   " are needed"));
  }
  std::array<int64_t, kColumns> values{};
  for (size_t i = 1; i < kColumns; ++i) {
    STRATA_ASSIGN_OR_RETURN(values[i], ReadCount(cells[i], names[i]));
  }
  return values;
}

absl::Status ReadSparsity(absl::string_view cell, TopologyLayer* layer) {
  if (cell == "1") return absl::OkStatus();
  const std::vector<absl::string_view> ratio = absl::StrSplit(cell, ':');
  if (ratio.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", cell, "\" stands where a sparsity may; give it as N:M, such as 2:4"));
  }
  STRATA_ASSIGN_OR_RETURN(layer->sparsity_n, ReadCount(ratio[0], "sparsity N"));
  STRATA_ASSIGN_OR_RETURN(layer->sparsity_m, ReadCount(ratio[1], "sparsity M"));
  if (layer->sparsity_n > layer->sparsity_m) {
    return absl::InvalidArgumentError(
        absl::StrCat("sparsity: ", cell, " keeps more weights than there are; give N <= M"));
  }
  return absl::OkStatus();
}

// nullopt when the product is more than kMaxMacs. Factors are at least 1.
std::optional<int64_t> Product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor > kMaxMacs / product) return std::nullopt;
    product *= factor;
  }
  return product;
}

absl::Status SetGemm(std::optional<int64_t> m, int64_t n, std::optional<int64_t> k, Gemm* gemm) {
  if (!m || !k || !Product({*m, n, *k})) {
    return absl::UnimplementedError(
        absl::StrCat("more than ", kMaxMacs, " multiply-adds in one layer"));
  }
  *gemm = {*m, n, *k};
  return absl::OkStatus();
}

absl::Status ReadGemm(const Cells& cells, TopologyLayer* layer) {
  STRATA_ASSIGN_OR_RETURN(const auto v, ReadCounts(cells, kGemmColumns));
  for (size_t i = kGemmColumns.size(); i < cells.size(); ++i) {
    STRATA_RETURN_IF_ERROR(ReadSparsity(cells[i], layer));
  }
  layer->ifmap = {.height = v[1], .width = v[3], .filter_width = v[3], .ofmap_height = v[1]};
  return SetGemm(v[1], v[2], v[3], &layer->gemm);
}

struct Convolution {
  IfmapShape ifmap;
  int64_t filter_height = 0, filters = 0, batch = 1;
};

absl::StatusOr<Convolution> ReadConvolution(const Cells& cells, const Cells& heading,
                                            TopologyLayer* layer) {
  STRATA_ASSIGN_OR_RETURN(const auto v, ReadCounts(cells, kConvolutionColumns));
  if (v[3] > v[1] || v[4] > v[2]) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter ", v[3], "x", v[4], " is larger than the ifmap ", v[1], "x", v[2]));
  }
  const auto ofmap = [&](int64_t size, int64_t filter) {
    return 1 + (size - filter) / v[7] + ((size - filter) % v[7] != 0);
  };
  Convolution conv;
  conv.ifmap = {v[1], v[2], v[5], v[4], v[7], ofmap(v[1], v[3]), ofmap(v[2], v[4])};
  conv.filter_height = v[3];
  conv.filters = v[6];
  for (size_t i = kConvolutionColumns.size(); i < cells.size(); ++i) {
    if (i < heading.size() && absl::StartsWithIgnoreCase(heading[i], "batch")) {
      STRATA_ASSIGN_OR_RETURN(conv.batch, ReadCount(cells[i], "batch"));
    } else {
      STRATA_RETURN_IF_ERROR(ReadSparsity(cells[i], layer));
    }
  }
  return conv;
}

absl::Status SetShapes(const Convolution& conv, TopologyLayer* layer) {
  const IfmapShape& ifmap = layer->ifmap = conv.ifmap;
  return SetGemm(Product({ifmap.ofmap_height, ifmap.ofmap_width, conv.batch}), conv.filters,
                 Product({conv.filter_height, ifmap.filter_width, ifmap.channels}), &layer->gemm);
}

absl::Status TooManyLayers() {
  return absl::UnimplementedError(absl::StrCat("more than ", kMaxLayers, " layers"));
}

// Appends one layer, or one a channel of a depthwise convolution.
absl::Status AppendConvolution(const Cells& cells, const Cells& heading, TopologyLayer layer,
                               std::vector<TopologyLayer>* layers) {
  STRATA_ASSIGN_OR_RETURN(Convolution conv, ReadConvolution(cells, heading, &layer));
  if (!absl::StrContains(layer.name, "DP")) {
    STRATA_RETURN_IF_ERROR(SetShapes(conv, &layer));
    layers->push_back(std::move(layer));
    return absl::OkStatus();
  }
  const int64_t channels = std::exchange(conv.ifmap.channels, 1);
  STRATA_RETURN_IF_ERROR(SetShapes(conv, &layer));
  if (channels > kMaxLayers - static_cast<int64_t>(layers->size())) return TooManyLayers();
  const std::string name = layer.name;
  for (int64_t i = 0; i < channels; ++i) {
    layer.name = absl::StrCat(name, "Channel_", i);
    layers->push_back(layer);
  }
  return absl::OkStatus();
}

absl::Status AppendRow(const Cells& cells, const Cells& heading, bool gemm, int line,
                       std::vector<TopologyLayer>* layers) {
  TopologyLayer layer;
  layer.name = std::string(cells[0]);
  layer.line = line;
  if (!gemm) return AppendConvolution(cells, heading, std::move(layer), layers);
  STRATA_RETURN_IF_ERROR(ReadGemm(cells, &layer));
  layers->push_back(std::move(layer));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Topology> ParseTopology(absl::string_view text, absl::string_view where,
                                       TopologyKind kind) {
  Topology topology;
  Cells heading;
  bool gemm = false;
  int line = 0;
  for (const absl::string_view row : absl::StrSplit(text, '\n')) {
    const std::string place = absl::StrCat(where, ":", ++line);
    if (line == 1) {
      heading = SplitRow(row, std::string::npos);
      STRATA_RETURN_IF_ERROR(Annotate(CheckHeading(heading), place));
      gemm = kind == TopologyKind::kGemm || (kind == TopologyKind::kAuto && IsGemmHeading(heading));
      continue;
    }
    const Cells cells = SplitRow(row, gemm ? kGemmColumns.size() : kConvolutionColumns.size());
    if (cells.empty()) continue;
    STRATA_RETURN_IF_ERROR(
        Annotate(AppendRow(cells, heading, gemm, line, &topology.layers), place));
    if (static_cast<int64_t>(topology.layers.size()) > kMaxLayers) {
      return Annotate(TooManyLayers(), place);
    }
  }
  if (topology.layers.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ":", line, ": no layer; give a heading line and a layer a line"));
  }
  return topology;
}

absl::StatusOr<Topology> ReadTopology(const std::string& path, TopologyKind kind) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseTopology(text, path, kind);
}

}  // namespace strata::chips::systolic
