#include "inference/engine/stop_filter.h"

#include <algorithm>

namespace strata::inference {
namespace {

// Length of the longest end of `text` that begins `stop` (but is not all of it).
size_t PartialMatch(const std::string& text, const std::string& stop) {
  for (size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.compare(text.size() - n, n, stop, 0, n) == 0) return n;
  }
  return 0;
}

}  // namespace

bool StopFilter::Gives(int32_t token) const {
  return !tokenizer_.IsSpecial(token) ||
         std::find(shown_.begin(), shown_.end(), token) != shown_.end();
}

std::string StopFilter::Release(const std::string& text, bool last) {
  if (stopped_) return "";
  held_ += text;
  size_t end = std::string::npos;
  size_t keep = 0;
  for (const std::string& stop : stop_) {
    if (stop.empty()) continue;
    end = std::min(end, held_.find(stop));
    keep = std::max(keep, PartialMatch(held_, stop));
  }
  std::string ready;
  if (end != std::string::npos) {
    stopped_ = true;
    ready = held_.substr(0, end);
    held_.clear();
    return ready;
  }
  const size_t shown = last ? held_.size() : held_.size() - keep;
  ready = held_.substr(0, shown);
  held_.erase(0, shown);
  return ready;
}

}  // namespace strata::inference
