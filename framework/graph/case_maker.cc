#include "framework/graph/case_maker.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "framework/graph/ops/index.h"

namespace strata::graph {
namespace {

int64_t SizeOfSymbol(const std::string& symbol) {
  return symbol == "B" ? 3 : symbol == "T" ? 5 : 7;
}

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
uint64_t NextRandom(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double Uniform(uint64_t* state) { return static_cast<double>(NextRandom(state) >> 11) * 0x1p-53; }

uint64_t Seed(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

double Epsilon(DType dtype) {
  switch (dtype) {
    case chips::F64:
      return 0x1p-52;
    case chips::BF16:
      return 0x1p-7;
    case chips::F16:
      return 0x1p-10;
    default:
      return 0x1p-23;
  }
}

}  // namespace

HostTensor CaseMaker::Draw(const Operand& operand, uint64_t* random) const {
  Dims dims;
  for (const Size& size : operand.shape)
    dims.push_back(size.is_symbol() ? SizeOfSymbol(size.symbol()) : size.size());
  const DType dtype = operand.dtype == chips::DTYPE_UNSPECIFIED ? dtype_ : operand.dtype;
  std::vector<double> values(static_cast<size_t>(Product(dims)));
  for (double& value : values) {
    const double spread = operand.high - operand.low + (chips::IsFloat(dtype) ? 0.0 : 1.0);
    value = operand.low + Uniform(random) * spread;
    if (!chips::IsFloat(dtype)) value = std::floor(value);
  }
  return HostTensor::FromDoubles(dtype, dims, values);
}

void CaseMaker::Graph(const std::string& name, const std::vector<Operand>& operands,
                      const BuildFn& build, int64_t terms) {
  OpCase result;
  result.name = name;
  // Each of `terms` roundings may err by half an epsilon of a partial sum; elementary functions get
  // a few more.
  result.tolerance = Epsilon(dtype_) * static_cast<double>(16 + 2 * terms);
  uint64_t random = Seed(name);
  Builder b(name);
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    result.inputs.push_back(Draw(operands[i], &random));
    inputs.push_back(
        b.Input(absl::StrCat("x", i), {result.inputs.back().dtype(), operands[i].shape}, DATA));
  }
  const std::vector<ValueId> outputs = build(b, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) b.Output(outputs[i], absl::StrCat("y", i));
  absl::StatusOr<graph::Graph> graph = std::move(b).Build();
  if (!graph.ok()) {
    std::fprintf(stderr, "case %s: %s\n", name.c_str(), graph.status().ToString().c_str());
    std::abort();
  }
  result.graph = *std::move(graph);
  cases_.push_back(std::move(result));
}

void CaseMaker::Op(const std::string& name, const std::string& op,
                   const std::vector<Operand>& operands, const Attributes& attributes,
                   int64_t terms) {
  Graph(
      name, operands,
      [&](Builder& b, const std::vector<ValueId>& inputs) {
        return b.ApplyMulti(op, inputs, attributes);
      },
      terms);
}

}  // namespace strata::graph
