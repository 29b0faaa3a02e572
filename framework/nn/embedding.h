// Embedding: a row of a table for each id. Unembed() multiplies by the same table: tied input and
// output embeddings.
//
//   Embedding wte(parameters, {.name = "wte", .rows = 50257, .width = 768});
//   Tensor x = wte.Forward(ids);      // ids [B, T] i32 -> [B, T, 768]
//   Tensor logits = wte.Unembed(x);   // [B, T, 768] -> [B, T, 50257]
#ifndef STRATA_FRAMEWORK_NN_EMBEDDING_H_
#define STRATA_FRAMEWORK_NN_EMBEDDING_H_

#include "framework/nn/module.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

struct EmbeddingOptions {
  std::string name;  // parameter "<name>.weight" [rows, width]
  int64_t rows = 0;
  int64_t width = 0;
  Init init = Init::Normal(0.02);
};

struct Embedding {
  Embedding(ParameterSet& parameters, const EmbeddingOptions& options);
  Tensor Forward(const Tensor& ids, const Location& location = Location::current()) const;
  Tensor Unembed(const Tensor& x, const Location& location = Location::current()) const;

  EmbeddingOptions options;
  Tensor weight;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_EMBEDDING_H_
