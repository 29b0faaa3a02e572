// The tour: what its chapters share. Each chapter reads what the ones before it left here and adds its own.
//
//   corpus -> training on two ranks -> the road of one tensor -> int8 -> server -> report
#ifndef STRATA_COURSES_TOUR_TOUR_H_
#define STRATA_COURSES_TOUR_TOUR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "chips/timeline/timeline.pb.h"
#include "courses/lab/claims.h"
#include "courses/lab/report.h"
#include "inference/engine/engine.h"
#include "llm/train/run.h"

namespace strata::courses {

struct TourOptions {
  std::vector<std::string> corpus;  // files; empty: the system's C and C++ headers
  std::string output = "strata-tour";
  int64_t steps = 0;               // of training; 0: what fits in about a minute
  int64_t corpus_bytes = 3 << 20;  // at most this much text is read
  uint64_t seed = 1;
  int port = 0;        // of the server; 0: any free one
  bool quick = false;  // a smaller model for tests
};

// One row of the roofline comparison: the same step of the plan on a machine.
struct KernelTime {
  std::string machine;
  std::string source;  // "measured" or "modelled"
  double seconds = 0;
  std::string bound;  // "compute", "memory", "overhead"
};

// The road of one tensor through the layers.
struct TensorRoad {
  std::string model_line;              // scope and source line
  std::vector<std::string> nodes;      // of the graph, as text
  std::vector<std::string> gradients;  // of the backward pass
  std::string step_name, reason;       // of the plan
  std::string kernel_source, loop_nest;
  double flops = 0, bytes = 0;
  std::vector<KernelTime> times;
};

struct Tour {
  TourOptions options;
  std::string work;  // folder for checkpoints and the corpus
  chips::Chip host;

  // Chapter 1: text.
  std::string corpus_summary;
  llm::Recipe recipe;
  llm::TrainingText text;

  // Chapter 2: training.
  llm::RunResult training;                // two ranks
  std::vector<llm::StepResult> one_rank;  // the same first steps on one
  std::vector<llm::StepResult> resumed;   // the same last steps after a resume
  double training_seconds = 0;

  // Chapter 3: the road of one tensor, and predictions of the whole step.
  TensorRoad road;
  std::vector<chips::Timeline> predictions;  // of the training step, one a chip: host first

  // Chapter 4: generation, quantisation, serving.
  std::string prompt, offline_text, served_text, int8_text;
  double int8_bytes = 0, f32_bytes = 0, int8_agreement = 0;
  double decode_tokens_per_second = 0, int8_tokens_per_second = 0;
  int port = 0;

  std::vector<Claim> claims;
};

absl::Status ReadText(Tour& tour);          // corpus.cc
absl::Status Train(Tour& tour);             // training.cc
absl::Status FollowTensor(Tour& tour);      // road.cc
absl::Status Serve(Tour& tour);             // serving.cc
Report MakeReport(const Tour& tour);        // report.cc
absl::Status WriteTrace(const Tour& tour);  // report.cc: trace.json

}  // namespace strata::courses

#endif  // STRATA_COURSES_TOUR_TOUR_H_
