// The engine's promise as a matrix: what a request is answered must not depend on any feature, nor on any two together.
//
//   STRATA_ASSIGN_OR_RETURN(auto matrix, PromiseMatrix::Run(model, draft, tokenizer));
//   for (const PromiseCell& cell : matrix.cells()) EXPECT_THAT(cell.differences, IsEmpty());
//   matrix.Table();   // what README.md shows
//
// A cell runs a workload with its two features and compares each answer, token for token, with the answer that an engine
// without any feature gives to the same request alone. Features that are a choice of arithmetic or of sampling (KV
// format, temperature) are chosen for both.
#ifndef STRATA_INFERENCE_ENGINE_PROMISE_H_
#define STRATA_INFERENCE_ENGINE_PROMISE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/engine_stats.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

struct PromiseCell {
  std::string first, second;             // features; the same: one alone
  int64_t answers = 0;                   // compared
  std::vector<std::string> differences;  // one line each
  EngineStats stats;                     // of the workload with the features
};

class PromiseMatrix {
 public:
  // The features on the model. `draft`: of the same vocabulary, or null for the model itself. The model must
  // have a context of kContext tokens at least.
  static constexpr int64_t kContext = 96;
  enum class Scope { kPairs, kAlone };  // every pair, or each alone in one KV format
  static absl::StatusOr<PromiseMatrix> Run(std::shared_ptr<const DecoderModel> model,
                                           std::shared_ptr<const DecoderModel> draft,
                                           const Tokenizer& tokenizer, Scope scope = Scope::kPairs);

  // The names of all features, in the order of the table.
  static std::vector<std::string> Features();

  const std::vector<PromiseCell>& cells() const { return cells_; }
  // Of one feature alone.
  const PromiseCell& Alone(const std::string& feature) const;
  // Markdown: answers compared and found equal, for each pair; -1 where something differed; nothing for
  // two of one choice, and above the diagonal.
  std::string Table() const;

 private:
  std::vector<PromiseCell> cells_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_PROMISE_H_
