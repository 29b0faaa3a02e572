#include "compiler/tools/pass_dump.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "compiler/tools/text_diff.h"
#include "framework/graph/text.h"

namespace strata::compiler {
namespace {

// "07-fusion.diff" and the like: what an earlier dump left.
bool IsOfADump(const std::filesystem::path& path) {
  const std::string name = path.filename().string(), ending = path.extension().string();
  if (name == "passes.txt") return true;
  return name.size() > 3 && absl::ascii_isdigit(name[0]) && absl::ascii_isdigit(name[1]) &&
         name[2] == '-' && (ending == ".graph" || ending == ".diff");
}

absl::Status Clear(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (IsOfADump(entry.path())) std::filesystem::remove(entry.path(), error);
    if (error) break;
  }
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder, ": cannot empty the folder of an earlier dump: ", error.message()));
}

}  // namespace

PassDump::PassDump(std::string folder, const graph::Graph& input)
    : folder_(std::move(folder)), last_(input), last_text_(graph::PrintGraph(input)) {
  input_nodes_ = input.nodes_size();
}

absl::StatusOr<std::unique_ptr<PassDump>> PassDump::Create(const std::string& folder,
                                                           const graph::Graph& input) {
  STRATA_RETURN_IF_ERROR(MakeDirectories(folder));
  STRATA_RETURN_IF_ERROR(Clear(folder));
  std::unique_ptr<PassDump> dump(new PassDump(folder, input));
  STRATA_RETURN_IF_ERROR(dump->Write(dump->last_name_ + ".graph", dump->last_text_));
  return dump;
}

std::function<void(absl::string_view, bool, const graph::Graph&)> PassDump::observer() {
  return [this](absl::string_view pass, bool changed, const graph::Graph& graph) {
    const absl::Status status = Add(std::string(pass), changed, graph);
    if (status_.ok()) status_ = status;
  };
}

absl::Status PassDump::Write(const std::string& name, const std::string& content) const {
  return WriteFileAtomic(JoinPath(folder_, name), content);
}

absl::Status PassDump::Add(const std::string& pass, bool changed, const graph::Graph& graph) {
  const std::string name = absl::StrFormat("%02d-%s", passes_.size() + 1, pass);
  std::string text = graph::PrintGraph(graph);
  const TextDiff diff = DiffLines(last_text_, text);
  passes_.push_back({pass, changed, CompareGraphs(last_, graph), diff.added, diff.removed});
  const std::string patch =
      UnifiedDiff(last_text_, text, diff, {last_name_ + ".graph", name + ".graph"});
  STRATA_RETURN_IF_ERROR(Write(name + ".graph", text));
  STRATA_RETURN_IF_ERROR(
      Write(name + ".diff",
            absl::StrCat("pass ", pass, ": ", passes_.back().change.ToString(),
                         "\nlines: ", diff.added, " added, ", diff.removed, " removed\n", patch)));
  last_ = graph;
  last_text_ = std::move(text);
  last_name_ = name;
  return absl::OkStatus();
}

std::string PassDump::Summary() const {
  std::string text = absl::StrFormat("%-28s %7s %8s %7s %8s %8s\n", "after", "nodes", "kernels",
                                     "added", "removed", "changed");
  absl::StrAppendFormat(&text, "%-28s %7d %8d\n", "00-input",
                        passes_.empty() ? last_.nodes_size() : passes_[0].change.before,
                        input_nodes_);
  for (size_t i = 0; i < passes_.size(); ++i) {
    const GraphChange& change = passes_[i].change;
    absl::StrAppendFormat(&text, "%-28s %7d %8d %7d %8d %8d\n",
                          absl::StrFormat("%02d-%s", i + 1, passes_[i].name), change.after,
                          change.kernels_after, change.added, change.removed, change.changed);
  }
  return text;
}

absl::Status PassDump::Finish() {
  STRATA_RETURN_IF_ERROR(status_);
  if (passes_.empty()) {
    return absl::FailedPreconditionError(
        "the compiler ran no passes, so there is nothing to dump; the compiler 'strata' does");
  }
  return Write("passes.txt", Summary());
}

}  // namespace strata::compiler
