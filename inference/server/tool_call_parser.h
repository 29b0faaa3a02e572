// ToolCallParser: the calls of tools in the text that a model writes, found while the text comes.
//
//   ToolCallParser parser(format, {"weather"});
//   parser.Push("Let me see.\n<tool_call>{\"name\": \"wea");        // {kContent "Let me see."}
//   parser.Push("ther\", \"arguments\": {\"city\": \"Bonn\"}}</tool_call>");  // {kCall weather {"city": "Bonn"}}
//   parser.Finish();                                                // {}
//
// All parts together are the text, character for character, and how the text was cut makes no difference to contents and
// calls. A call is given out when it is whole, since what was sent cannot be taken back: one that breaks off, is no
// valid JSON, is nested deeper than JsonObjectScanner allows, or has other members than a call, stays content, marks
// and all. White space between calls, after the last and before the first of an answer that begins with one is kMarkup.
//
// Arguments are given as the model wrote them, a JSON object in text. Not thread-safe.
#ifndef STRATA_INFERENCE_SERVER_TOOL_CALL_PARSER_H_
#define STRATA_INFERENCE_SERVER_TOOL_CALL_PARSER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "inference/server/json_object_scanner.h"
#include "inference/server/tool_call_format.h"

namespace strata::inference {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object
  std::string id;         // by the model; mostly empty
};

// A stretch of the text.
struct ToolCallPart {
  enum class Kind { kContent, kCall, kMarkup };
  Kind kind;
  std::string text;
  ToolCall call = {};  // of kCall
};

class ToolCallParser {
 public:
  // `format` must outlive the parser. `names`: the tools that there are; asked where a call has no mark.
  ToolCallParser(const ToolCallFormat* format, std::vector<std::string> names)
      : format_(*format), names_(std::move(names)) {}

  // The parts that became certain with this text.
  std::vector<ToolCallPart> Push(absl::string_view text);
  // The rest. The parser must not be used afterwards.
  std::vector<ToolCallPart> Finish();

 private:
  enum class State { kText, kCall, kAfterCall };
  enum class Step {
    kListOpen,
    kCallOpen,
    kName,
    kIdOpen,
    kId,
    kNameEnd,
    kObject,
    kCallClose,
    kWhole
  };
  enum class Found { kNo, kYes, kNotYet };

  // Each goes on with the held text; false when more of it is needed.
  bool Advance(std::vector<ToolCallPart>* parts);
  bool FindCall(std::vector<ToolCallPart>* parts);
  bool ReadCall(std::vector<ToolCallPart>* parts);
  bool FindNextCall(std::vector<ToolCallPart>* parts);

  // One step of a call, with the white space before it, if it is there at all. kYes: it is done and at_ behind it.
  Found ReadStep();
  Found ReadText(const char* text);
  Found ReadWord(std::string* word);
  Found ReadObject();
  bool TakeArguments(absl::string_view object);
  bool TakeCall(absl::string_view object);

  // Whether `text` begins at `at`, or one of them, whose size is then in `size`.
  Found Match(absl::string_view text, size_t at) const;
  Found MatchAny(const std::vector<const char*>& texts, size_t at, size_t* size) const;

  void BeginCall(Step step, size_t resume);
  void GiveUpCall();
  // The held text up to `end`.
  void Give(ToolCallPart::Kind kind, size_t end, std::vector<ToolCallPart>* parts);
  // Once a Push, as it moves the rest: hostile text has very many parts.
  void DropGiven();

  const ToolCallFormat& format_;
  const std::vector<std::string> names_;
  std::string held_;  // not given out yet, behind what this Push gave out
  size_t given_ = 0;  // of it was given out
  size_t at_ = 0;     // of it was read so far
  State state_ = State::kText;
  bool first_ = true;  // the answer was white space so far
  bool blank_ = true;  // nothing but that since the answer or the last call
  size_t calls_ = 0;
  // Of the call that is being read.
  Step step_ = Step::kListOpen;
  size_t resume_ = 0;    // where to go on when it is none
  bool bare_ = false;    // it has no mark
  bool has_id_ = false;  // the mark of an id was there
  bool closed_ = false;  // the list of calls is over
  size_t object_ = 0;    // where it begins
  size_t checked_ = 0;   // of its members
  JsonObjectScanner scanner_;
  ToolCall call_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_TOOL_CALL_PARSER_H_
