// The grammar of an answer that must call tools: in the format that the model's chat template shows and ToolCallParser
// reads, with arguments as the tools' parameters describe them.
//
//   {"type": "function", "function": {"name": "f", "parameters": {"type": "object", ...}}}, hermes:
//   <tool_call>{"name": "f", "arguments": {...}}</tool_call>
#ifndef STRATA_INFERENCE_SERVER_TOOL_CALL_GRAMMAR_H_
#define STRATA_INFERENCE_SERVER_TOOL_CALL_GRAMMAR_H_

#include <string>

#include "base/status.h"
#include "inference/engine/tokenizer.h"
#include "inference/grammar/grammar.h"
#include "inference/server/tool_call_format.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

// `tools`: a list of objects with function.name. `name`: the one tool that must be called; "": any. `parallel`: several
// calls may follow each other. INVALID_ARGUMENT, with the tool, for parameters that are no schema with a grammar;
// NOT_FOUND when there is no such tool.
absl::StatusOr<grammar::Grammar> ToolCallGrammar(const ToolCallFormat& format,
                                                 const Tokenizer& tokenizer,
                                                 const nlohmann::ordered_json& tools,
                                                 const std::string& name, bool parallel);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_TOOL_CALL_GRAMMAR_H_
