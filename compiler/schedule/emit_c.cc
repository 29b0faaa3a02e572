#include "compiler/schedule/emit_c.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compiler/schedule/nest_writer.h"
#include "compiler/schedule/text.h"

namespace strata::compiler::schedule {
namespace {

// Stands for the entry's name while the text is hashed.
constexpr char kPlaceholder[] = "ENTRY";

// Buffers, and the steps that made the loops.
std::string Heading(const Program& program, const std::string& schedule) {
  std::string text = absl::StrCat("// ", program.name, "\n");
  for (const Buffer& buffer : program.buffers) {
    absl::StrAppend(&text, "//   ", ScopeName(buffer.scope), " ", buffer.name, " ",
                    std::string(chips::DTypeName(buffer.dtype)), "[",
                    absl::StrJoin(buffer.dims, ", "), "]\n");
  }
  for (absl::string_view step : absl::StrSplit(schedule, '\n', absl::SkipWhitespace())) {
    absl::StrAppend(&text, "// ", step, "\n");
  }
  return text;
}

absl::StatusOr<plan::Kernel> EmitNest(const Program& program, const std::string& schedule,
                                      size_t number) {
  const Node& nest = program.body[number];
  NestWriter writer(program, nest);
  const std::string body = writer.Run();
  if (writer.stack_bytes() > kMaxStackBytes) {
    return absl::UnimplementedError(absl::StrCat("nest ", number, " keeps ", writer.stack_bytes(),
                                                 " bytes on the stack, more than ", kMaxStackBytes,
                                                 "; make the copies smaller or scratch"));
  }
  const std::string text =
      absl::StrCat(Heading(program, schedule), "KERNEL void ", kPlaceholder,
                   "(void* const* buffers, long begin, long end) {\n", body, "}\n");
  plan::Kernel kernel;
  kernel.set_entry(
      absl::StrCat("k_", program.name, "_", number, "_",
                   absl::Hex(XXH64(text.data(), text.size(), 0) >> 16, absl::kZeroPad12)));
  kernel.set_language(plan::C);
  kernel.set_source(absl::StrReplaceAll(text, {{absl::StrCat("void ", kPlaceholder, "("),
                                                absl::StrCat("void ", kernel.entry(), "(")}}));
  const bool parallel = nest.is_loop && nest.loop.kind == LoopKind::kParallel;
  kernel.set_parallel_extent(parallel ? nest.loop.extent() : 1);
  kernel.set_grain(1);
  return kernel;
}

}  // namespace

absl::StatusOr<std::vector<plan::Kernel>> EmitC(const Program& program,
                                                const std::string& schedule) {
  STRATA_RETURN_IF_ERROR(Validate(program));
  std::vector<plan::Kernel> kernels;
  const std::string loop_nest = Print(program);
  for (size_t i = 0; i < program.body.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(plan::Kernel kernel, EmitNest(program, schedule, i));
    kernel.set_loop_nest(loop_nest);
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

}  // namespace strata::compiler::schedule
