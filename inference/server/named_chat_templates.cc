#include "inference/server/named_chat_templates.h"

namespace strata::inference {
namespace {

// These know no tools: a request that has some is told so.
#define STRATA_REFUSE_TOOLS(name)                         \
  "{%- if tools %}{{ raise_exception('the template " name \
  " has no tools; serve with --chat-template=FILE, a Jinja template that has') }}{% endif %}"

constexpr char kChatml[] = STRATA_REFUSE_TOOLS("chatml") R"(
{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\n' ~ (message.content or '') ~ '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %})";

constexpr char kLlama3[] = STRATA_REFUSE_TOOLS("llama3") R"(
{{- '<|begin_of_text|>' }}
{%- for message in messages %}
    {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' }}
    {{- (message.content or '') ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})";

constexpr char kPlain[] = STRATA_REFUSE_TOOLS("plain") R"(
{%- for message in messages %}
    {{- '### ' ~ message.role | capitalize ~ ':\n' ~ (message.content or '') ~ '\n\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Assistant:\n' }}
{%- endif %})";

#undef STRATA_REFUSE_TOOLS

}  // namespace

absl::Span<const NamedChatTemplate> NamedChatTemplates() {
  static const auto& table = *new std::vector<NamedChatTemplate>{
      {"chatml", {"<|im_start|>", "<|im_end|>"}, kChatml, nullptr},
      {"llama3",
       {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       kLlama3,
       nullptr},
      {"plain", {}, kPlain, "\n### "},
  };
  return table;
}

}  // namespace strata::inference
