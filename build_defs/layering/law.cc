#include "build_defs/layering/law.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace strata::layering {
namespace {

struct Layer {
  absl::string_view folder;
  int floor;
};

constexpr Layer kLayers[] = {
    {"third_party", -2},
    {"build_defs", -1},
    {"base", 0},
    {"chips", 1},
    {"framework", 2},
    {"compiler", 3},
    {"distributed", 4},
    {"inference/bench", 6},  // Benchmarks wire models, engine and server together.
    {"inference", 4},
    {"llm", 5},
    {"courses", 6},
    {"cli", 7},  // The command //:strata.
    {"", 8},     // The root package.
};

// A third-party library that only some folders may see.
struct Confined {
  absl::string_view library;  // Label prefix.
  std::vector<absl::string_view> folders;
};

const std::vector<Confined>& ConfinedLibraries() {
  static const auto& table = *new std::vector<Confined>{
      {"//third_party/onednn:", {"compiler/kernels", "compiler/codegen", "compiler/device"}},
      {"//third_party/cuda:nccl", {"distributed/transport"}},
      {"//third_party/cuda:cudart",
       {"compiler/kernels", "compiler/codegen", "compiler/device", "distributed/transport"}},
      {"//third_party/cuda:headers",
       {"compiler/kernels", "compiler/codegen", "compiler/device", "distributed/transport"}},
      {"//third_party/cuda:", {"compiler/kernels", "compiler/codegen", "compiler/device"}},
      {"//third_party/openmpi:", {"distributed/transport"}},
      {"//third_party/boost:", {"inference/server", "inference/bench"}},
      {"//third_party/prometheus_cpp:", {"inference"}},
      {"//third_party/nlohmann_json:",
       {"cli", "inference", "llm/convert", "llm/tokenizer", "llm/model", "framework/tensor",
        "framework/data"}},
      {"//third_party/simdjson:",
       {"inference", "llm/tokenizer", "llm/model", "framework/tensor", "framework/data"}},
  };
  return table;
}

// System headers are in the compiler's path whether or not a target names their library.
struct HeaderOf {
  absl::string_view header;  // Prefix of what an #include names.
  absl::string_view library;
};

constexpr HeaderOf kHeaders[] = {
    {"dnnl", "//third_party/onednn:onednn"},
    {"oneapi/dnnl", "//third_party/onednn:onednn"},
    {"nvrtc", "//third_party/cuda:nvrtc"},
    {"cublas", "//third_party/cuda:cublas"},
    {"cuda_runtime", "//third_party/cuda:cudart"},
    {"cuda.h", "//third_party/cuda:headers"},
    {"nccl", "//third_party/cuda:nccl"},
    {"mpi.h", "//third_party/openmpi:openmpi"},
    {"boost/", "//third_party/boost:boost"},
    {"prometheus/", "//third_party/prometheus_cpp:prometheus_cpp"},
    {"nlohmann/", "//third_party/nlohmann_json:nlohmann_json"},
    {"simdjson", "//third_party/simdjson:simdjson"},
};

bool IsIn(absl::string_view path, absl::string_view folder) {
  return path == folder || (absl::StartsWith(path, folder) && path[folder.size()] == '/');
}

// "//chips/spec:chip_proto" -> "chips/spec"
absl::string_view PackageOf(absl::string_view label) {
  absl::ConsumePrefix(&label, "//");
  return label.substr(0, label.find(':'));
}

// The first row that holds the package; the root package has no folder.
const Layer* LayerOf(absl::string_view package) {
  const auto* layer = std::find_if(std::begin(kLayers), std::end(kLayers), [&](const Layer& l) {
    return l.folder.empty() ? package.empty() : IsIn(package, l.folder);
  });
  return layer == std::end(kLayers) ? nullptr : layer;
}

std::optional<std::string> NoLayer(absl::string_view package) {
  return absl::StrCat(package, " stands on no floor: name its folder in law.cc");
}

std::optional<std::string> SeenOutside(absl::string_view user, absl::string_view library) {
  for (const Confined& confined : ConfinedLibraries()) {
    if (!absl::StartsWith(library, confined.library)) continue;
    if (std::any_of(confined.folders.begin(), confined.folders.end(),
                    [&](absl::string_view folder) { return IsIn(user, folder); })) {
      return std::nullopt;
    }
    return absl::StrCat(library, " may be seen only in ", absl::StrJoin(confined.folders, ", "));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> BrokenBy(const Edge& edge) {
  const absl::string_view from = PackageOf(edge.from);
  const Layer* user = LayerOf(from);
  if (user == nullptr) return NoLayer(from);
  if (user->folder == "third_party") return std::nullopt;
  if (absl::StartsWith(edge.to, "@")) {
    return "an external repository is named only in //third_party";
  }
  const absl::string_view to = PackageOf(edge.to);
  const Layer* used = LayerOf(to);
  if (used == nullptr) return NoLayer(to);
  if (used->folder == "third_party") return SeenOutside(from, edge.to);
  if (user->folder == used->folder || used->floor < user->floor) return std::nullopt;
  return absl::StrCat(user->folder, " (floor ", user->floor, ") may not use ",
                      used->folder.empty() ? "the root" : used->folder, " (floor ", used->floor,
                      ")");
}

std::optional<std::string> BrokenBy(const Include& include) {
  if (IsIn(include.file, "third_party")) return std::nullopt;
  for (const HeaderOf& row : kHeaders) {
    if (absl::StartsWith(include.header, row.header)) return SeenOutside(include.file, row.library);
  }
  return std::nullopt;
}

}  // namespace strata::layering
