# C [256, 16] = A [256, 512] x W [512, 16], int8 to int32, on edge_16: double-buffered.
#
#   bazel run //chips/npu:npu_sim -- $PWD/chips/npu/examples/matmul.s --timeline=$PWD/trace.json
#
# Tiles of A [256, 64] and W [64, 16] have two places each, in banks of their own: while one is
# multiplied, the other is loaded. A place is free once matrix signals so; since matrix waited for
# weights, that also says that weights has read its W.
.input  A, 0x0, 131072
.input  W, 0x20000, 8192
.output C, 0x30000, 16384

.def A0, 0
.def A1, 32768
.def W0, 65536
.def W1, 98304
.def OUT, 131072

signal  matrix, load, 0                      # both places and both planes are free at first
signal  matrix, load, 1
signal  matrix, weights, 0
signal  matrix, weights, 1
vfill   0, 256, 16, 64, 0                    # C = 0
signal  vector, matrix, 0
wait    vector, matrix, 0

loop 4                                       # r1: column of A, r2: row of W, in bytes
  wait    matrix, load, 0
  ld.l1   A0, r1+A, 256, 64, 64, 512
  ld.l1   W0, r2+W, 64, 16, 16, 16
  signal  load, weights, 0
  wait    load, weights, 0
  set     r3, A0
  set     r4, W0
  loop 2                                     # four products of 16 columns of A, by turns on two planes
    wait    matrix, weights, 0
    ldw.i8  0, r4, 16, 16, 16
    signal  weights, matrix, 0
    wait    weights, matrix, 0
    mma.i8  0, r3, 0, 256, 16, 16, 64, 64
    signal  matrix, weights, 0
    wait    matrix, weights, 1
    ldw.i8  1, r4+256, 16, 16, 16
    signal  weights, matrix, 1
    wait    weights, matrix, 1
    mma.i8  0, r3+16, 1, 256, 16, 16, 64, 64
    signal  matrix, weights, 1
    add     r3, r3, 32
    add     r4, r4, 512
  endloop
  signal  matrix, load, 0
  add     r1, r1, 64
  add     r2, r2, 1024

  wait    matrix, load, 1
  ld.l1   A1, r1+A, 256, 64, 64, 512
  ld.l1   W1, r2+W, 64, 16, 16, 16
  signal  load, weights, 1
  wait    load, weights, 1
  set     r3, A1
  set     r4, W1
  loop 2                                     # four products of 16 columns of A, by turns on two planes
    wait    matrix, weights, 0
    ldw.i8  0, r4, 16, 16, 16
    signal  weights, matrix, 0
    wait    weights, matrix, 0
    mma.i8  0, r3, 0, 256, 16, 16, 64, 64
    signal  matrix, weights, 0
    wait    matrix, weights, 1
    ldw.i8  1, r4+256, 16, 16, 16
    signal  weights, matrix, 1
    wait    weights, matrix, 1
    mma.i8  0, r3+16, 1, 256, 16, 16, 64, 64
    signal  matrix, weights, 1
    add     r3, r3, 32
    add     r4, r4, 512
  endloop
  signal  matrix, load, 1
  add     r1, r1, 64
  add     r2, r2, 1024
endloop

signal  matrix, vector, 0
wait    matrix, vector, 0
vout.32 OUT, 0, 256, 16, 64, 64
signal  vector, store, 0
wait    vector, store, 0
st.l1   C, OUT, 256, 64, 64, 64
wait    matrix, load, 0                      # takes the tokens that nobody needs any more
wait    matrix, load, 1
wait    matrix, weights, 0
wait    matrix, weights, 1
