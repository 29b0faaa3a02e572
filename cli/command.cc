#include "cli/command.h"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/textproto.h"
#include "chips/spec/catalogue.h"
#include "compiler/plan/validate.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"

namespace strata::cli {

absl::StatusOr<graph::Graph> LoadGraph(const std::string& path) {
  if (absl::EndsWith(path, ".pb")) {
    graph::Graph graph;
    STRATA_RETURN_IF_ERROR(ReadBinaryProto(path, &graph));
    STRATA_RETURN_IF_ERROR(Annotate(graph::Verify(graph), path));
    return graph;
  }
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    STRATA_ASSIGN_OR_RETURN(text, ReadFile(path));
  }
  return graph::ParseGraph(text, path == "-" ? "standard input" : path);
}

absl::StatusOr<plan::Plan> LoadPlan(const std::string& path) {
  plan::Plan plan;
  if (absl::EndsWith(path, ".textproto")) {
    STRATA_RETURN_IF_ERROR(ReadTextProto(path, &plan));
  } else {
    STRATA_RETURN_IF_ERROR(ReadBinaryProto(path, &plan));
  }
  STRATA_RETURN_IF_ERROR(Annotate(plan::ValidatePlan(plan), path));
  return plan;
}

absl::Status SavePlan(const std::string& path, const plan::Plan& plan) {
  if (path == "-") return Emit(path, PrintTextProto(plan));
  if (absl::EndsWith(path, ".textproto")) return WriteFileAtomic(path, PrintTextProto(plan));
  return WriteBinaryProto(path, plan);
}

absl::StatusOr<graph::Graph> BindFlags(const graph::Graph& graph,
                                       const std::vector<std::string>& symbols) {
  std::map<std::string, int64_t> sizes;
  for (const std::string& symbol : symbols) {
    const size_t equals = symbol.find('=');
    int64_t size = 0;
    if (equals == std::string::npos || !absl::SimpleAtoi(symbol.substr(equals + 1), &size) ||
        size < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--dim=", symbol, ": expected NAME=SIZE, as in --dim=B=4"));
    }
    sizes[symbol.substr(0, equals)] = size;
  }
  return graph::BindSymbols(graph, sizes);
}

absl::StatusOr<chips::Chip> ChipFor(const std::string& name, const std::string& device) {
  return chips::FindChip(!name.empty() ? name : device == "npu" ? "edge_16" : "host");
}

absl::Status Emit(const std::string& path, const std::string& content) {
  if (path != "-") return WriteFileAtomic(path, content);
  std::fwrite(content.data(), 1, content.size(), stdout);
  return absl::OkStatus();
}

void PrintLine(const nlohmann::ordered_json& object, std::FILE* to) {
  using Json = nlohmann::ordered_json;
  std::fprintf(to, "%s\n", object.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace strata::cli
