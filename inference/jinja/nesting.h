// Interpreter::Nesting: counts how deep the interpreter is while it lives; a part of the interpreter.
#ifndef STRATA_INFERENCE_JINJA_NESTING_H_
#define STRATA_INFERENCE_JINJA_NESTING_H_

#include "inference/jinja/interpreter.h"
#include "inference/jinja/lexer.h"

namespace strata::inference::jinja {

inline constexpr int kMostNesting =
    1000;  // expressions, blocks and macros in each other; a few MB of stack

class Interpreter::Nesting {
 public:
  explicit Nesting(Interpreter* interpreter) : nesting_(&interpreter->nesting_) { ++*nesting_; }
  ~Nesting() { --*nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

  absl::Status Check(Position at) const {
    if (*nesting_ <= kMostNesting) return absl::OkStatus();
    return ErrorAt(at,
                   absl::ResourceExhaustedError(
                       "the template is nested too deeply; does a macro call itself without end?"));
  }

 private:
  int* const nesting_;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_NESTING_H_
