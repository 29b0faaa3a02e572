#include "distributed/schedule/published.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "distributed/schedule/schedules.h"
#include "distributed/schedule/simulate.h"

namespace strata::schedule {
namespace {

// Fraction of a step that is work, by the closed forms, with F = B = 1.
double Efficiency(const PublishedRow& row, double weight_share) {
  const double work = row.microbatches * (2 + weight_share);
  const double ranks = row.ranks - 1;
  if (row.schedule == "ZB-1p") return work / (work + ranks * (2 - weight_share));
  if (row.schedule == "ZB-2p") return work / (work + ranks * std::max(0.0, 2 - 2 * weight_share));
  return work / (work + ranks * (2 + weight_share));
}

}  // namespace

const std::vector<PublishedRow>& PublishedRows() {
  static const auto* rows = new std::vector<PublishedRow>{
      {"1.5B", 8, 24, "ZB-2p", 14.5, 59},     {"1.5B", 8, 32, "ZB-2p", 14.8, 59},
      {"1.5B", 8, 64, "ZB-2p", 14.9, 59},     {"1.5B", 8, 24, "ZB-1p", 12.9, 32},
      {"1.5B", 8, 32, "ZB-1p", 13.4, 32},     {"1.5B", 8, 64, "ZB-1p", 14.2, 32},
      {"1.5B", 8, 24, "1F1B", 11.8, 30},      {"1.5B", 8, 32, "1F1B", 12.5, 30},
      {"1.5B", 8, 64, "1F1B", 13.6, 30},      {"1.5B", 8, 24, "1F1B-I", 13.1, 40},
      {"1.5B", 8, 32, "1F1B-I", 13.4, 40},    {"1.5B", 8, 64, "1F1B-I", 13.9, 40},
      {"6.2B", 8, 24, "ZB-2p", 4.32, 70},     {"6.2B", 8, 32, "ZB-2p", 4.35, 70},
      {"6.2B", 8, 64, "ZB-2p", 4.39, 70},     {"6.2B", 8, 24, "ZB-1p", 3.88, 42},
      {"6.2B", 8, 32, "ZB-1p", 4.0, 42},      {"6.2B", 8, 64, "ZB-1p", 4.2, 42},
      {"6.2B", 8, 24, "1F1B", 3.5, 39},       {"6.2B", 8, 32, "1F1B", 3.7, 39},
      {"6.2B", 8, 64, "1F1B", 4.03, 39},      {"6.2B", 8, 24, "1F1B-I", 4.01, 48},
      {"6.2B", 8, 32, "1F1B-I", 4.08, 48},    {"6.2B", 8, 64, "1F1B-I", 4.19, 48},
      {"14.6B", 16, 48, "ZB-2p", 1.81, 51},   {"14.6B", 16, 64, "ZB-2p", 1.83, 51},
      {"14.6B", 16, 128, "ZB-2p", 1.85, 51},  {"14.6B", 16, 48, "ZB-1p", 1.61, 33},
      {"14.6B", 16, 64, "ZB-1p", 1.67, 33},   {"14.6B", 16, 128, "ZB-1p", 1.76, 33},
      {"14.6B", 16, 48, "1F1B", 1.4, 32},     {"14.6B", 16, 64, "1F1B", 1.49, 32},
      {"14.6B", 16, 128, "1F1B", 1.64, 32},   {"14.6B", 16, 48, "1F1B-I", 1.54, 39},
      {"14.6B", 16, 64, "1F1B-I", 1.59, 39},  {"14.6B", 16, 128, "1F1B-I", 1.66, 39},
      {"28.3B", 32, 96, "ZB-2p", 0.99, 74},   {"28.3B", 32, 128, "ZB-2p", 1.0, 74},
      {"28.3B", 32, 256, "ZB-2p", 1.0, 74},   {"28.3B", 32, 96, "ZB-1p", 0.87, 44},
      {"28.3B", 32, 128, "ZB-1p", 0.9, 44},   {"28.3B", 32, 256, "ZB-1p", 0.96, 44},
      {"28.3B", 32, 96, "1F1B", 0.76, 43},    {"28.3B", 32, 128, "1F1B", 0.8, 43},
      {"28.3B", 32, 256, "1F1B", 0.88, 43},   {"28.3B", 32, 96, "1F1B-I", 0.82, 58},
      {"28.3B", 32, 128, "1F1B-I", 0.85, 58}, {"28.3B", 32, 256, "1F1B-I", 0.9, 58},
  };
  return *rows;
}

std::vector<std::string> PublishedModels() {
  std::vector<std::string> models;
  for (const PublishedRow& row : PublishedRows()) {
    if (models.empty() || models.back() != row.model) models.push_back(row.model);
  }
  return models;
}

Calibration CalibrationOf(const std::string& model) {
  std::vector<PublishedRow> zero_bubble;
  double rates = 0;
  int count = 0;
  for (const PublishedRow& row : PublishedRows()) {
    if (row.model != model) continue;
    if (row.schedule == "1F1B") {
      rates += row.samples_per_gpu_s / Efficiency(row, 1);
      ++count;
    } else if (row.schedule != "1F1B-I") {
      zero_bubble.push_back(row);
    }
  }
  Calibration best = {.rate = rates / count};
  double least = -1;
  for (int hundredths = 1; hundredths <= 200; ++hundredths) {
    const double share = hundredths / 100.0;
    double miss = 0;
    for (const PublishedRow& row : zero_bubble) {
      const double predicted = best.rate * Efficiency(row, share);
      miss += std::pow(predicted / row.samples_per_gpu_s - 1, 2);
    }
    if (least >= 0 && miss >= least) continue;
    least = miss;
    best.weight_share = share;
  }
  return best;
}

absl::StatusOr<double> PredictedRate(const PublishedRow& row, const Calibration& calibration) {
  const bool interleaved = row.schedule == "1F1B-I";
  const std::string name = interleaved               ? "interleaved_1f1b"
                           : row.schedule == "ZB-1p" ? "zb_h1"
                           : row.schedule == "ZB-2p" ? "zb_h2"
                                                     : "1f1b";
  STRATA_ASSIGN_OR_RETURN(
      const Schedule schedule,
      MakeSchedule(name, {.ranks = row.ranks, .microbatches = row.microbatches}));
  SlotTimes times = {.forward = 100, .backward_input = 100};
  times.weight = std::lround(100 * calibration.weight_share);
  STRATA_ASSIGN_OR_RETURN(const Simulation run, Simulate(schedule, times));
  int64_t longest = 0;
  for (const RankUse& rank : run.ranks) longest = std::max(longest, rank.end - rank.start);
  const bool waits = name == "1f1b" || interleaved;
  const double step = static_cast<double>(waits ? run.makespan : longest);
  return calibration.rate * static_cast<double>(run.ranks[0].busy) / step;
}

}  // namespace strata::schedule
