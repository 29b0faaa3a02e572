// StopFilter: turns tokens into text that may be shown now: complete UTF-8, and no part of a stop string.
#ifndef STRATA_INFERENCE_ENGINE_STOP_FILTER_H_
#define STRATA_INFERENCE_ENGINE_STOP_FILTER_H_

#include <string>
#include <vector>

#include "inference/engine/tokenizer.h"

namespace strata::inference {

class StopFilter {
 public:
  // Both must outlive the filter. Empty stop strings are ignored.
  StopFilter(const Tokenizer& tokenizer, const std::vector<std::string>& stop)
      : decoder_(&tokenizer), stop_(stop) {}

  // The text that became certain with this token. After a stop string is seen, stopped() and no more text comes.
  std::string Push(int32_t token) { return Release(decoder_.Push(token), /*last=*/false); }
  // What was held back, at the end.
  std::string Flush() {
    return stopped_ ? std::string() : Release(decoder_.Flush(), /*last=*/true);
  }
  bool stopped() const { return stopped_; }

 private:
  std::string Release(const std::string& text, bool last);

  StreamDecoder decoder_;
  const std::vector<std::string>& stop_;
  std::string held_;  // might be the beginning of a stop string
  bool stopped_ = false;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_STOP_FILTER_H_
