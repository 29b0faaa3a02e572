// SourceText: lines of emitted source, indented by the blocks that are open; and what every kernel's text begins with.
// The writers of C and of CUDA derive from it.
#ifndef STRATA_COMPILER_CODEGEN_SOURCE_TEXT_H_
#define STRATA_COMPILER_CODEGEN_SOURCE_TEXT_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "compiler/loop/schedule.h"

namespace strata::compiler {

class SourceText {
 public:
  void Line(absl::string_view line);
  // A line that ends in "{"; what follows is indented until Close(), which writes "}".
  void Open(absl::string_view line);
  void Close();

  // The comment over a kernel: its kind, ops and buffers.
  void Heading(const loop::Computation& computation);

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
  int depth_ = 0;
};

// The buffers that the statements load from or store to.
std::set<int> UsedBuffers(const loop::Computation& computation,
                          const std::vector<loop::Stmt>& body);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_SOURCE_TEXT_H_
