// Numbers of ranks as products: the sides of a torus, the size of a node.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_FACTORS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_FACTORS_H_

#include <vector>

namespace strata::distributed {

// The largest divisor d of n with d^power <= n: 1 where there is none else.
inline int LargestDivisor(int n, int power) {
  int largest = 1;
  for (int d = 2; d <= n; ++d) {
    long product = 1;
    for (int k = 0; k < power; ++k) product *= d;
    if (product > n) break;
    if (n % d == 0) largest = d;
  }
  return largest;
}

// `dims` factors of n, as equal as the smaller ones first can be made: 12 in 3 dims is {2, 2, 3}; 1s where n has not
// so many.
inline std::vector<int> Sides(int n, int dims) {
  std::vector<int> sides;
  for (int left = dims; left > 1; --left) {
    sides.push_back(LargestDivisor(n, left));
    n /= sides.back();
  }
  sides.push_back(n);
  return sides;
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_FACTORS_H_
