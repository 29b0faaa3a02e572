#include "inference/jinja/text.h"

#include <algorithm>

namespace strata::inference::jinja {

Text::Runs::const_iterator Text::FindRun(size_t position) const {
  return std::upper_bound(runs_.begin(), runs_.end(), position,
                          [](size_t at, const Run& run) { return at < run.end; });
}

void Text::ExtendRun(size_t end, Origin origin) {
  if (!runs_.empty() && runs_.back().origin == origin) {
    runs_.back().end = end;
  } else {
    runs_.push_back({end, origin});
  }
}

void Text::Append(absl::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  bytes_.append(bytes.data(), bytes.size());
  ExtendRun(bytes_.size(), origin);
}

void Text::Append(const Text& text, size_t begin, size_t size) {
  if (size == 0) return;
  const size_t start = bytes_.size(), end = begin + size;
  bytes_.append(text.bytes_, begin, size);
  for (auto run = text.FindRun(begin); run != text.runs_.end(); ++run) {
    ExtendRun(start + std::min(run->end, end) - begin, run->origin);
    if (run->end >= end) break;
  }
}

Text Text::Substr(size_t begin, size_t size) const {
  Text part;
  part.Append(*this, begin, size);
  return part;
}

}  // namespace strata::inference::jinja
