// Warnings: what a library tells a person although it carried on, a line each: "strata: warning: ...".
//
//   Warn("step 3 'gelu': its kernel cannot be built and runs on the interpreter, slowly: no C++ compiler");
//
// A warning names what it is about and a remedy. They go to the standard error, or to the innermost capture:
//
//   WarningCapture warnings;
//   ...
//   EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("gelu")));
//
// Thread-safe. Captures nest and end in reverse order.
#ifndef STRATA_BASE_WARNING_H_
#define STRATA_BASE_WARNING_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata {

void Warn(absl::string_view message);

// While it lives, warnings of all threads are kept here instead of being printed.
class WarningCapture {
 public:
  WarningCapture();
  ~WarningCapture();
  WarningCapture(const WarningCapture&) = delete;
  WarningCapture& operator=(const WarningCapture&) = delete;

  std::vector<std::string> messages() const;

 private:
  friend void Warn(absl::string_view message);
  WarningCapture* outer_;
  std::vector<std::string> messages_;
};

}  // namespace strata

#endif  // STRATA_BASE_WARNING_H_
