// ProgramMaker: a graph that grows at random, with the numbers that its inputs give. What the ops of random_program.h
// are made with.
#ifndef STRATA_COMPILER_TOOLS_PROGRAM_MAKER_H_
#define STRATA_COMPILER_TOOLS_PROGRAM_MAKER_H_

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/tools/random_program.h"
#include "framework/graph/builder.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

class ProgramMaker {
 public:
  using ValueId = graph::ValueId;
  using Dims = std::vector<int64_t>;

  ProgramMaker(uint32_t seed, const RandomProgramOptions& options);

  // ---- chance
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(Below(static_cast<int64_t>(from.size())))];
  }
  int64_t Size();            // one of the program's sizes
  chips::DType DType();      // mostly the program's own
  chips::DType FloatType();  // f32, bf16, f16 or f64, the program's own half of the time
  Dims RandomDims(int64_t rank);

  // ---- values
  using Wish = std::function<bool(const graph::TensorType&)>;
  // A value of the wished kind, later ones more often; kNoValue when there is none.
  ValueId Find(const Wish& wish);
  // One of exactly this type, or a new input.
  ValueId OfType(const graph::TensorType& type);
  ValueId NewInput(const graph::TensorType& type, const std::string& prefix = "x",
                   graph::InputKind kind = graph::DATA);
  graph::TensorType type(ValueId value) const { return builder_.type(value); }
  Dims dims(ValueId value) const { return builder_.type(value).dims(); }
  const graph::HostTensor& data(ValueId value) const { return data_[value]; }

  // ---- growth
  // Which results are sound: those far from the ends of their types, or any (of ops that use all of a type).
  enum class Numbers { kModest, kAll };

  // Applies an op when its operands fit and its numbers are sound; the results become values to pick from. Empty when
  // it was dropped.
  std::vector<ValueId> Try(const std::string& op, const std::vector<ValueId>& inputs,
                           const graph::Attributes& attributes = {},
                           Numbers numbers = Numbers::kModest);

  graph::Builder& builder() { return builder_; }
  const std::vector<ValueId>& values() const { return values_; }
  bool edges() const { return edges_; }

 private:
  bool Sound(const std::vector<graph::HostTensor>& results, Numbers numbers) const;

  uint32_t seed_;
  RandomProgramOptions options_;
  std::mt19937 random_;
  graph::Builder builder_;
  std::vector<int64_t> sizes_;
  chips::DType dtype_;
  bool edges_;  // numbers need not be finite
  std::vector<ValueId> values_;
  std::vector<graph::HostTensor> data_;  // by value id
};

// Grows the program by one op (or a few that belong together). The table of ops is in random_ops.cc.
void GrowByOneOp(ProgramMaker& maker);
// By one of a family, which CheckFamily knows.
void GrowByFamily(const std::string& name, ProgramMaker& maker);
absl::Status CheckFamily(const std::string& name);  // INVALID_ARGUMENT lists the names

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_PROGRAM_MAKER_H_
