// The data of a fuzzed graph's inputs, from their names: a graph in a file needs no data beside it, and a reduced graph
// keeps its inputs.
//
//   std::vector<graph::HostTensor> inputs = InputsFor(graph, seed);
//
// The same name, type and seed give the same tensor. What a name begins with says what numbers these are:
//
//   wide                     floats in [-40, 40)
//   small                    floats in [0.005, 0.02): scales of bytes
//   edge                     floats of which a quarter are a zero of either sign, a one, an infinity, a NaN or the least
//   huge                     the same, and the largest number
//   int_LOW_HIGH_            integers in [LOW, HIGH]; m for a minus: int_m127_127_
//   slots_N_                 integers in [1, N) that differ, with zeros among them: slots of a pool of N
//   rows_K_FORMAT_           bytes [..., R, row]: rows of K weights in [-2, 2) in a file's format
//   rows16_K_FORMAT_         the same, 16 rows interleaved (chips/numerics/packed_rows.h)
//   anything else            floats in [-2, 2), integers in [0, 3) (ids and positions that most ops take), fair coins
//
// Bytes of rows that are of another length than K weights (a reduced graph has such) are small finite weights.
#ifndef STRATA_COMPILER_TOOLS_FUZZ_INPUTS_H_
#define STRATA_COMPILER_TOOLS_FUZZ_INPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::compiler {

graph::HostTensor InputFor(const std::string& name, const graph::TensorType& type, uint32_t seed);
std::vector<graph::HostTensor> InputsFor(const graph::Graph& graph,
                                         uint32_t seed);  // of a concrete graph

// The beginnings of names, for who makes them.
std::string IntegerName(int64_t low, int64_t high);
std::string SlotsName(int64_t slots);
std::string RowsName(const std::string& format, int64_t k, bool rows16);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_FUZZ_INPUTS_H_
