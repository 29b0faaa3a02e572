#include "chips/npu/machine/peak.h"

namespace strata::chips::npu {
namespace {

constexpr double kCubeSide = 16;
constexpr double kBytesOfElement = 4;

}  // namespace

double PeakMacsPerCycle(const Machine& machine, DType operands) {
  if (machine.has_davinci()) {
    return kCubeSide * kCubeSide * kCubeSide * (operands == I8 ? 2 : 1);
  }
  const Array& array = machine.array();
  return array.rows().value() * array.columns().value() * array.arrays().value();
}

double PeakVectorElementsPerCycle(const Machine& machine) {
  return machine.has_davinci() ? machine.davinci().ub_bytes_per_cycle().value() / kBytesOfElement
                               : machine.vector_lanes().value();
}

}  // namespace strata::chips::npu
