// What a source tree really contains, asked of Bazel and of the files themselves: nothing has to be
// registered, so a new package cannot be forgotten.
//
//   absl::StatusOr<std::vector<Edge>> edges = QueryEdges(root);
#ifndef STRATA_BUILD_DEFS_LAYERING_SOURCE_TREE_H_
#define STRATA_BUILD_DEFS_LAYERING_SOURCE_TREE_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "build_defs/layering/law.h"

namespace strata::layering {

// Every dependency edge of every target under the workspace `root`, all select() branches and
// macros included, as `bazel query` tells. Runs a Bazel of its own, with its state under
// $TEST_TMPDIR.
absl::StatusOr<std::vector<Edge>> QueryEdges(const std::filesystem::path& root);

// The edges in the text of `bazel query --output=graph`.
std::vector<Edge> ParseGraph(absl::string_view graph);

// Every #include of the C, C++ and CUDA sources under `root`.
std::vector<Include> ReadIncludes(const std::filesystem::path& root);

}  // namespace strata::layering

#endif  // STRATA_BUILD_DEFS_LAYERING_SOURCE_TREE_H_
