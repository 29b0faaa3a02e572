#include "compiler/schedule/recipe.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace strata::compiler::schedule {
namespace {

constexpr char kSchedule[] = "schedule";

absl::Status Fault(const std::string& message) {
  return absl::InvalidArgumentError(
      absl::StrCat(message,
                   "; a recipe is a program, a line \"schedule\", steps, and a line "
                   "\"kernel NAME nest N buffers B1 B2 ...\""));
}

absl::StatusOr<KernelPart> ParseKernel(absl::string_view line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  KernelPart kernel;
  if (words.size() < 5 || words[0] != "kernel" || words[2] != "nest" || words[4] != "buffers" ||
      !absl::SimpleAtoi(words[3], &kernel.nest) || kernel.nest < 0) {
    return Fault(absl::StrCat("recipe: the last line is '", line, "'"));
  }
  kernel.name = words[1];
  kernel.buffers.assign(words.begin() + 5, words.end());
  return kernel;
}

}  // namespace

std::string Print(const KernelRecipe& recipe) {
  return absl::StrCat(Print(recipe.program), kSchedule, "\n", Print(recipe.schedule), "kernel ",
                      recipe.kernel.name, " nest ", recipe.kernel.nest, " buffers ",
                      absl::StrJoin(recipe.kernel.buffers, " "), "\n");
}

absl::StatusOr<KernelRecipe> ParseRecipe(const std::string& text) {
  const std::string mark = absl::StrCat("\n", kSchedule, "\n");
  const size_t steps = text.find(mark);
  if (steps == std::string::npos) return Fault("recipe: there is no line \"schedule\"");
  const absl::string_view rest =
      absl::StripTrailingAsciiWhitespace(absl::string_view(text).substr(steps + mark.size()));
  const size_t last = rest.rfind('\n') == absl::string_view::npos ? 0 : rest.rfind('\n') + 1;
  KernelRecipe recipe;
  STRATA_ASSIGN_OR_RETURN(recipe.kernel, ParseKernel(rest.substr(last)));
  absl::StatusOr<Program> program = ParseProgram(text.substr(0, steps + 1));
  if (!program.ok()) return Annotate(program.status(), "recipe: program");
  recipe.program = *std::move(program);
  STRATA_ASSIGN_OR_RETURN(recipe.schedule, ParseSchedule(std::string(rest.substr(0, last))));
  return recipe;
}

}  // namespace strata::compiler::schedule
