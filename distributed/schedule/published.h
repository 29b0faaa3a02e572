// What others measured of these schedules, and what two numbers a model say of all of it.
//
//   for (const std::string& model : PublishedModels()) {
//     const Calibration fit = CalibrationOf(model);       // from rows of 1F1B, ZB-1p and ZB-2p
//     for (const PublishedRow& row : PublishedRows())
//       if (row.model == model) Compare(row.samples_per_gpu_s, PredictedRate(row, fit));
//   }
//
// Source: Qi et al. 2023, Zero Bubble Pipeline Parallelism, arXiv:2401.10241, table 4
// (A100-SXM-80GB, 8 a node, sequences of 1024).
#ifndef STRATA_DISTRIBUTED_SCHEDULE_PUBLISHED_H_
#define STRATA_DISTRIBUTED_SCHEDULE_PUBLISHED_H_

#include <string>
#include <vector>

#include "base/status.h"

namespace strata::schedule {

struct PublishedRow {
  std::string model;  // "1.5B"
  int ranks = 0;      // GPUs, all of the pipeline
  int microbatches = 0;
  std::string schedule;  // "1F1B", "1F1B-I", "ZB-1p", "ZB-2p"
  double samples_per_gpu_s = 0;
  double memory_gb = 0;  // peak of the GPU that needs most
};

const std::vector<PublishedRow>& PublishedRows();
std::vector<std::string> PublishedModels();  // in the order of the rows

// Of one model: F = B, W = weight_share * F, no communication.
struct Calibration {
  double rate = 0;  // samples a GPU a second without bubbles: the mean of what 1F1B's rows say
  double weight_share =
      0;  // in steps of 0.01: where the closed forms of ZB-H1 and ZB-H2 miss least
};

Calibration CalibrationOf(const std::string& model);

// The row's rate by simulation: ZB-1p as zb_h1 and ZB-2p as zb_h2 over a rank's own span (the
// paper's optimizer does not wait), 1F1B-I as interleaved_1f1b of two chunks a rank (the paper does
// not say how many).
absl::StatusOr<double> PredictedRate(const PublishedRow& row, const Calibration& calibration);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_PUBLISHED_H_
