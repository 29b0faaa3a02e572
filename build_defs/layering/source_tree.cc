#include "build_defs/layering/source_tree.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace strata::layering {
namespace {

namespace fs = std::filesystem;

// Flags that leave a toolchain's and a rule's hidden dependencies out: the law is about what BUILD
// files say. --batch: no server stays behind.
constexpr char kQuery[] =
    "bazel --batch --nohome_rc --output_user_root=\"$TEST_TMPDIR/bazel\" "
    "--host_jvm_args=-Xmx512m --host_jvm_args=-XX:TieredStopAtLevel=1 query --noshow_progress "
    "--noimplicit_deps --notool_deps "
    "--nonodep_deps --output=graph --nograph:factored 'deps(//..., 1)'";

// A workspace that is `root` but for the links bazel-bin, bazel-out and the like: another Bazel
// would walk through them.
absl::StatusOr<fs::path> Mirror(const fs::path& root) {
  std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/mirror_XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return absl::InternalError("mkdtemp failed");
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_symlink() && absl::StartsWith(name, "bazel-")) continue;
    fs::create_symlink(entry.path(), fs::path(path) / name);
  }
  return path;
}

bool IsSource(const fs::path& path) {
  constexpr absl::string_view kExtensions[] = {".c", ".cc", ".cu", ".cuh", ".h"};
  const std::string extension = path.extension().string();
  return std::find(std::begin(kExtensions), std::end(kExtensions), extension) !=
         std::end(kExtensions);
}

// The header that `line` includes; empty when it includes none.
absl::string_view IncludedBy(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "#")) return "";
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "include")) return "";
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "<") && !absl::ConsumePrefix(&line, "\"")) return "";
  return line.substr(0, line.find_first_of(">\""));
}

void ReadIncludesOf(const fs::path& root, const fs::path& file, std::vector<Include>& includes) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const absl::string_view header = IncludedBy(line);
    if (header.empty()) continue;
    includes.push_back({file.lexically_relative(root).string(), std::string(header)});
  }
}

}  // namespace

absl::StatusOr<std::vector<Edge>> QueryEdges(const fs::path& root) {
  const absl::StatusOr<fs::path> mirror = Mirror(root);
  if (!mirror.ok()) return mirror.status();
  std::FILE* pipe = popen(absl::StrCat("cd '", mirror->string(), "' && ", kQuery).c_str(), "r");
  if (pipe == nullptr) return absl::InternalError("popen failed");
  std::string graph;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) graph.append(buffer, n);
  const int status = pclose(pipe);
  if (status != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("bazel query in ", root.string(), " ended with wait status ", status));
  }
  return ParseGraph(graph);
}

std::vector<Edge> ParseGraph(absl::string_view graph) {
  std::vector<Edge> edges;
  for (absl::string_view line : absl::StrSplit(graph, '\n')) {
    // An edge reads: "//a:b" -> "//c:d"
    const std::vector<absl::string_view> ends = absl::StrSplit(line, " -> ");
    if (ends.size() != 2) continue;
    const auto unquoted = [](absl::string_view text) {
      text = absl::StripAsciiWhitespace(text);
      absl::ConsumePrefix(&text, "\"");
      return std::string(text.substr(0, text.find('"')));
    };
    edges.push_back({unquoted(ends[0]), unquoted(ends[1])});
  }
  return edges;
}

std::vector<Include> ReadIncludes(const fs::path& root) {
  std::vector<Include> includes;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && absl::StartsWith(name, ".")) it.disable_recursion_pending();
    if (it->is_regular_file() && IsSource(it->path())) {
      ReadIncludesOf(root, it->path(), includes);
    }
  }
  return includes;
}

}  // namespace strata::layering
