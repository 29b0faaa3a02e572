#include "inference/jinja/template.h"

#include "inference/jinja/builtins.h"
#include "inference/jinja/interpreter.h"
#include "inference/jinja/parser.h"

namespace strata::inference::jinja {
namespace {

std::tm LocalTime() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

// "name, line 1, ...", or "name: ..." for what has no place.
absl::Status Named(const std::string& name, const absl::Status& status) {
  const absl::string_view message = status.message();
  const bool placed = message.substr(0, 5) == "line ";
  return absl::Status(status.code(), absl::StrCat(name, placed ? ", " : ": ", message));
}

}  // namespace

struct Template::Parsed {
  std::string name;
  Body body;
};

absl::StatusOr<Template> Template::Parse(absl::string_view source, std::string name) {
  absl::StatusOr<Body> body = jinja::Parse(source);
  if (!body.ok()) return Named(name, body.status());
  Template parsed;
  parsed.parsed_ = std::make_shared<const Parsed>(Parsed{std::move(name), *std::move(body)});
  return parsed;
}

absl::StatusOr<Text> Template::Render(Heap* heap, const Variables& variables,
                                      const RenderOptions& options) const {
  Interpreter interpreter(heap, options.clock ? options.clock : LocalTime);
  AddFunctions(&interpreter);
  for (const auto& [name, value] : variables) interpreter.globals()->values[name] = value;
  TextBuilder out(heap);
  absl::Status status = interpreter.Run(parsed_->body, &out);
  if (status.ok()) status = out.status();
  if (!status.ok()) return Named(parsed_->name, status);
  return out.FinishText();
}

}  // namespace strata::inference::jinja
