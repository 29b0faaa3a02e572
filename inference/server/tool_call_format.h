// How families of models write the calls of tools: a table, a row a format. Its rows are the names of
// `strata serve --tool-call-parser`:
//
//   hermes        <tool_call>{"name": "f", "arguments": {...}}</tool_call>            Qwen 2.5 and 3, Hermes
//   llama3_json   {"name": "f", "parameters": {...}}; ..., <|python_tag|> before it or not     Llama 3.1 to 3.3
//   mistral       [TOOL_CALLS] [{"name": "f", "arguments": {...}}, ...]               Mistral up to tokenizer v7
//   mistral_args  [TOOL_CALLS]f[ARGS]{...}, [CALL_ID]id before [ARGS] or not          Mistral from v11
//   phi4_mini     functools[{"name": "f", "arguments": {...}}, ...]                   Phi-4-mini
//   granite       <|tool_call|>[{"name": "f", "arguments": {...}}, ...]               Granite 3
//   deepseek_v3   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f ```json {...} ```
//                 <｜tool▁call▁end｜> ... <｜tool▁calls▁end｜>                          DeepSeek V3, R1
//   deepseek_v31  the same without `function<｜tool▁sep｜>`, and <｜tool▁sep｜> in place of the fences
//
// White space between the parts of a call, and between calls, does not matter. The sources are the families' published
// chat templates.
#ifndef STRATA_INFERENCE_SERVER_TOOL_CALL_FORMAT_H_
#define STRATA_INFERENCE_SERVER_TOOL_CALL_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

// calls := open list_open? call (separator? call)* list_close*
// call  := call_open object call_close, or call_open name (id_open id)? name_end object call_close
// Texts that are "" are not there.
struct ToolCallFormat {
  // kObject: {"name", "arguments" or "parameters", and maybe "id", "type"}. kName: the name, then the arguments.
  enum class Call { kObject, kName };

  const char* name;
  // Chat templates of this format have all of the first texts and none of the second.
  std::vector<const char*> in_template, not_in_template = {};
  // Each begins calls, wherever it stands.
  std::vector<const char*> open;
  // An object at the start of the answer is a call too, if it names a tool that there is.
  bool bare = false;
  Call call = Call::kObject;
  const char* list_open = "";
  const char* call_open = "";
  const char* id_open = "";
  const char* name_end = "";
  const char* call_close = "";
  const char* separator = "";
  std::vector<const char*> list_close = {};
  // A special token that ends the model's turn after calls, beside those that end any.
  const char* end = "";
  bool short_ids = false;  // its templates want ids of nine letters and digits
};

absl::Span<const ToolCallFormat> ToolCallFormats();

struct ToolCallFormatChoice {
  const ToolCallFormat* format = nullptr;  // null: text stays text
  std::string reason;                      // for the log
};

// The format with the name `choice`, none for "none", and for "" the first whose marks the chat template has.
// INVALID_ARGUMENT, with the names, for another.
absl::StatusOr<ToolCallFormatChoice> ChooseToolCallFormat(absl::string_view choice,
                                                          absl::string_view chat_template);

// The special tokens that the format is written with: they must be part of the text that is parsed.
std::vector<int32_t> SpecialTokens(const ToolCallFormat& format, const Tokenizer& tokenizer);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_TOOL_CALL_FORMAT_H_
