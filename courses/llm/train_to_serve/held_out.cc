#include "courses/llm/train_to_serve/held_out.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "inference/engine/compiled_step_runner.h"

namespace strata::courses {
namespace {

using inference::CompiledStepRunner;
using inference::StepRow;

constexpr int64_t kStepRows = 64;

// The rows of all texts, a view and slots of its own for each. A text of zeros at the end fills the last step, so that all
// steps are of one plan.
std::vector<StepRow> MakeRows(const std::vector<std::vector<int32_t>>& texts) {
  std::vector<StepRow> rows;
  const auto add = [&](int32_t token, size_t position, size_t view) {
    rows.push_back({.token = token,
                    .position = static_cast<int32_t>(position),
                    .slot = static_cast<int32_t>(rows.size()) + 1,
                    .view = static_cast<int32_t>(view),
                    .length = static_cast<int32_t>(position) + 1,
                    .logits = true});
  };
  for (size_t text = 0; text < texts.size(); ++text)
    for (size_t i = 0; i + 1 < texts[text].size(); ++i) add(texts[text][i], i, text);
  for (size_t i = 0; rows.size() % kStepRows != 0; ++i) add(0, i, texts.size());
  return rows;
}

// Log softmax in place; returns the variance of the logits times (1 - sum of p^2).
double Normalize(absl::Span<float> logits) {
  double most = logits[0], mean = 0, squares = 0;
  for (float z : logits) {
    most = std::max<double>(most, z);
    mean += z;
    squares += static_cast<double>(z) * z;
  }
  const auto count = static_cast<double>(logits.size());
  mean /= count;
  double sum = 0, concentration = 0;
  for (float z : logits) sum += std::exp(z - most);
  const double log_sum = most + std::log(sum);
  for (float& z : logits) {
    z = static_cast<float>(z - log_sum);
    concentration += std::exp(2.0 * z);
  }
  return (squares / count - mean * mean) * (1 - concentration);
}

}  // namespace

absl::StatusOr<HeldOut> Predict(const inference::DecoderModel& model,
                                const std::vector<std::vector<int32_t>>& texts) {
  HeldOut run;
  run.vocabulary = model.vocab_size();
  size_t longest = kStepRows;
  for (const std::vector<int32_t>& text : texts) {
    longest = std::max(longest, text.size());
    if (!text.empty()) run.targets.insert(run.targets.end(), text.begin() + 1, text.end());
  }
  if (run.targets.empty()) return absl::InvalidArgumentError("no text has two tokens");
  const std::vector<StepRow> rows = MakeRows(texts);
  const inference::RunnerSizes sizes = {.slots = static_cast<int64_t>(rows.size()) + 1,
                                        .views = static_cast<int64_t>(texts.size()) + 1,
                                        .view_length = static_cast<int64_t>(longest),
                                        .max_rows = kStepRows,
                                        .kv = inference::KvFormat::kF32};
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<CompiledStepRunner> runner,
                          CompiledStepRunner::Create(&model, sizes, {}));
  for (const StepRow& row : rows) runner->View(row.view)[row.position] = row.slot;
  for (size_t at = 0; at < rows.size(); at += kStepRows) {
    STRATA_ASSIGN_OR_RETURN(const graph::HostTensor logits,
                            runner->Run(absl::MakeConstSpan(rows).subspan(at, kStepRows)));
    const float* values = logits.data<float>();
    run.log_softmax.insert(run.log_softmax.end(), values, values + kStepRows * run.vocabulary);
  }
  run.log_softmax.resize(run.targets.size() * run.vocabulary);
  for (size_t i = 0; i < run.targets.size(); ++i) {
    run.logit_variance +=
        Normalize(absl::MakeSpan(run.log_softmax).subspan(i * run.vocabulary, run.vocabulary));
  }
  run.logit_variance /= static_cast<double>(run.targets.size());
  return run;
}

double NatsPerToken(const HeldOut& run) {
  double sum = 0;
  for (size_t i = 0; i < run.targets.size(); ++i)
    sum -= run.log_softmax[i * run.vocabulary + run.targets[i]];
  return sum / static_cast<double>(run.targets.size());
}

double Divergence(const HeldOut& a, const HeldOut& b) {
  double sum = 0;
  for (size_t i = 0; i < a.log_softmax.size(); ++i) {
    const double p = a.log_softmax[i], q = b.log_softmax[i];
    sum += std::exp(p) * (p - q);
  }
  return sum / static_cast<double>(a.targets.size());
}

double UnigramEntropy(absl::Span<const int32_t> ids) {
  std::map<int32_t, double> counts;
  for (int32_t id : ids) ++counts[id];
  double nats = 0;
  for (const auto& [id, count] : counts)
    nats -= count * std::log(count / static_cast<double>(ids.size()));
  return nats / static_cast<double>(ids.size());
}

double BigramEntropy(absl::Span<const int32_t> ids) {
  std::map<int32_t, double> counts;
  std::map<std::pair<int32_t, int32_t>, double> pairs;
  for (size_t i = 1; i < ids.size(); ++i) {
    ++counts[ids[i - 1]];
    ++pairs[{ids[i - 1], ids[i]}];
  }
  double nats = 0;
  for (const auto& [pair, count] : pairs) nats -= count * std::log(count / counts[pair.first]);
  return nats / static_cast<double>(ids.size() - 1);
}

}  // namespace strata::courses
