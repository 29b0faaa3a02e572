// The table of what a random program grows by, and how often.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {
namespace {

struct Family {
  const char* name;
  int weight;
  void (*grow)(ProgramMaker&);
};

constexpr Family kFamilies[] = {
    {"unary", 18, GrowUnary},
    {"binary", 24, GrowBinary},
    {"select", 6, GrowSelect},
    {"cast", 5, GrowCast},
    {"source", 2, GrowSource},
    {"reshape", 8, GrowReshape},
    {"transpose", 8, GrowTranspose},
    {"cut", 9, GrowCut},
    {"broadcast", 6, GrowBroadcast},
    {"after", 1, GrowAfter},
    {"reduction", 13, GrowReduction},
    {"matmul", 7, GrowMatmul},
    {"contract_leading", 2, GrowContractLeading},
    {"byte_product", 2, GrowByteProduct},
    {"requantize", 2, GrowRequantize},
    {"norm", 7, GrowNorm},
    {"activation", 4, GrowActivation},
    {"embedding", 2, GrowEmbedding},
    {"loss", 2, GrowLoss},
    {"choice", 1, GrowChoice},
    {"rope", 1, GrowRope},
    {"attention", 2, GrowAttention},
    {"paged_attention", 2, GrowPagedAttention},
    {"packed", 3, GrowPacked},
    {"convolution", 3, GrowConvolution},
    {"pool", 1, GrowPool},
    {"mixture", 1, GrowMixture},
    {"cache_update", 1, GrowCacheUpdate},
    {"optimizer", 2, GrowOptimizer},
    {"collective", 1, GrowCollective},
};

}  // namespace

std::vector<std::string> OpFamilies() {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.push_back(family.name);
  return names;
}

const std::map<std::string, std::string>& OpsLeftOut() {
  static const auto& kOps = *new std::map<std::string, std::string>{
      {"fusion", "passes make it, of ops that are here; a program is what a model says"},
  };
  return kOps;
}

absl::Status CheckFamily(const std::string& name) {
  for (const Family& family : kFamilies) {
    if (name == family.name) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("family: '", name, "' is not known; give one of ",
                                                 absl::StrJoin(OpFamilies(), ", ")));
}

void GrowByFamily(const std::string& name, ProgramMaker& maker) {
  for (const Family& family : kFamilies) {
    if (name == family.name) return family.grow(maker);
  }
}

void GrowByOneOp(ProgramMaker& maker) {
  int64_t total = 0;
  for (const Family& family : kFamilies) total += family.weight;
  int64_t at = maker.Below(total);
  for (const Family& family : kFamilies) {
    at -= family.weight;
    if (at < 0) return family.grow(maker);
  }
}

}  // namespace strata::compiler
