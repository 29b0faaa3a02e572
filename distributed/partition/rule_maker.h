// RuleMaker: how rows of the table of op_rules.h are written.
//
//   RuleMaker make(call);
//   make.Spec("bth*, bt -> bth*");      // a letter is a factor, * a dim that must be whole
//   make.Linear("0");
//   return std::move(make).Finish();
//
// In a spec "..." stands for all leading dims (the same factors wherever it stands), "(kg)" for a dim of two factors, k
// major. A trailing operand that a call does not have is left out.
#ifndef STRATA_DISTRIBUTED_PARTITION_RULE_MAKER_H_
#define STRATA_DISTRIBUTED_PARTITION_RULE_MAKER_H_

#include <map>
#include <string>
#include <vector>

#include "distributed/partition/op_rules.h"

namespace strata::distributed {

class RuleMaker {
 public:
  explicit RuleMaker(const graph::OpCall& call);

  // A new factor; kNone for a dim of size 1 or 0, which cannot be cut.
  static constexpr int kNone = -1;
  int New(const graph::Size& size, Across across = Across::kSum);
  void SetInput(size_t i, size_t d, const std::vector<int>& factors) {
    Set(&rule_.inputs[i][d], factors);
  }
  void SetOutput(size_t i, size_t d, const std::vector<int>& factors) {
    Set(&rule_.outputs[i][d], factors);
  }

  void Spec(const std::string& spec);
  // What a letter of the spec means when it is cut.
  void LetterAcross(char letter, Across across);
  // Sets of operands by index: "0|1", "01", "*" for all together.
  void Linear(const std::string& sets);
  void Any(size_t input) { rule_.any[input] = true; }

  OpRule Finish() && { return std::move(rule_); }

 private:
  using Dim = std::string;  // letters of a dim, "*" for a whole one, "." for the ellipsis
  static void Set(std::vector<int>* dim, const std::vector<int>& factors);
  static std::vector<Dim> Dims(const std::string& operand, size_t rank);
  void Bind(const std::string& operand, const graph::Shape& shape, DimFactors* result);
  void SizeLetters(const std::string& operand, const graph::Shape& shape, bool composite);

  const graph::OpCall& call_;
  OpRule rule_;
  std::map<std::string, int> letters_;  // factor of a letter, or of "...0", "...1" of the ellipsis
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_RULE_MAKER_H_
