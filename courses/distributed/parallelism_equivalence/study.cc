#include "courses/distributed/parallelism_equivalence/study.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::courses {
namespace {

using distributed::MatrixResult;

// What is at most rounding, and what can be none: relative errors of mistakes and of what is right.
constexpr double kRight = 1e-4, kWrong = 1e-3;

double OffBy(const Mistake& mistake) {
  return std::max({mistake.loss, mistake.gradient, mistake.update});
}

absl::Status RunMemory(EquivalenceStudy* study) {
  using parallel::ZeroStage;
  for (const ZeroStage zero :
       {parallel::ZERO_STAGE_UNSPECIFIED, parallel::ZERO_1, parallel::ZERO_2, parallel::ZERO_3}) {
    distributed::MatrixRow row{.model_name = "gpt", .model = {}};
    row.parallelism.dp = 4;
    row.parallelism.zero = zero;
    STRATA_ASSIGN_OR_RETURN(MatrixResult result, Measure(row));
    study->memory.push_back(std::move(result));
  }
  return absl::OkStatus();
}

Claim RowsAreOneDevice(const EquivalenceStudy& study) {
  double worst = 0;
  int64_t gradients = 0;
  for (const MatrixResult& row : study.rows) {
    worst = std::max(worst, row.worst);
    gradients += row.gradients;
  }
  return {
      "Every combination trains like one device: loss, all gradients, all updates",
      worst <= 1 && study.unequal.empty(),
      absl::StrFormat("%d combinations, %d gradients; the worst uses %.0f %% of its tolerance%s",
                      static_cast<int>(study.rows.size()), static_cast<int>(gradients), 100 * worst,
                      study.unequal.empty() ? "" : absl::StrCat("; ", study.unequal.front()))};
}

Claim BytesAreTheFormulas(const EquivalenceStudy& study) {
  int equal = 0;
  for (const MatrixResult& row : study.rows) equal += row.wire_bytes == row.wire_formula;
  return {"Bytes between ranks are those of the formula, to the byte",
          equal == static_cast<int>(study.rows.size()),
          absl::StrFormat("%d of %d", equal, static_cast<int>(study.rows.size()))};
}

Claim MemoryIsTheModels(const EquivalenceStudy& study) {
  double furthest = 0;
  for (const MatrixResult& row : study.rows)
    furthest = std::max(furthest, std::fabs(row.peak_ratio - 1));
  return {"The fullest moment of every rank is within 1 % of the model", furthest <= 0.01,
          absl::StrFormat("the furthest is %.2f %% off", 100 * furthest)};
}

Claim ZeroSavesMemory(const EquivalenceStudy& study) {
  bool falls = true;
  std::string evidence;
  for (size_t i = 0; i < study.memory.size(); ++i) {
    falls = falls && (i == 0 || study.memory[i].peak_bytes < study.memory[i - 1].peak_bytes);
    absl::StrAppendFormat(&evidence, "%s%s %.0f kB", i == 0 ? "" : ", ", study.memory[i].name,
                          static_cast<double>(study.memory[i].peak_bytes) / 1e3);
  }
  return {"Each stage of ZeRO holds less at its peak than the one before", falls, evidence};
}

Claim RightIsRight(const EquivalenceStudy& study) {
  double worst = 0;
  for (const Mistake& mistake : study.mistakes) {
    if (mistake.what == "none") worst = std::max(worst, OffBy(mistake));
  }
  return {"Without a mistake ranks are off by rounding only", worst < kRight,
          absl::StrFormat("by %.1e of the largest element", worst)};
}

Claim EveryMistakeShows(const EquivalenceStudy& study) {
  const int made = MistakesMade(study), seen = MistakesSeen(study);
  double least = 1e300;
  for (const Mistake& mistake : study.mistakes) {
    if (mistake.what != "none") least = std::min(least, OffBy(mistake));
  }
  return {
      "Every collective left out, and every mean in the place of a sum, shows in loss, gradients "
      "or "
      "updates",
      made > 0 && made == seen,
      absl::StrFormat("%d of %d; the least is off by %.2g %%", seen, made, 100 * least)};
}

// A mistake may leave the loss as it is: the loss alone proves nothing.
Claim TheLossHidesMistakes(const EquivalenceStudy& study) {
  int hidden = 0, made = 0;
  for (const Mistake& mistake : study.mistakes) {
    if (mistake.what == "none") continue;
    ++made;
    hidden += mistake.loss < kRight;
  }
  return {"Most of these mistakes leave the step's loss as it is: only gradients tell",
          2 * hidden > made, absl::StrFormat("%d of %d", hidden, made)};
}

}  // namespace

int MistakesMade(const EquivalenceStudy& study) {
  int made = 0;
  for (const Mistake& mistake : study.mistakes) made += mistake.what != "none";
  return made;
}

int MistakesSeen(const EquivalenceStudy& study) {
  int seen = 0;
  for (const Mistake& mistake : study.mistakes)
    seen += mistake.what != "none" && OffBy(mistake) > kWrong;
  return seen;
}

absl::StatusOr<EquivalenceStudy> RunEquivalenceStudy(int every) {
  EquivalenceStudy study;
  const std::vector<distributed::MatrixRow> matrix = distributed::EquivalenceMatrix();
  for (size_t i = 0; i < matrix.size(); i += static_cast<size_t>(every)) {
    absl::StatusOr<MatrixResult> result = Measure(matrix[i]);
    if (!result.ok()) return Annotate(result.status(), matrix[i].name());
    const absl::Status status = distributed::Check(*result);
    if (!status.ok()) study.unequal.push_back(absl::StrCat(result->name, ": ", status.message()));
    study.rows.push_back(*std::move(result));
  }
  STRATA_RETURN_IF_ERROR(RunMemory(&study));
  STRATA_ASSIGN_OR_RETURN(study.mistakes, MakeMistakes());
  return study;
}

std::vector<Claim> ClaimsOf(const EquivalenceStudy& study) {
  return {RowsAreOneDevice(study),    BytesAreTheFormulas(study), MemoryIsTheModels(study),
          ZeroSavesMemory(study),     RightIsRight(study),        EveryMistakeShows(study),
          TheLossHidesMistakes(study)};
}

}  // namespace strata::courses
