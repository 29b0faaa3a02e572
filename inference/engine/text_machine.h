// TextMachine: a StepRunner without a model, for tests. A slot remembers its token, its position and a hash of all the
// text before it; a row's logits are a function of the text it sees. A row that sees anything but one whole text, in
// order (a slot that was overwritten, a page that was not copied, a view that was not filled), is an error. So a test of
// thousands of steps takes no time, and a mistake in the book-keeping cannot hide in arithmetic.
#ifndef STRATA_INFERENCE_ENGINE_TEXT_MACHINE_H_
#define STRATA_INFERENCE_ENGINE_TEXT_MACHINE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "inference/engine/step_runner.h"

namespace strata::inference {

class TextMachine : public StepRunner {
 public:
  struct Sizes {
    int64_t slots = 0, views = 0, view_length = 0, vocabulary = 0, max_rows = 0;
  };
  // `style`: machines of one style write alike; `habit` in [0, 1]: how often the next token follows from the last two
  // alone, which is what speculation can guess.
  TextMachine(const Sizes& sizes, uint64_t style, double habit = 0.8);

  absl::Span<int32_t> View(int64_t view) override;
  absl::StatusOr<graph::HostTensor> Run(absl::Span<const StepRow> rows) override;
  void CopySlots(int32_t from, int32_t to, int64_t count) override;
  int64_t max_rows() const override { return sizes_.max_rows; }
  int64_t views() const override { return sizes_.views; }
  int64_t view_length() const override { return sizes_.view_length; }
  int64_t kv_bytes() const override { return sizes_.slots; }

  // The next step fails with this.
  void FailNext(absl::Status error) { failure_ = std::move(error); }

  // Logits after a text: the definition.
  std::vector<float> LogitsAfter(absl::Span<const int32_t> tokens) const;

 private:
  struct Slot {
    int32_t token = -1;
    int32_t position = -1;
    uint64_t text = 0;  // hash of the text up to this token
  };
  absl::Status Write(const StepRow& row);
  absl::Status Check(const StepRow& row);
  void Logits(uint64_t text, int32_t last, int32_t before, float* logits) const;

  const Sizes sizes_;
  const uint64_t style_;
  const double habit_;
  std::vector<Slot> slots_;
  std::vector<int32_t> views_;
  std::optional<absl::Status> failure_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TEXT_MACHINE_H_
