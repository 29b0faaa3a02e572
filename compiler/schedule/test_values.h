// Inputs and comparisons for tests of programs.
#ifndef STRATA_COMPILER_SCHEDULE_TEST_VALUES_H_
#define STRATA_COMPILER_SCHEDULE_TEST_VALUES_H_

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/schedule/interpreter.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

// Small whole numbers: sums of products are exact in any order.
inline Values RandomInputs(const Program& program, unsigned seed) {
  std::mt19937 random(seed);
  Values values;
  for (const Buffer& buffer : program.buffers) {
    if (buffer.scope != Scope::kInput) continue;
    for (int64_t i = 0; i < buffer.elements(); ++i) {
      values[buffer.name].push_back(static_cast<float>(static_cast<int>(random() % 9) - 4));
    }
  }
  return values;
}

inline void ExpectEqualValues(const Values& expected, const Values& actual) {
  for (const auto& [name, values] : expected) {
    const std::vector<float>& other = actual.at(name);
    ASSERT_EQ(values.size(), other.size()) << name;
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(values[i], other[i]) << name << " element " << i;
  }
}

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_TEST_VALUES_H_
