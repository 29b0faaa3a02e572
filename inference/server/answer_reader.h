// AnswerReader: what one answer of a model says: text, and calls of tools where the request may have some.
//
//   AnswerReader reader(&request_tools);
//   const AnswerPiece piece = reader.Push("<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>");
//   piece.calls[0]  // {0, "call_Zl0...", "now", "{}"}
//
// Without a format all text is text. Not thread-safe.
#ifndef STRATA_INFERENCE_SERVER_ANSWER_READER_H_
#define STRATA_INFERENCE_SERVER_ANSWER_READER_H_

#include <optional>
#include <string>
#include <vector>

#include "inference/server/tool_call_parser.h"

namespace strata::inference {

// The tools of a request.
struct RequestTools {
  const ToolCallFormat* format =
      nullptr;  // how calls of them are written; null: they are not looked for
  std::vector<std::string> names = {};
  bool parallel = true;  // false: an answer ends with its first call
};

struct AnsweredCall {
  int index;       // among the answer's calls
  std::string id;  // no other call of the answer has it
  std::string name, arguments;
};

struct AnswerPiece {
  std::string text;
  std::vector<AnsweredCall> calls;

  bool empty() const { return text.empty() && calls.empty(); }
  void Append(const AnswerPiece& piece);
};

class AnswerReader {
 public:
  explicit AnswerReader(const RequestTools& tools);

  // What became certain with this text. Nothing more comes once ended().
  AnswerPiece Push(const std::string& text);
  // The rest.
  AnswerPiece Finish();

  bool looks_for_calls() const { return parser_.has_value(); }
  bool has_calls() const { return !ids_.empty(); }
  bool ended() const { return has_calls() && !parallel_; }

 private:
  AnswerPiece Take(std::vector<ToolCallPart> parts);
  std::string Id(const std::string& by_model);

  std::optional<ToolCallParser> parser_;
  bool parallel_;
  bool short_ids_ = false;
  std::vector<std::string> ids_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_ANSWER_READER_H_
