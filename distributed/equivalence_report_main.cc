// Runs the equivalence matrix and prints its table; --json one object a row, with the largest difference in parts of its
// tolerance; --write puts the table into a README in the place of the one that it has.
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "base/file.h"
#include "base/user_folder.h"
#include "distributed/equivalence_matrix.h"

namespace strata::distributed {
namespace {

// Names are of letters, digits and ":, -+x": nothing to escape. (The JSON library is not of this floor.)
void PrintJson(const MatrixResult& result, const absl::Status& status) {
  std::printf(
      R"({"row": "%s", "ranks": %d, "ok": %s, "gradients": %lld, "worst": %.4g, "worst_at": "%s", )"
      R"("wire_bytes": %lld, "wire_formula": %lld, "peak_bytes": %lld, "peak_ratio": %.6f})"
      "\n",
      result.name.c_str(), result.ranks, status.ok() ? "true" : "false",
      static_cast<long long>(result.gradients), result.worst, result.worst_at.c_str(),
      static_cast<long long>(result.wire_bytes), static_cast<long long>(result.wire_formula),
      static_cast<long long>(result.peak_bytes), result.peak_ratio);
}

// The text with `table` in the place of the lines that start with "|" from the table's head on.
absl::StatusOr<std::string> ReplaceTable(const std::string& text, const std::string& table) {
  const size_t begin = text.find(TableHead());
  if (begin == std::string::npos) return absl::NotFoundError("the file has no table of this head");
  size_t end = begin;
  while (end < text.size() && text[end] == '|') end = text.find('\n', end) + 1;
  return text.substr(0, begin) + table + text.substr(end);
}

absl::Status WriteTable(const std::string& path, const std::string& table) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  STRATA_ASSIGN_OR_RETURN(const std::string replaced, ReplaceTable(text, table));
  return WriteFileAtomic(path, replaced);
}

int Main(int argc, char** argv) {
  EnterUserFolder();
  CLI::App app("The equivalence matrix: every parallelism against one device.");
  bool json = false;
  std::string only, write;
  app.add_flag("--json", json, "one JSON object a row instead of the table");
  app.add_option("--only", only, "rows whose name holds this text");
  app.add_option("--write", write, "a README whose table is replaced; needs all rows");
  CLI11_PARSE(app, argc, argv);
  std::string table = TableHead();
  if (!json) std::printf("%s", TableHead().c_str());
  int failures = 0;
  for (const MatrixRow& row : EquivalenceMatrix()) {
    if (!absl::StrContains(row.name(), only)) continue;
    const absl::StatusOr<MatrixResult> result = Measure(row);
    const absl::Status status = result.ok() ? Check(*result) : result.status();
    if (!status.ok()) {
      ++failures;
      std::fprintf(stderr, "%s: %s\n", row.name().c_str(), std::string(status.message()).c_str());
    }
    if (!result.ok()) continue;
    json ? PrintJson(*result, status) : void(std::printf("%s\n", TableLine(*result).c_str()));
    std::fflush(stdout);
    table += TableLine(*result) + "\n";
  }
  if (!write.empty() && failures == 0 && only.empty()) {
    const absl::Status status = WriteTable(write, table);
    if (!status.ok()) {
      ++failures;
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
    }
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace strata::distributed

int main(int argc, char** argv) { return strata::distributed::Main(argc, argv); }
