// SseParser: cuts a stream of bytes into server-sent events (WHATWG HTML, section 9.2). Only the field "data" is kept.
//
//   SseParser parser;
//   parser.Push("data: a\n", events);        // none yet
//   parser.Push("data: b\n\n", events);      // events("a\nb")
#ifndef STRATA_INFERENCE_SERVER_SSE_PARSER_H_
#define STRATA_INFERENCE_SERVER_SSE_PARSER_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::inference {

class SseParser {
 public:
  // False as soon as `on_event` returns false; the rest of `bytes` is then lost.
  bool Push(absl::string_view bytes, const std::function<bool(absl::string_view)>& on_event);

 private:
  bool Line(const std::function<bool(absl::string_view)>& on_event);
  void Field(absl::string_view line);
  bool EndEvent(const std::function<bool(absl::string_view)>& on_event);

  std::string line_;
  std::string data_;  // each line with '\n'
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_SSE_PARSER_H_
