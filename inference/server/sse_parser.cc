#include "inference/server/sse_parser.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace strata::inference {

bool SseParser::Push(absl::string_view bytes,
                     const std::function<bool(absl::string_view)>& on_event) {
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
  if (line_.empty()) return EndEvent(on_event);
  Field(line_);
  line_.clear();
  return true;
}

void SseParser::Field(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "data") || (!line.empty() && line.front() != ':')) return;
  absl::ConsumePrefix(&line, ":");
  absl::ConsumePrefix(&line, " ");
  absl::StrAppend(&data_, line, "\n");
  has_data_ = true;
}

bool SseParser::EndEvent(const std::function<bool(absl::string_view)>& on_event) {
  if (!has_data_) return true;
  std::string data;
  data.swap(data_);
  has_data_ = false;
  return on_event(absl::StripSuffix(data, "\n"));
}

}  // namespace strata::inference
