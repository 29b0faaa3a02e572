#include "distributed/partition/rule_maker.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace strata::distributed {
namespace {

std::vector<std::string> Operands(const std::string& list) {
  const std::string dense = absl::StrReplaceAll(list, {{" ", ""}, {"...", "."}});
  return absl::StrSplit(dense, ',');
}

}  // namespace

RuleMaker::RuleMaker(const graph::OpCall& call) : call_(call) {
  for (const graph::TensorType& type : call.inputs) rule_.inputs.emplace_back(type.shape.size());
  for (const graph::TensorType& type : call.outputs) rule_.outputs.emplace_back(type.shape.size());
  rule_.any.assign(call.inputs.size(), false);
}

int RuleMaker::New(const graph::Size& size, Across across) {
  if (!size.is_symbol() && size.size() <= 1) return kNone;
  rule_.factors.push_back({size, across});
  return static_cast<int>(rule_.factors.size()) - 1;
}

void RuleMaker::Set(std::vector<int>* dim, const std::vector<int>& factors) {
  dim->clear();
  for (int factor : factors) {
    if (factor != kNone) dim->push_back(factor);
  }
}

// "b(kg)*" -> {"b", "kg", "*"}; "." becomes as many dims ".0", ".1" as the rank leaves.
std::vector<RuleMaker::Dim> RuleMaker::Dims(const std::string& operand, size_t rank) {
  std::vector<Dim> dims;
  size_t ellipsis = std::string::npos;
  for (size_t i = 0; i < operand.size(); ++i) {
    if (operand[i] == '(') {
      const size_t end = operand.find(')', i);
      dims.push_back(operand.substr(i + 1, end - i - 1));
      i = end;
    } else if (operand[i] == '.') {
      ellipsis = dims.size();
    } else {
      dims.push_back(std::string(1, operand[i]));
    }
  }
  if (ellipsis == std::string::npos) return dims;
  std::vector<Dim> leading;
  for (size_t i = 0; i + dims.size() < rank; ++i) leading.push_back(absl::StrCat(".", i));
  dims.insert(dims.begin() + static_cast<int64_t>(ellipsis), leading.begin(), leading.end());
  return dims;
}

// Makes the factors of dims that one letter names; then those of the dims with two, whose size leaves one open.
void RuleMaker::SizeLetters(const std::string& operand, const graph::Shape& shape, bool composite) {
  const std::vector<Dim> dims = Dims(operand, shape.size());
  for (size_t d = 0; d < dims.size() && d < shape.size(); ++d) {
    const Dim& dim = dims[d];
    const bool leading = dim[0] == '.';
    if (dim == "*" || (!leading && (dim.size() > 1) != composite) || (leading && composite))
      continue;
    if (!composite) {
      if (letters_.count(dim) == 0) letters_[dim] = New(shape[d]);
      continue;
    }
    int64_t rest = shape[d].size();
    std::string open;
    for (char c : dim) {
      const auto it = letters_.find(std::string(1, c));
      if (it == letters_.end()) {
        open = std::string(1, c);
      } else if (it->second != kNone && !shape[d].is_symbol()) {
        rest /= std::max<int64_t>(1, rule_.factors[static_cast<size_t>(it->second)].size.size());
      }
    }
    if (!open.empty())
      letters_[open] = New(shape[d].is_symbol() ? graph::Size(1) : graph::Size(rest));
  }
}

void RuleMaker::Bind(const std::string& operand, const graph::Shape& shape, DimFactors* result) {
  const std::vector<Dim> dims = Dims(operand, shape.size());
  for (size_t d = 0; d < dims.size() && d < shape.size(); ++d) {
    if (dims[d] == "*") continue;
    std::vector<int> factors;
    if (dims[d][0] == '.') {
      factors.push_back(letters_[dims[d]]);
    } else {
      for (char c : dims[d]) factors.push_back(letters_[std::string(1, c)]);
    }
    Set(&(*result)[d], factors);
  }
}

void RuleMaker::Spec(const std::string& spec) {
  const std::vector<std::string> sides = absl::StrSplit(spec, "->");
  const std::vector<std::string> in = Operands(sides[0]), out = Operands(sides[1]);
  for (const bool composite : {false, true}) {
    for (size_t i = 0; i < in.size() && i < call_.inputs.size(); ++i)
      SizeLetters(in[i], call_.inputs[i].shape, composite);
    for (size_t i = 0; i < out.size() && i < call_.outputs.size(); ++i)
      SizeLetters(out[i], call_.outputs[i].shape, composite);
  }
  for (size_t i = 0; i < in.size() && i < call_.inputs.size(); ++i)
    Bind(in[i], call_.inputs[i].shape, &rule_.inputs[i]);
  for (size_t i = 0; i < out.size() && i < call_.outputs.size(); ++i)
    Bind(out[i], call_.outputs[i].shape, &rule_.outputs[i]);
}

void RuleMaker::LetterAcross(char letter, Across across) {
  const auto it = letters_.find(std::string(1, letter));
  if (it != letters_.end() && it->second != kNone)
    rule_.factors[static_cast<size_t>(it->second)].across = across;
}

void RuleMaker::Linear(const std::string& sets) {
  if (sets.empty()) return;
  if (sets == "*") {
    rule_.linear.emplace_back();
    for (size_t i = 0; i < call_.inputs.size(); ++i)
      rule_.linear.back().push_back(static_cast<int>(i));
    return;
  }
  for (const std::string& set : std::vector<std::string>(absl::StrSplit(sets, '|'))) {
    rule_.linear.emplace_back();
    for (char c : set) rule_.linear.back().push_back(c - '0');
  }
}

}  // namespace strata::distributed
