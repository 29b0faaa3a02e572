#include "chips/npu/davinci/davinci_rules.h"

namespace strata::chips::npu::davinci {

std::vector<NamedRow> DavinciRules() {
  return {
      {"Fractals",
       "The cube takes blocks of 512 bytes: 16 rows of 32 bytes, so 16 x 16 of fp16 or 16 x 32 of "
       "int8; k0 is 16 or 32. L0A is zZ: blocks of A lie row by row, and so do the elements of a "
       "block: A[i][j] is at ((i / 16) ceil(k / k0) + j / k0) 512 + (i % 16) 32 + (j % k0) bytes "
       "of "
       "an element. L0B is nZ: blocks of B (k0 x 16) lie row by row, the elements of a block "
       "column "
       "by column: B[i][j] is at ((i / k0) ceil(n / 16) + j / 16) 512 + (j % 16) 32 + (i % k0) "
       "bytes "
       "of an element. L0C is zN: blocks of 16 columns lie one behind another, each of ceil(m / "
       "16) "
       "16 rows of 64 bytes: C[i][j] is at (j / 16) ceil(m / 16) 1024 + i 64 + (j % 16) 4."},
      {"Loads of the cube",
       "They write whole fractals: elements beyond A's and B's edges are zero. m, k or n of 0 read "
       "and write nothing. load3d reads each window's row as one run: an input in L1 of rows of "
       "width x channels elements, borders of zeros included, gives the A of a convolution with "
       "run = kernel width x channels. With several rows and runs, row_stride must be a multiple "
       "of "
       "run_stride; whole lines between the first and the last element count as read."},
      {"Products",
       "mmad uses m x k elements of A and k x n of B of the fractals it reads, and writes m rows "
       "of "
       "whole blocks of 16 columns; columns from n on become 0 (mmada: keep their C). int8 x int8 "
       "is "
       "exact; sums are modulo 2^32. Products of fp16 are exact in f32; sums are rounded to f32, "
       "to "
       "nearest, ties to even, in order of k, starting from +0 (mmada: from C): one chain over all "
       "of k, so that cutting k changes nothing. The order within the cube is not published: it is "
       "chosen for this model. A sum over k of 0 is zero. Multiply-adds are counted as m k n."},
      {"Vector arithmetic",
       "f32 operations round once, to nearest, ties to even; fp16 operations are exact, then "
       "rounded "
       "once. NaN compares false: vmax and vmin give b. Where dst and src overlap, later elements "
       "see earlier results; rows come first to last, elements from the left."},
      {"Order within a pipe",
       "A pipe starts its instructions in order and completes them in order, but does not wait for "
       "completion: the next can start once the one before is not busy any more. M keeps the order "
       "of sums in C by itself. V does not look for it: what reads UB after an earlier V "
       "instruction "
       "wrote it needs a pipe_barrier V between them. (In the MTEs no instruction reads what one "
       "of "
       "the same pipe writes, but through GM.)"},
      {"Order between pipes",
       "Only flags and fences give it: set_flag from, to behind the producer and wait_flag from, "
       "to "
       "before the consumer. A flag counts here: a second set_flag is not lost. The hardware has 4 "
       "or 8 flags a pair of pipes, this model 16."},
      {"Banks",
       "A memory of b banks is cut into b equal runs of addresses. An instruction holds each bank "
       "it touches while it is busy; GM is one bank. Pipes that ask in the same cycle are served "
       "in the order of the table of units."},
      {"Dispatch",
       "The scalar unit takes an instruction a cycle and puts it into its pipe's queue, where it "
       "can start a cycle later; it stands still while that queue is full. The place is free in "
       "the cycle in which the instruction starts."},
  };
}

}  // namespace strata::chips::npu::davinci
