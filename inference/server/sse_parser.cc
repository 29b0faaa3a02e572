#include "inference/server/sse_parser.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace strata::inference {

bool SseParser::Push(absl::string_view bytes, const std::function<bool(absl::string_view)>& on_event) {
  for (char c : bytes) {
    const bool second_of_crlf = c == '\n' && after_cr_;
    after_cr_ = c == '\r';
    if (second_of_crlf) continue;
    if (c != '\n' && c != '\r') {
      line_ += c;
    } else if (!Line(on_event)) {
      return false;
    }
  }
  return true;
}

bool SseParser::Line(const std::function<bool(absl::string_view)>& on_event) {
  const std::string line = std::move(line_);
  line_.clear();
  if (line.empty()) {  // the end of an event
    if (!has_data_) return true;
    const std::string data = std::move(data_);
    data_.clear();
    has_data_ = false;
    return on_event(absl::StripSuffix(data, "\n"));
  }
  absl::string_view rest = line;
  if (!absl::ConsumePrefix(&rest, "data") || (!rest.empty() && rest.front() != ':')) return true;
  absl::ConsumePrefix(&rest, ":");
  absl::ConsumePrefix(&rest, " ");
  absl::StrAppend(&data_, rest, "\n");
  has_data_ = true;
  return true;
}

}  // namespace strata::inference
