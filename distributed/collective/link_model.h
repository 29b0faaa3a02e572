// The alpha-beta-gamma model of a link, and what an algorithm costs on it. Hockney, The communication challenge
// for MPP (1994), with a term for the arithmetic as in Thakur, Rabenseifner & Gropp, Optimization of collective
// communication operations in MPICH (2005).
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_LINK_MODEL_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_LINK_MODEL_H_

#include <cstdint>

namespace strata::distributed {

// A message of b bytes takes alpha + beta b; a rank sends one and receives one at a time; combining b bytes
// that came with b own ones takes gamma b.
struct LinkModel {
  double alpha_seconds = 2e-6;
  double beta_seconds_per_byte = 1e-10;
  double gamma_seconds_per_byte = 5e-11;
};

// The longest chain of work in a call.
struct Cost {
  double messages = 0;
  double bytes = 0;
  double reduced_bytes = 0;

  double Seconds(const LinkModel& link) const {
    return messages * link.alpha_seconds + bytes * link.beta_seconds_per_byte +
           reduced_bytes * link.gamma_seconds_per_byte;
  }
};

// What algorithms are told; the same on all ranks.
struct Tuning {
  LinkModel link;
  // Data that is reduced goes in blocks of so many bytes a rank, so that what was combined is still in the cache
  // when it is sent on. A multiple of 64.
  int64_t block_bytes = 256 << 10;
  // Of the two-level algorithms; 0: the largest divisor up to the square root.
  int ranks_per_node = 0;
  bool one_address_space = false;  // ranks can read each other's memory
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_LINK_MODEL_H_
