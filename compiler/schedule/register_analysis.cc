// Which register buffers can be variables: those whose every access is known when the text is written.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/schedule/nest_writer.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

// More would only be an array under many names.
constexpr int64_t kMaxVariables = 128;

}  // namespace

struct NestWriter::Uses {
  bool known = true;      // all indices are written out
  bool in_lanes = false;  // some access takes 16 lanes
};

void NestWriter::CollectUses(const Node& node, std::set<std::string> written,
                             const std::string& lane, std::map<std::string, Uses>* uses) const {
  if (node.is_loop) {
    const Loop& loop = node.loop;
    const bool is_written = IsWritten(loop);
    if (is_written) written.merge(IndicesOf(loop));
    const bool is_lane = loop.kind == LoopKind::kVector && CanBeVector(loop);
    for (const Node& inner : loop.body)
      CollectUses(inner, written, is_lane ? loop.name : lane, uses);
    return;
  }
  ForEachAccess(node.statement, [&](const Access& access, bool) {
    if (BufferOf(access).scope != Scope::kRegister) return;
    Uses& mine = (*uses)[access.buffer];
    const bool moves = !lane.empty() && Stride(access, lane) != 0;
    for (size_t d = 0; d < access.index.size(); ++d) {
      const bool last = d + 1 == access.index.size();
      const int64_t per_lane = moves ? access.index[d].Coefficient(lane) : 0;
      mine.known = mine.known && (per_lane == 0 || (last && per_lane == 1));
      for (const auto& [name, coefficient] : access.index[d].terms()) {
        mine.known = mine.known && written.count(name) > 0;
        if (moves && last && name != lane) mine.known = mine.known && coefficient % kLanes == 0;
      }
      if (moves && last) mine.known = mine.known && access.index[d].constant() % kLanes == 0;
    }
    mine.in_lanes = mine.in_lanes || moves;
  });
}

void NestWriter::FindVariables(const Node& nest) {
  std::map<std::string, Uses> uses;
  CollectUses(nest, {}, "", &uses);
  for (const auto& [name, use] : uses) {
    const Buffer& buffer = *program_.FindBuffer(name);
    const int64_t variables =
        use.in_lanes ? (buffer.elements() + kLanes - 1) / kLanes : buffer.elements();
    if (!use.known || buffer.dtype != chips::F32 || variables > kMaxVariables) continue;
    variables_.insert(name);
    if (!use.in_lanes) scalars_.insert(name);
  }
}

// "vf acc_0_0, acc_0_1;" a row a line.
void NestWriter::DeclareVariables(const Buffer& buffer) {
  const bool scalar = scalars_.count(buffer.name) > 0;
  const char* type = scalar ? "float " : "vf ";
  if (buffer.dims.empty()) return Line(absl::StrCat(type, buffer.name, ";"));
  const int64_t last = scalar ? buffer.dims.back() : (buffer.dims.back() + kLanes - 1) / kLanes;
  std::vector<std::string> rows = {buffer.name};
  for (size_t d = 0; d + 1 < buffer.dims.size(); ++d) {
    std::vector<std::string> longer;
    for (const std::string& row : rows) {
      for (int64_t i = 0; i < buffer.dims[d]; ++i) longer.push_back(absl::StrCat(row, "_", i));
    }
    rows = std::move(longer);
  }
  for (const std::string& row : rows) {
    std::vector<std::string> names;
    for (int64_t i = 0; i < last; ++i) names.push_back(absl::StrCat(row, "_", i));
    Line(absl::StrCat(type, absl::StrJoin(names, ", "), ";"));
  }
}

}  // namespace strata::compiler::schedule
