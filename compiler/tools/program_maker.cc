#include "compiler/tools/program_maker.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/tools/fuzz_inputs.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using graph::TensorType;

// Sums of products of such numbers are far from the ends of f32; 16-bit floats end sooner. Sums of bytes are exact.
double LargestSound(chips::DType dtype) {
  switch (dtype) {
    case chips::F16:
    case chips::F8_E4M3:
    case chips::F8_E5M2:
    case chips::I8:
    case chips::U8:
      return 100;
    case chips::I32:
      return 1 << 24;
    default:
      return 1e4;
  }
}

}  // namespace

ProgramMaker::ProgramMaker(uint32_t seed, const RandomProgramOptions& options)
    : seed_(seed), options_(options), random_(seed), builder_(absl::StrCat("fuzz_", seed)) {
  const std::vector<int64_t> common = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 40, 48, 64};
  const std::vector<int64_t> rare = {0, 6, 9, 63, 65, 96, 100, 127, 128, 130, 257};
  for (int i = 0; i < 4; ++i) sizes_.push_back(OneIn(5) ? Pick(rare) : Pick(common));
  const int64_t roll = Below(10);
  dtype_ = roll < 7 ? chips::F32 : roll < 9 ? chips::BF16 : OneIn(2) ? chips::F16 : chips::F64;
  edges_ = OneIn(10);
}

int64_t ProgramMaker::Size() { return OneIn(12) ? 1 : Pick(sizes_); }

chips::DType ProgramMaker::DType() {
  if (!OneIn(6)) return dtype_;
  return Pick(std::vector<chips::DType>{chips::F32, chips::BF16, chips::F16, chips::F64, chips::I32,
                                        chips::I32, chips::I64, chips::I8, chips::U8, chips::BOOL});
}

chips::DType ProgramMaker::FloatType() {
  static const std::vector<chips::DType> kFloats = {chips::F32, chips::BF16, chips::F16,
                                                    chips::F64};
  return chips::IsFloat(dtype_) && OneIn(2) ? dtype_ : Pick(kFloats);
}

ProgramMaker::Dims ProgramMaker::RandomDims(int64_t rank) {
  Dims dims;
  int64_t elements = 1;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t size = Size();
    if (elements * size > options_.max_elements) size = OneIn(2) ? 1 : 2;
    dims.push_back(size);
    elements *= std::max<int64_t>(1, size);
  }
  return dims;
}

ProgramMaker::ValueId ProgramMaker::Find(const Wish& wish) {
  std::vector<ValueId> fits;
  for (ValueId value : values_) {
    if (wish(type(value))) fits.push_back(value);
  }
  if (fits.empty()) return graph::kNoValue;
  // Chains grow where the last values are taken half of the time.
  const int64_t last = std::min<int64_t>(4, static_cast<int64_t>(fits.size()));
  if (OneIn(2)) return fits[fits.size() - 1 - static_cast<size_t>(Below(last))];
  return Pick(fits);
}

ProgramMaker::ValueId ProgramMaker::OfType(const TensorType& wanted) {
  const ValueId found =
      OneIn(4) ? graph::kNoValue : Find([&](const TensorType& t) { return t == wanted; });
  return found == graph::kNoValue ? NewInput(wanted) : found;
}

ProgramMaker::ValueId ProgramMaker::NewInput(const TensorType& wanted, const std::string& prefix,
                                             graph::InputKind kind) {
  std::string sort = prefix;  // what is of a kind stays so
  if (chips::IsFloat(wanted.dtype) && prefix != "small") {
    if (OneIn(12)) sort = "wide";
    if (edges_ && OneIn(2)) sort = OneIn(3) ? "huge" : "edge";
  }
  const std::string name = absl::StrCat(sort, builder_.graph().inputs_size());
  const ValueId value = builder_.Input(name, wanted, kind);
  data_.resize(value + 1);
  data_[value] = InputFor(name, wanted, seed_);
  values_.push_back(value);
  return value;
}

bool ProgramMaker::Sound(const std::vector<HostTensor>& results, Numbers numbers) const {
  for (const HostTensor& result : results) {
    if (result.elements() > options_.max_elements) return false;
    if (numbers == Numbers::kAll || (edges_ && chips::IsFloat(result.dtype()))) continue;
    const double largest = LargestSound(result.dtype());
    for (double value : result.ToDoubles()) {
      if (!(std::fabs(value) <= largest)) return false;
    }
  }
  return true;
}

std::vector<ProgramMaker::ValueId> ProgramMaker::Try(const std::string& op,
                                                     const std::vector<ValueId>& inputs,
                                                     const graph::Attributes& attributes,
                                                     Numbers numbers) {
  const auto def = graph::OpRegistry::Get().Lookup(op);
  if (!def.ok()) {
    builder_.Fail(def.status());
    return {};
  }
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  graph::OpCall call{&node, {}, {}};
  std::vector<HostTensor> operands;
  for (ValueId input : inputs) {
    if (input == graph::kNoValue) return {};
    call.inputs.push_back(type(input));
    operands.push_back(data_[input]);
  }
  const auto types = graph::InferTypes(**def, call);
  if (!types.ok()) return {};
  for (const TensorType& result : *types) {
    if (result.elements() > options_.max_elements) return {};
  }
  const auto results = graph::EvaluateNode(node, operands);
  if (!results.ok() || !Sound(*results, numbers)) return {};
  const auto scope = graph::Builder::Scope::Exactly(
      builder_, absl::StrCat("line ", builder_.graph().nodes_size() / 3));
  const std::vector<ValueId> outputs = builder_.ApplyMulti(op, inputs, attributes);
  data_.resize(static_cast<size_t>(builder_.graph().values_size()));
  for (size_t k = 0; k < outputs.size(); ++k) {
    data_[outputs[k]] = (*results)[k];
    values_.push_back(outputs[k]);
  }
  return outputs;
}

}  // namespace strata::compiler
