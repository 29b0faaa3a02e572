// What the lab says about systolic arrays, each sentence with the count that decides it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/chips/systolic_array/study.h"

namespace strata::courses {
namespace {

using chips::systolic::LayerReport;

enum Flow : size_t { kWs, kOs, kIs };

const LayerStudy& LayerOf(const NetworkStudy& network, const std::string& name) {
  return *std::find_if(network.layers.begin(), network.layers.end(),
                       [&](const LayerStudy& layer) { return layer.name == name; });
}

std::string Percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

Claim FormulasAreTheGrid(const Study& study) {
  const auto agrees = [](const GridPoint& point) { return point.Agrees(); };
  const auto right = std::count_if(study.grid.begin(), study.grid.end(), agrees);
  return {
      "Both closed forms count what the grids of processing elements do, cycle for cycle, and "
      "the grids give the product",
      right == static_cast<int64_t>(study.grid.size()) && right > 0,
      absl::StrCat(right, " of ", study.grid.size(),
                   " products, arrays and dataflows run register by register")};
}

Claim NoDataflowIsBest(const Study& study) {
  std::array<int, 3> wins = {};
  for (const LayerStudy& layer : study.mapped[kResNet50].layers) {
    size_t best = kWs;
    for (const size_t flow : {kOs, kIs}) {
      if (layer.plain[flow].cycles < layer.plain[best].cycles) best = flow;
    }
    ++wins[best];
  }
  return {"No dataflow is the fastest on every layer of one network",
          *std::max_element(wins.begin(), wins.end()) <
              static_cast<int>(study.mapped[kResNet50].layers.size()),
          absl::StrFormat("ResNet-50 on 32 x 32, plain: ws wins %d layers, os %d, is %d", wins[kWs],
                          wins[kOs], wins[kIs])};
}

Claim OutputsAtRestLikeLongSums(const Study& study) {
  const LayerStudy& layer = LayerOf(study.mapped[kResNet50], "conv5 3x3");
  const int64_t ws = layer.plain[kWs].cycles, os = layer.plain[kOs].cycles;
  return {
      "Plain counting: where sums are long and rows few (conv5 3x3: K = 4608, M = 49), outputs "
      "at rest need less than half the cycles of weights at rest",
      2 * os < ws,
      absl::StrFormat("os %d cycles, ws %d: %.2f times as many; ws pays 2R + C - 2 = 94 cycles "
                      "to fill, load and drain for 49 of work",
                      os, ws, static_cast<double>(ws) / static_cast<double>(os))};
}

Claim WeightsAtRestLikeLongStreams(const Study& study) {
  const LayerStudy& layer = LayerOf(study.mapped[kResNet50], "conv2 out");
  const int64_t ws = layer.plain[kWs].cycles, os = layer.plain[kOs].cycles;
  return {
      "Plain counting: where streams are long and sums short (conv2 out: M = 3136, K = 64), "
      "weights at rest win",
      3 * ws < 2 * os,
      absl::StrFormat("ws %d cycles, os %d: %.2f times as many", ws, os,
                      static_cast<double>(os) / static_cast<double>(ws))};
}

Claim OverlapTurnsTheVerdict(const Study& study) {
  const LayerStudy& layer = LayerOf(study.mapped[kResNet50], "conv5 3x3");
  return {
      "Honest counting turns that verdict around: once the next weights load behind the work, "
      "weights at rest beat outputs at rest on conv5 3x3",
      layer.plain[kOs].cycles < layer.plain[kWs].cycles &&
          layer.honest[kWs].cycles < layer.honest[kOs].cycles,
      absl::StrFormat("ws %d to %d cycles, os %d to %d: what is left of os's loss is its "
                      "mapping, 49 rows on 2 x 32",
                      layer.plain[kWs].cycles, layer.honest[kWs].cycles, layer.plain[kOs].cycles,
                      layer.honest[kOs].cycles)};
}

Claim OverlapReachesTheMapping(const Study& study) {
  double least = 1;
  int layers = 0;
  for (const NetworkStudy& network : study.mapped) {
    for (const LayerStudy& layer : network.layers) {
      if (layer.gemm.m < network.array.rows) continue;
      const double attained =
          Utilization(layer.gemm.Macs(), layer.honest[kWs].cycles, network.array);
      least = std::min(least, 100 * attained / layer.plain[kWs].mapping_efficiency);
      ++layers;
    }
  }
  return {
      "Honest counting, weights at rest: with at least R rows of A only the mapping is lost; "
      "more than 99 % of the mapped cells' cycles are work",
      least > 0.99 && layers > 10,
      absl::StrFormat("%d layers on 32 x 32, the worst at %s", layers, Percent(least))};
}

Claim DecodeWaitsForWeights(const Study& study) {
  double most = 0;
  for (const NetworkStudy& network : study.by_side[kDecode]) {
    most = std::max(most, network.Utilization(kWs, true) * static_cast<double>(network.array.rows));
  }
  const double on128 = study.by_side[kDecode][4].Utilization(kWs, true);
  return {
      "No overlap helps decode with weights at rest: a weight takes its column R cycles to "
      "load and works for one, so utilisation stays below 1/R",
      most <= 1, absl::StrFormat("%s on 128 x 128, bound %s", Percent(on128), Percent(1.0 / 128))};
}

Claim ShortSumsStarve(const Study& study) {
  bool bounded = true;
  double head = 0, longest = 0;
  for (const SweepPoint& point : study.by_k) {
    const double bound = std::min(1.0, static_cast<double>(point.size) / kSweepSide);
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      bounded = bounded && point.plain[d] <= bound && point.honest[d] <= bound;
    }
    if (point.size == kSweepSide / 2) head = point.honest[kWs];
    longest = point.honest[kWs];
  }
  return {
      "Short sums starve every dataflow: K below R gives at most K/R of the array, however long "
      "the stream. Operands at rest leave rows empty; outputs at rest take R cycles to leave "
      "behind K of work",
      bounded && head > 0.3 && longest > 0.95,
      absl::StrFormat("M = 1024, N = 128 on 128 x 128, honest: K = 64, the head of an "
                      "attention, gives ws %s, K = 4096 %s",
                      Percent(head), Percent(longest))};
}

Claim WideBeatsTallForDecode(const Study& study) {
  const auto& forms = study.by_form[kDecode];
  const NetworkStudy& wide = forms.front();
  const NetworkStudy& tall = forms.back();
  const double plain =
      static_cast<double>(tall.Cycles(kWs, false)) / static_cast<double>(wide.Cycles(kWs, false));
  const double honest =
      static_cast<double>(tall.Cycles(kWs, true)) / static_cast<double>(wide.Cycles(kWs, true));
  return {
      "For decode a wide array beats a tall one of as many cells: rows are what loading "
      "weights costs",
      plain > 1.3 && honest > 20,
      absl::StrFormat("8 x 512 against 512 x 8, ws: %.1f times the cycles plain, %.0f times "
                      "honest",
                      plain, honest)};
}

Claim SquareIsNotLaw(const Study& study) {
  std::array<size_t, 2> best = {};
  const LabNetwork networks[] = {kResNet50, kDecode};
  for (size_t i = 0; i < 2; ++i) {
    const auto& forms = study.by_form[networks[i]];
    for (size_t form = 0; form < forms.size(); ++form) {
      if (forms[form].Cycles(kWs, true) < forms[best[i]].Cycles(kWs, true)) best[i] = form;
    }
  }
  const auto text = [&](size_t i) {
    const auto& array = study.by_form[networks[i]][best[i]].array;
    return absl::StrCat(array.rows, " x ", array.columns);
  };
  return {"The best form of 4096 cells depends on the network", best[0] != best[1],
          absl::StrCat("honest, ws: ", text(0), " for ResNet-50, ", text(1), " for decode")};
}

Claim LargeArraysAreHarderToFill(const Study& study) {
  bool falls = true;
  const auto& sides = study.by_side[kResNet50];
  for (size_t i = 1; i < sides.size(); ++i) {
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      falls = falls && sides[i].Utilization(d, false) < sides[i - 1].Utilization(d, false) &&
              sides[i].Cycles(d, false) < sides[i - 1].Cycles(d, false);
    }
  }
  return {"A larger array is faster and worse used, at every doubling and with every dataflow",
          falls,
          absl::StrFormat("ResNet-50, ws, plain: %s of 8 x 8, %s of 256 x 256",
                          Percent(sides.front().Utilization(kWs, false)),
                          Percent(sides.back().Utilization(kWs, false)))};
}

Claim RestSavesTraffic(const Study& study) {
  bool once = true, least = true;
  for (const NetworkStudy& network : study.mapped) {
    for (const LayerStudy& layer : network.layers) {
      const auto& [ws, os, is] = layer.plain;
      once = once && ws.filter_reads == layer.gemm.k * layer.gemm.n &&
             os.ofmap_writes == layer.gemm.m * layer.gemm.n &&
             is.ifmap_reads == layer.gemm.m * layer.gemm.k;
      least = least && ws.filter_reads <= std::min(os.filter_reads, is.filter_reads) &&
              os.ofmap_writes <= std::min(ws.ofmap_writes, is.ofmap_writes) &&
              is.ifmap_reads <= std::min(ws.ifmap_reads, os.ifmap_reads);
    }
  }
  const LayerStudy& layer = LayerOf(study.mapped[kResNet50], "conv5 3x3");
  return {"What rests passes the scratchpad's port once, and no other dataflow moves less of it",
          once && least,
          absl::StrFormat("conv5 3x3: ws reads each weight once and writes each sum %d times; os "
                          "writes it once and reads each weight %d times",
                          layer.plain[kWs].ofmap_writes / (layer.gemm.m * layer.gemm.n),
                          layer.plain[kOs].filter_reads / (layer.gemm.k * layer.gemm.n))};
}

Claim BandwidthDecides(const Study& study) {
  bool falls = true;
  for (size_t i = 1; i < study.dram.size(); ++i) {
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      falls = falls && study.dram[i].cycles[d] <= study.dram[i - 1].cycles[d];
    }
  }
  const DramPoint& narrow = study.dram.front();
  const auto stalled = [&](const DramPoint& point, size_t d) {
    return static_cast<double>(point.stalls[d]) / static_cast<double>(point.cycles[d]);
  };
  const double narrow_share = stalled(narrow, kWs), wide_share = stalled(study.dram.back(), kWs);
  return {
      "With a word a cycle from DRAM an array of 1024 cells mostly waits; bandwidth ends that, "
      "and never costs a cycle",
      falls && narrow_share > 0.5 && wide_share < 0.05,
      absl::StrFormat("%s, ws: %s of all cycles are stalls at a word a cycle, %s at 256",
                      study.dram_layer, Percent(narrow_share), Percent(wide_share))};
}

}  // namespace

std::vector<Claim> ClaimsOf(const Study& study) {
  return {FormulasAreTheGrid(study),
          NoDataflowIsBest(study),
          OutputsAtRestLikeLongSums(study),
          WeightsAtRestLikeLongStreams(study),
          OverlapTurnsTheVerdict(study),
          OverlapReachesTheMapping(study),
          DecodeWaitsForWeights(study),
          ShortSumsStarve(study),
          WideBeatsTallForDecode(study),
          SquareIsNotLaw(study),
          LargeArraysAreHarderToFill(study),
          RestSavesTraffic(study),
          BandwidthDecides(study)};
}

}  // namespace strata::courses
