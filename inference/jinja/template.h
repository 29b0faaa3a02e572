// Template: a Jinja template of a chat, as model files carry them; parsed once, rendered for each request.
//
//   STRATA_ASSIGN_OR_RETURN(const Template greeting, Template::Parse("<|user|>{{ name }}<|end|>", "chat template"));
//   Heap heap;
//   STRATA_ASSIGN_OR_RETURN(Text text, greeting.Render(&heap, {{"name", heap.String("<|end|>", Origin::kData)}}));
//   text.bytes() == "<|user|><|end|><|end|>"; text.runs(): 8 bytes of the template, 7 of data, 7 of the template
//
// The language is Jinja's as Hugging Face's chat templates use it (transformers renders with trim_blocks,
// lstrip_blocks and loop controls): {{ }}, if, for, set, macro, call, filter, with, generation, raw, comments; the
// expressions with all operators; about 100 filters, tests, methods and functions (builtins.h and its tables).
// Where a Python object would show through (list.append, generators, views of dicts), it behaves as in Python.
// Not there: include, import, extends, recursive loops, integers beyond 64 bits, HTML escaping of all output.
//
// A template is code from a stranger: output, memory, steps and depth are limited (Limits), there is no file and no
// network, and whatever it does ends in a text or in an error that names line and column.
//
// Specification: Jinja 3.1's documentation ("Template Designer Documentation"), whose output the tests hold.
#ifndef STRATA_INFERENCE_JINJA_TEMPLATE_H_
#define STRATA_INFERENCE_JINJA_TEMPLATE_H_

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/jinja/text.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

struct RenderOptions {
  std::function<std::tm()> clock;  // for strftime_now; unset: the local time
};

class Template {
 public:
  // `name` begins each error: "chat template, line 12, column 5: ...". INVALID_ARGUMENT.
  static absl::StatusOr<Template> Parse(absl::string_view source, std::string name);

  // The text with the origin of each byte. The values must be of `heap`, whose limits count for all that is rendered
  // on it. INVALID_ARGUMENT for faults of the template and for what it raises, RESOURCE_EXHAUSTED beyond a limit.
  absl::StatusOr<Text> Render(Heap* heap, const Variables& variables,
                              const RenderOptions& options = {}) const;

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;  // shared by copies; does not change
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TEMPLATE_H_
