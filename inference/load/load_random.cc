#include "inference/load/load_random.h"

#include <cmath>

namespace strata::inference {

double LoadRandom::Uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }

// The bias of a remainder is below 2^-32 for ranges below 2^32, which no load exceeds.
int64_t LoadRandom::Integer(int64_t least, int64_t most) {
  const uint64_t range = static_cast<uint64_t>(most) - static_cast<uint64_t>(least) + 1;
  const uint64_t draw = engine_();
  return static_cast<int64_t>(static_cast<uint64_t>(least) + (range == 0 ? draw : draw % range));
}

// Box and Muller.
double LoadRandom::Normal() {
  constexpr double kTwoPi = 6.283185307179586;
  const double radius = std::sqrt(-2 * std::log(Uniform()));
  return radius * std::cos(kTwoPi * Uniform());
}

// Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); shapes below 1 by Gamma(shape + 1) times
// U^(1 / shape).
double LoadRandom::Gamma(double shape) {
  if (shape < 1) {
    const double boost = std::pow(Uniform(), 1 / shape);
    return Gamma(shape + 1) * boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace strata::inference
