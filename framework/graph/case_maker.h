// How the tables of op_cases.h are written: operands by shape, one line a case.
//
//   CaseMaker make(chips::F32);
//   make.Op("add.row", "add", {F({3, 33}), F({33})});
//   make.Op("embedding.17", "embedding", {F({17, 5}), I({"B", 4}, 0, 16)}, {}, /*terms=*/1);
//   return make.Take();
#ifndef STRATA_FRAMEWORK_GRAPH_CASE_MAKER_H_
#define STRATA_FRAMEWORK_GRAPH_CASE_MAKER_H_

#include <functional>
#include <string>
#include <vector>

#include "framework/graph/builder.h"
#include "framework/graph/op_cases.h"

namespace strata::graph {

// An operand: its shape and the range its elements are drawn from. The symbols B, T and S are 3, 5
// and 7.
struct Operand {
  Shape shape;
  DType dtype = chips::DTYPE_UNSPECIFIED;  // unset: the float dtype of the cases
  double low = -2;
  double high = 2;
};

inline Operand F(Shape shape, double low = -2, double high = 2) {
  return {std::move(shape), chips::DTYPE_UNSPECIFIED, low, high};
}
// Integers in [low, high].
inline Operand I(Shape shape, int64_t low, int64_t high, DType dtype = chips::I32) {
  return {std::move(shape), dtype, static_cast<double>(low), static_cast<double>(high)};
}
inline Operand Bools(Shape shape) { return {std::move(shape), chips::BOOL, 0, 1}; }

class CaseMaker {
 public:
  explicit CaseMaker(DType dtype) : dtype_(dtype) {}

  DType dtype() const { return dtype_; }

  // One application of `op`. `terms`: how many products or values the longest sum in it adds up.
  void Op(const std::string& name, const std::string& op, const std::vector<Operand>& operands,
          const Attributes& attributes = {}, int64_t terms = 1);

  // Any graph on the operands; all values returned become outputs.
  using BuildFn =
      std::function<std::vector<ValueId>(Builder& b, const std::vector<ValueId>& inputs)>;
  void Graph(const std::string& name, const std::vector<Operand>& operands, const BuildFn& build,
             int64_t terms = 1);

  // Ends the program with the name of the case that could not be built: a bug of the table.
  std::vector<OpCase> Take() { return std::move(cases_); }

 private:
  HostTensor Draw(const Operand& operand, uint64_t* random) const;

  DType dtype_;
  std::vector<OpCase> cases_;
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_CASE_MAKER_H_
