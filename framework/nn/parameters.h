// Parameters: what a model's weights are called, how large they are and how they start.
//
//   ParameterSet parameters(builder, chips::F32);
//   Tensor w = parameters.Create("h.0.mlp.c_fc.weight", {768, 3072}, Init::Normal(0.02));
//   for (const ParameterSpec& spec : parameters.specs()) weights.push_back(InitParameter(spec,
//   /*seed=*/1));
//
// Initial values are counter-based: element i of a parameter depends on the seed, the parameter's
// name and i, and on nothing else; not on the order of creation, the number of threads or the other
// parameters.
#ifndef STRATA_FRAMEWORK_NN_PARAMETERS_H_
#define STRATA_FRAMEWORK_NN_PARAMETERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/graph/host_tensor.h"
#include "framework/tensor/tensor.h"

namespace strata::framework {

// How the elements of a parameter start.
struct Init {
  enum class Kind { kZeros, kOnes, kNormal };
  Kind kind = Kind::kZeros;
  double standard_deviation = 0;  // kNormal, of mean 0

  static Init Zeros() { return {Kind::kZeros, 0}; }
  static Init Ones() { return {Kind::kOnes, 0}; }
  static Init Normal(double standard_deviation) { return {Kind::kNormal, standard_deviation}; }
};

struct ParameterSpec {
  std::string name;  // as in the model file: "h.0.attn.c_attn.weight"
  std::vector<int64_t> dims;
  graph::DType dtype = chips::F32;
  Init init;
};

// The initial value of a parameter.
graph::HostTensor InitParameter(const ParameterSpec& spec, uint64_t seed);

// The parameters of one graph, in order of creation. The builder must outlive the set.
class ParameterSet {
 public:
  ParameterSet(graph::Builder& builder, graph::DType dtype) : builder_(builder), dtype_(dtype) {}
  ParameterSet(const ParameterSet&) = delete;
  ParameterSet& operator=(const ParameterSet&) = delete;

  // Adds an input of kind PARAMETER. A name that is there already gives the same tensor (tied
  // weights); with other dims that is a sticky error of the builder.
  Tensor Create(const std::string& name, const std::vector<int64_t>& dims, const Init& init);

  graph::Builder& builder() const { return builder_; }
  graph::DType dtype() const { return dtype_; }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }  // one a spec
  std::vector<graph::ValueId> ids() const;                         // of tensors()
  int64_t elements() const;  // of all parameters: "a 124M model"

 private:
  graph::Builder& builder_;
  graph::DType dtype_;
  std::vector<ParameterSpec> specs_;
  std::vector<Tensor> tensors_;
  std::map<std::string, size_t> index_;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_PARAMETERS_H_
