// StopFilter: turns tokens into text that may be shown now: complete UTF-8, and no part of a stop string.
#ifndef STRATA_INFERENCE_ENGINE_STOP_FILTER_H_
#define STRATA_INFERENCE_ENGINE_STOP_FILTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inference/engine/tokenizer.h"

namespace strata::inference {

class StopFilter {
 public:
  // Both must outlive the filter. Empty stop strings are ignored. Special tokens give no text but for those in `shown`.
  StopFilter(const Tokenizer& tokenizer, const std::vector<std::string>& stop,
             std::vector<int32_t> shown = {})
      : tokenizer_(tokenizer),
        decoder_(&tokenizer, /*skip_special=*/false),
        stop_(stop),
        shown_(std::move(shown)) {}

  // The text that became certain with this token. After a stop string is seen, stopped() and no more text comes.
  std::string Push(int32_t token) {
    return Release(Gives(token) ? decoder_.Push(token) : std::string(), /*last=*/false);
  }
  // What was held back, at the end.
  std::string Flush() {
    return stopped_ ? std::string() : Release(decoder_.Flush(), /*last=*/true);
  }
  bool stopped() const { return stopped_; }

 private:
  bool Gives(int32_t token) const;
  std::string Release(const std::string& text, bool last);

  const Tokenizer& tokenizer_;
  StreamDecoder decoder_;
  const std::vector<std::string>& stop_;
  const std::vector<int32_t> shown_;
  std::string held_;  // might be the beginning of a stop string
  bool stopped_ = false;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_STOP_FILTER_H_
