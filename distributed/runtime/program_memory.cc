#include "distributed/runtime/program_memory.h"

#include <algorithm>
#include <set>
#include <vector>

#include "framework/graph/types.h"

namespace strata::distributed {

ProgramMemory MemoryOf(const graph::Graph& program) {
  const auto bytes = [&](uint32_t value) {
    return graph::TypeOf(program.values(static_cast<int>(value))).size_bytes();
  };
  std::vector<int> last_use(static_cast<size_t>(program.values_size()), -1);
  for (int n = 0; n < program.nodes_size(); ++n) {
    for (uint32_t input : program.nodes(n).inputs()) last_use[input] = n;
    for (uint32_t output : program.nodes(n).outputs()) last_use[output] = n;
  }
  std::set<uint32_t> stays;
  for (const graph::Output& output : program.outputs()) stays.insert(output.value());
  std::set<uint32_t> given;
  for (const graph::Input& input : program.inputs()) given.insert(input.value());

  ProgramMemory memory;
  int64_t live = 0;
  for (int n = 0; n < program.nodes_size(); ++n) {
    const graph::Node& node = program.nodes(n);
    for (uint32_t output : node.outputs()) live += bytes(output);
    memory.peak = std::max(memory.peak, live);
    std::set<uint32_t> touched(node.inputs().begin(), node.inputs().end());
    touched.insert(node.outputs().begin(), node.outputs().end());
    for (uint32_t value : touched) {
      if (last_use[value] == n && given.count(value) == 0 && stays.count(value) == 0)
        live -= bytes(value);
    }
  }
  memory.outputs = live;
  return memory;
}

}  // namespace strata::distributed
