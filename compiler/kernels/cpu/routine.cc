#include "compiler/kernels/cpu/routine.h"

#include <map>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using Table = std::map<std::string, Routine, std::less<>>;

const Table& Routines() {
  static const Table* table = [] {
    auto* t = new Table;
    for (const auto& family :
         {MatmulRoutines(), Conv2dRoutines(), MaxPool2dRoutines(), RequantizeRoutines(),
          IntegerSumRoutines(), AttentionRoutines(), AttentionGradientRoutines(),
          EmbeddingRoutines(), CrossEntropyRoutines(), RopeRoutines(), CacheUpdateRoutines(),
          CacheWriteRoutines(), PagedAttentionRoutines(), TopKRoutines(), PackedRoutines(),
          MoeRoutines(), GroupedMatmulRoutines()}) {
      for (const Routine& routine : family) (*t)[routine.name] = routine;
    }
    return t;
  }();
  return *table;
}

}  // namespace

const Routine* FindRoutine(absl::string_view name) {
  auto it = Routines().find(std::string(name));
  return it == Routines().end() ? nullptr : &it->second;
}

std::vector<std::string> RoutineNames() {
  std::vector<std::string> names;
  for (const auto& [name, routine] : Routines()) names.push_back(name);
  return names;
}

absl::Status RequireF32(const graph::OpCall& call, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (call.inputs[i].dtype == chips::F32) continue;
    return absl::UnimplementedError(absl::StrCat("the CPU library's ", call.node->op(),
                                                 " is for f32; inputs[", i, "] is ",
                                                 call.inputs[i].ToString()));
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler
