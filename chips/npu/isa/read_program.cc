#include "chips/npu/isa/read_program.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/encoding.h"

namespace strata::chips::npu {
namespace {

bool IsText(char c) {
  return absl::ascii_isprint(static_cast<unsigned char>(c)) || c == '\t' || c == '\r' || c == '\n';
}

absl::Status CheckText(absl::string_view text, const std::string& name) {
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    comment = text[i] != '\n' && (comment || text[i] == '#');
    if (comment || IsText(text[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": byte ", i, ": neither assembly text nor a binary program, which begins with ",
        kProgramMagic, "; give a file of either form"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Program> ReadProgram(const Isa& isa, absl::string_view contents,
                                    const std::string& name) {
  if (absl::StartsWith(contents, kProgramMagic)) return DecodeProgram(isa, contents, name);
  STRATA_RETURN_IF_ERROR(CheckText(contents, name));
  return Assemble(isa, contents, name);
}

}  // namespace strata::chips::npu
