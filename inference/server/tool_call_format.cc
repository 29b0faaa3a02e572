#include "inference/server/tool_call_format.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::inference {
namespace {

// A line break before <tool_call> is the template's; so parts of a turn come back as they went in.
std::vector<ToolCallFormat> MakeFormats() {
  using Call = ToolCallFormat::Call;
  return {
      {.name = "hermes",
       .in_template = {"<tool_call>", "name"},
       .not_in_template = {"<function=", "<arg_key>", "<｜tool▁call▁begin｜>"},
       .open = {"\n<tool_call>", "<tool_call>"},
       .call_close = "</tool_call>"},
      {.name = "llama3_json",
       .in_template = {"<|start_header_id|>", "\"parameters\": "},
       .open = {"<|python_tag|>"},
       .bare = true,
       .separator = ";",
       .end = "<|eom_id|>"},
      {.name = "mistral",
       .in_template = {"[TOOL_CALLS]"},
       .not_in_template = {"[ARGS]"},
       .open = {"[TOOL_CALLS]"},
       .list_open = "[",
       .separator = ",",
       .list_close = {"]"},
       .short_ids = true},
      {.name = "mistral_args",
       .in_template = {"[TOOL_CALLS]", "[ARGS]"},
       .open = {"[TOOL_CALLS]"},
       .call = Call::kName,
       .id_open = "[CALL_ID]",
       .name_end = "[ARGS]",
       .short_ids = true},
      {.name = "phi4_mini",
       .in_template = {"<|tool|>"},
       .open = {"functools", "<|tool_call|>"},
       .list_open = "[",
       .separator = ",",
       .list_close = {"]", "<|/tool_call|>"}},
      {.name = "granite",
       .in_template = {"<|tool_call|>", "<|start_of_role|>"},
       .open = {"<|tool_call|>"},
       .list_open = "[",
       .separator = ",",
       .list_close = {"]"}},
      {.name = "deepseek_v3",
       .in_template = {"<｜tool▁call▁begin｜>", "```json"},
       .open = {"<｜tool▁calls▁begin｜>"},
       .call = Call::kName,
       .call_open = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
       .name_end = "```json",
       .call_close = "```<｜tool▁call▁end｜>",
       .list_close = {"<｜tool▁calls▁end｜>"}},
      {.name = "deepseek_v31",
       .in_template = {"<｜tool▁call▁begin｜>"},
       .open = {"<｜tool▁calls▁begin｜>"},
       .call = Call::kName,
       .call_open = "<｜tool▁call▁begin｜>",
       .name_end = "<｜tool▁sep｜>",
       .call_close = "<｜tool▁call▁end｜>",
       .list_close = {"<｜tool▁calls▁end｜>"}},
  };
}

bool Fits(const ToolCallFormat& format, absl::string_view chat_template) {
  const auto has = [&](const char* text) { return absl::StrContains(chat_template, text); };
  return std::all_of(format.in_template.begin(), format.in_template.end(), has) &&
         std::none_of(format.not_in_template.begin(), format.not_in_template.end(), has);
}

}  // namespace

absl::Span<const ToolCallFormat> ToolCallFormats() {
  static const auto& formats = *new std::vector<ToolCallFormat>(MakeFormats());
  return formats;
}

absl::StatusOr<ToolCallFormatChoice> ChooseToolCallFormat(absl::string_view choice,
                                                          absl::string_view chat_template) {
  if (choice == "none") return ToolCallFormatChoice{nullptr, "as asked for"};
  std::vector<std::string> names;
  for (const ToolCallFormat& format : ToolCallFormats()) {
    names.emplace_back(format.name);
    if (choice == format.name) return ToolCallFormatChoice{&format, "as asked for"};
    if (!choice.empty() || !Fits(format, chat_template)) continue;
    return ToolCallFormatChoice{&format, absl::StrCat("the chat template has ",
                                                      absl::StrJoin(format.in_template, " and "))};
  }
  if (choice.empty())
    return ToolCallFormatChoice{nullptr, "the chat template has the marks of no known format"};
  return absl::InvalidArgumentError(absl::StrCat("tool_call_parser: \"", choice,
                                                 "\" is unknown; there are none, ",
                                                 absl::StrJoin(names, ", ")));
}

std::vector<int32_t> SpecialTokens(const ToolCallFormat& format, const Tokenizer& tokenizer) {
  std::vector<const char*> texts = {format.list_open, format.call_open,  format.id_open,
                                    format.name_end,  format.call_close, format.separator};
  texts.insert(texts.end(), format.open.begin(), format.open.end());
  texts.insert(texts.end(), format.list_close.begin(), format.list_close.end());
  std::vector<int32_t> special;
  for (const char* text : texts) {
    for (int32_t id : tokenizer.Encode(text)) {
      if (tokenizer.IsSpecial(id)) special.push_back(id);
    }
  }
  std::sort(special.begin(), special.end());
  special.erase(std::unique(special.begin(), special.end()), special.end());
  return special;
}

}  // namespace strata::inference
