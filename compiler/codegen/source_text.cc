#include "compiler/codegen/source_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/numerics/dtype.h"

namespace strata::compiler {

void SourceText::Line(absl::string_view line) {
  text_.append(static_cast<size_t>(2 * depth_), ' ');
  absl::StrAppend(&text_, line, "\n");
}

void SourceText::Open(absl::string_view line) {
  Line(line);
  ++depth_;
}

void SourceText::Close() {
  --depth_;
  Line("}");
}

void SourceText::Heading(const loop::Computation& computation) {
  Line(absl::StrCat("// ", loop::KindName(computation.kind), ": ",
                    absl::StrJoin(computation.ops, " ")));
  for (const loop::Buffer& buffer : computation.buffers) {
    Line(absl::StrCat("//   ", buffer.name, " ", std::string(chips::DTypeName(buffer.dtype)), "[",
                      absl::StrJoin(buffer.dims, ", "), "]"));
  }
}

std::set<int> UsedBuffers(const loop::Computation& computation,
                          const std::vector<loop::Stmt>& body) {
  std::set<int> used;
  for (const loop::Stmt& stmt : body) {
    used.merge(UsedBuffers(computation, stmt.body));
    used.insert(stmt.access.buffer);
    if (stmt.kind == loop::Stmt::Kind::kLet)
      used.insert(computation.exprs[static_cast<size_t>(stmt.expr)].access.buffer);
  }
  used.erase(-1);
  return used;
}

}  // namespace strata::compiler
