// LoadRandom: the draws that a load is made of. The same seed gives the same draws on every machine (the distributions of
// the standard library promise that of no two libraries).
//
//   LoadRandom random(7);
//   const double gap = random.Gamma(0.5) / 0.5 / rate;
#ifndef STRATA_INFERENCE_LOAD_LOAD_RANDOM_H_
#define STRATA_INFERENCE_LOAD_LOAD_RANDOM_H_

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace strata::inference {

class LoadRandom {
 public:
  explicit LoadRandom(uint64_t seed) : engine_(seed) {}

  double Uniform();                              // (0, 1)
  int64_t Integer(int64_t least, int64_t most);  // both included; least <= most
  double Normal();                               // mean 0, variance 1
  double Gamma(double shape);                    // mean and variance `shape` (> 0)

  template <typename T>
  void Shuffle(std::vector<T>* items) {
    for (size_t i = items->size(); i > 1; --i) {
      std::swap((*items)[i - 1],
                (*items)[static_cast<size_t>(Integer(0, static_cast<int64_t>(i) - 1))]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_LOAD_RANDOM_H_
