#include "chips/npu/systolic/memory_model.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/npu/systolic/operand_stream.h"

namespace strata::chips::systolic {
namespace {

// What the estimating buffers do in a cycle: they never wait.
struct EstimatedReads {
  EstimatedReads(const OperandStream& stream, const MemoryConfig& memory)
      : ifmap(memory.ifmap_bytes, stream.ifmap_words()),
        filter(memory.filter_bytes, stream.filter_words()) {}

  int64_t Step(const OperandStream& stream, int64_t column_fold, int64_t row_fold, int64_t cycle,
               int64_t now) {
    stream.Ifmap(column_fold, row_fold, cycle, [&](int64_t a) { ifmap.Read(now, a); });
    stream.Filter(column_fold, row_fold, cycle, [&](int64_t a) { filter.Read(now, a); });
    return 0;
  }

  EstimatedReadBuffer ifmap, filter;
};

// Row by row, rows of `width` words of which those of the last fold may be missing (-1).
struct FetchTable {
  int64_t width = 0;
  std::vector<int32_t> words;

  // Along the diagonals, from the lower left up: the order in which a skewed array asks.
  std::vector<int32_t> Diagonals() const {
    std::vector<int32_t> list;
    list.reserve(words.size());
    const int64_t rows = static_cast<int64_t>(words.size()) / width;
    for (int64_t d = 0; d < rows + width - 1; ++d) {
      for (int64_t r = std::min(d, rows - 1); r >= std::max<int64_t>(0, d - width + 1); --r) {
        list.push_back(words[static_cast<size_t>(r * width + d - r)]);
      }
    }
    return list;
  }
};

// One row a `step`, one column a lane: a table for each fold of `lanes` under the one before.
template <typename Address>
FetchTable MakeTable(int64_t lanes, int64_t width, int64_t steps, const Address& address) {
  FetchTable table{.width = width, .words = {}};
  for (int64_t lane0 = 0; lane0 < lanes; lane0 += width) {
    for (int64_t step = 0; step < steps; ++step) {
      for (int64_t lane = lane0; lane < lane0 + width; ++lane) {
        table.words.push_back(lane < lanes ? static_cast<int32_t>(address(lane, step)) : -1);
      }
    }
  }
  return table;
}

std::vector<int32_t> IfmapList(const OperandStream& stream, const ArrayShape& array,
                               Dataflow dataflow) {
  const Mapping& map = stream.mapping();
  const auto by_column = [&](int64_t k, int64_t m) { return stream.IfmapAddress(m, k); };
  const auto by_row = [&](int64_t m, int64_t k) { return stream.IfmapAddress(m, k); };
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      return MakeTable(map.rows, array.rows, map.time, by_column).Diagonals();
    case Dataflow::kInputStationary:
      return MakeTable(map.columns, array.columns, map.rows, by_row).words;
    case Dataflow::kOutputStationary:
      return MakeTable(map.rows, array.rows, map.time, by_row).Diagonals();
  }
  return {};
}

std::vector<int32_t> FilterList(const OperandStream& stream, const ArrayShape& array,
                                Dataflow dataflow) {
  const Mapping& map = stream.mapping();
  const auto by_filter = [&](int64_t n, int64_t k) { return stream.FilterAddress(k, n); };
  const auto by_tap = [&](int64_t k, int64_t n) { return stream.FilterAddress(k, n); };
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      return MakeTable(map.columns, array.columns, map.rows, by_filter).words;
    case Dataflow::kInputStationary:
      return MakeTable(map.rows, array.rows, map.time, by_tap).Diagonals();
    case Dataflow::kOutputStationary:
      return MakeTable(map.columns, array.columns, map.time, by_filter).Diagonals();
  }
  return {};
}

struct PrefetchedReads {
  PrefetchedReads(const OperandStream& stream, const ArrayShape& array, Dataflow dataflow,
                  const MemoryConfig& memory)
      : ifmap(memory.ifmap_bytes, memory.bandwidth, IfmapList(stream, array, dataflow),
              stream.ifmap_words()),
        filter(memory.filter_bytes, memory.bandwidth, FilterList(stream, array, dataflow),
               stream.filter_words()) {}

  int64_t Step(const OperandStream& stream, int64_t column_fold, int64_t row_fold, int64_t cycle,
               int64_t now) {
    ifmap.BeginLine(now);
    stream.Ifmap(column_fold, row_fold, cycle, [&](int64_t a) { ifmap.Read(a); });
    filter.BeginLine(now);
    stream.Filter(column_fold, row_fold, cycle, [&](int64_t a) { filter.Read(a); });
    return std::max(ifmap.EndLine(), filter.EndLine());
  }

  PrefetchedReadBuffer ifmap, filter;
};

template <typename Reads>
MemoryReport Simulate(const OperandStream& stream, Reads reads, WriteBuffer ofmap) {
  MemoryReport report;
  const Mapping& map = stream.mapping();
  int64_t line = 0;
  for (int64_t c = 0; c < map.column_folds; ++c) {
    for (int64_t r = 0; r < map.row_folds; ++r) {
      for (int64_t cycle = 0; cycle < stream.fold_cycles(); ++cycle, ++line) {
        const int64_t now = line + report.stall_cycles;
        const int64_t waited = reads.Step(stream, c, r, cycle, now);
        const int64_t written = ofmap.Write(now, stream.OfmapWords(c, r, cycle));
        report.stall_cycles += std::max(waited, written - now);
        report.cycles = std::max(report.cycles, written);
      }
    }
  }
  report.ifmap = reads.ifmap.Finish();
  report.filter = reads.filter.Finish();
  report.ofmap = ofmap.Finish(report.cycles);
  report.cycles_with_prefetch =
      report.ofmap.last_cycle - std::min(report.ifmap.first_cycle, report.filter.first_cycle);
  return report;
}

absl::Status CheckField(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": ", value, " is outside [", least, ", ", most, "]"));
}

// A, B, C and the ifmap, in words. The first three fit in 64 bits because their product does.
bool IsSmall(const TopologyLayer& layer) {
  const Gemm& gemm = layer.gemm;
  const IfmapShape& ifmap = layer.ifmap;
  if (ifmap.height > kMaxOperandWords / ifmap.width) return false;
  const int64_t images = gemm.m / (ifmap.ofmap_height * ifmap.ofmap_width);
  return ifmap.height * ifmap.width <= kMaxOperandWords / ifmap.channels / images &&
         std::max({gemm.m * gemm.k, gemm.k * gemm.n, gemm.m * gemm.n}) <= kMaxOperandWords;
}

}  // namespace

absl::Status CheckMemory(const MemoryConfig& memory) {
  constexpr int64_t kLeast = 1024, kMost = int64_t{1} << 30;
  STRATA_RETURN_IF_ERROR(CheckField("ifmap_bytes", memory.ifmap_bytes, kLeast, kMost));
  STRATA_RETURN_IF_ERROR(CheckField("filter_bytes", memory.filter_bytes, kLeast, kMost));
  STRATA_RETURN_IF_ERROR(CheckField("ofmap_bytes", memory.ofmap_bytes, kLeast, kMost));
  STRATA_RETURN_IF_ERROR(CheckField("bandwidth", memory.bandwidth, 1, 65536));
  if ((memory.ifmap_bytes | memory.filter_bytes | memory.ofmap_bytes) % 2 != 0) {
    return absl::InvalidArgumentError(
        "ifmap_bytes, filter_bytes, ofmap_bytes: have two halves; give even sizes");
  }
  return absl::OkStatus();
}

absl::StatusOr<MemoryReport> RunMemory(const TopologyLayer& layer, const ArrayShape& array,
                                       Dataflow dataflow, const MemoryConfig& memory) {
  STRATA_RETURN_IF_ERROR(CheckMemory(memory));
  const Gemm& gemm = layer.gemm;
  if (!IsSmall(layer)) {
    return absl::UnimplementedError(absl::StrCat("layer \"", layer.name,
                                                 "\": an operand of more than ", kMaxOperandWords,
                                                 " words; run it without the memory model"));
  }
  const OperandStream stream(layer, array, dataflow);
  MemoryReport report;
  if (memory.mode == MemoryMode::kCalc) {
    report = Simulate(stream, EstimatedReads(stream, memory),
                      WriteBuffer(memory.ofmap_bytes, array.columns));
  } else {
    report = Simulate(stream, PrefetchedReads(stream, array, dataflow, memory),
                      WriteBuffer(memory.ofmap_bytes, memory.bandwidth));
  }
  report.overall_utilization =
      static_cast<double>(gemm.Macs() * 100) /
      static_cast<double>(std::max<int64_t>(report.cycles, 1) * array.Pes());
  return report;
}

}  // namespace strata::chips::systolic
