#include "compiler/schedule/emit_c.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compiler/schedule/nest_writer.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

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

absl::Status CheckKernel(const Program& program, const KernelPart& kernel) {
  if (kernel.nest < 0 || static_cast<size_t>(kernel.nest) >= program.body.size()) {
    return absl::InvalidArgumentError(absl::StrCat("kernel ", kernel.name, ": nest ", kernel.nest,
                                                   " is outside [0, ", program.body.size(), ")"));
  }
  for (const std::string& name : kernel.buffers) {
    const Buffer* buffer = program.FindBuffer(name);
    if (buffer == nullptr || !IsArgument(buffer->scope)) {
      return absl::InvalidArgumentError(absl::StrCat("kernel ", kernel.name,
                                                     ": there is no input, ",
                                                     "output or scratch buffer '", name, "'"));
    }
  }
  absl::Status status;
  ForEachStatement({program.body[static_cast<size_t>(kernel.nest)]}, [&](const Statement& s) {
    ForEachAccess(s, [&](const Access& access, bool) {
      const bool known =
          std::count(kernel.buffers.begin(), kernel.buffers.end(), access.buffer) == 1;
      if (known || !IsArgument(program.FindBuffer(access.buffer)->scope)) return;
      status.Update(absl::InvalidArgumentError(
          absl::StrCat("kernel ", kernel.name, ": its nest touches '", access.buffer,
                       "', which must be among its buffers, once")));
    });
  });
  return status;
}

// A program that has been validated.
absl::StatusOr<plan::Kernel> EmitNest(const Program& program, const std::string& schedule,
                                      const KernelPart& part) {
  STRATA_RETURN_IF_ERROR(CheckKernel(program, part));
  const Node& nest = program.body[static_cast<size_t>(part.nest)];
  NestWriter writer(program, nest, part.buffers);
  const std::string body = writer.Run();
  if (writer.stack_bytes() > kMaxStackBytes) {
    return absl::UnimplementedError(absl::StrCat(
        "nest ", part.nest, " keeps ", writer.stack_bytes(), " bytes on the stack, more than ",
        kMaxStackBytes, "; make the copies smaller or scratch"));
  }
  const std::string text =
      absl::StrCat(Heading(program, schedule), "KERNEL void ", kPlaceholder,
                   "(void* const* buffers, long begin, long end) {\n", body, "}\n");
  plan::Kernel kernel;
  kernel.set_entry(absl::StrCat(
      part.name, "_", absl::Hex(XXH64(text.data(), text.size(), 0) >> 16, absl::kZeroPad12)));
  kernel.set_language(plan::C);
  kernel.set_source(absl::StrReplaceAll(text, {{absl::StrCat("void ", kPlaceholder, "("),
                                                absl::StrCat("void ", kernel.entry(), "(")}}));
  kernel.set_loop_nest(Print(program));
  const bool parallel = nest.is_loop && nest.loop.kind == LoopKind::kParallel;
  kernel.set_parallel_extent(parallel ? writer.parallel_extent() : 1);
  kernel.set_grain(1);
  return kernel;
}

}  // namespace

absl::StatusOr<std::vector<plan::Kernel>> EmitC(const Program& program,
                                                const std::string& schedule) {
  STRATA_RETURN_IF_ERROR(Validate(program));
  std::vector<std::string> arguments;
  for (const Buffer& buffer : program.Arguments()) arguments.push_back(buffer.name);
  std::vector<plan::Kernel> kernels;
  for (size_t i = 0; i < program.body.size(); ++i) {
    const KernelPart part{absl::StrCat("k_", program.name, "_", i), static_cast<int64_t>(i),
                          arguments};
    STRATA_ASSIGN_OR_RETURN(plan::Kernel kernel, EmitNest(program, schedule, part));
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

absl::StatusOr<std::vector<plan::Kernel>> EmitKernels(const Program& program,
                                                      const Schedule& schedule,
                                                      const std::vector<KernelPart>& parts) {
  STRATA_ASSIGN_OR_RETURN(const Program scheduled, Apply(program, schedule));
  const std::string steps = Print(schedule);
  std::vector<plan::Kernel> kernels;
  for (const KernelPart& part : parts) {
    STRATA_ASSIGN_OR_RETURN(plan::Kernel kernel, EmitNest(scheduled, steps, part));
    kernel.set_schedule(Print(KernelRecipe{program, schedule, part}));
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

absl::StatusOr<plan::Kernel> EmitRecipe(const std::string& text) {
  STRATA_ASSIGN_OR_RETURN(const KernelRecipe recipe, ParseRecipe(text));
  STRATA_ASSIGN_OR_RETURN(std::vector<plan::Kernel> kernels,
                          EmitKernels(recipe.program, recipe.schedule, {recipe.kernel}));
  return std::move(kernels[0]);
}

}  // namespace strata::compiler::schedule
