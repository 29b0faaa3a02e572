# C [512, 16] = requantised A [512, 64] x W [64, 16], int8, on edge_16: two places for tiles and two weight planes.
#
#   bazel run //chips/npu:npu_sim -- $PWD/courses/chips/tokens_and_hazards/programs/two_planes.s
#
# While one plane's weights work, the other plane takes the next ones in.
.input  A, 0x0, 32768
.input  W, 0x8000, 1024
.output C, 0x9000, 8192

.def A0, 0
.def A1, 32768
.def WT, 65536                               # the weights
.def OUT0, 98304
.def SUM0, 0

vcfg    1, 8, 0, -128, 127
ld.l1   WT, W, 1, 1024, 1024, 1024
signal  load, weights, 15                    # the weights are in L1
wait    load, weights, 15
signal  matrix, load, 0                      # A0 is free
signal  matrix, load, 1                      # A1 is free
signal  matrix, weights, 0                   # plane 0 is free
signal  matrix, weights, 1                   # plane 1 is free
signal  vector, matrix, 0                    # SUM0 is free
signal  store, vector, 0                     # OUT0 is free
loop 4
  wait      matrix, load, 0
  ld.l1     A0, r1+A, 1, 4096, 4096, 4096
  signal    load, matrix, 0
  wait      matrix, weights, 0
  ldw.i8    0, WT, 16, 16, 16
  signal    weights, matrix, 0
  wait      vector, matrix, 0                # the sums of this place are taken
  wait      load, matrix, 0                  # the tile is there
  wait      weights, matrix, 0
  mm.i8     SUM0, A0, 0, 64, 16, 16, 64, 64
  signal    matrix, weights, 0
  wait      matrix, weights, 1
  ldw.i8    1, 65792, 16, 16, 16
  signal    weights, matrix, 1
  wait      weights, matrix, 1
  mma.i8    SUM0, 16, 1, 64, 16, 16, 64, 64
  signal    matrix, weights, 1
  wait      matrix, weights, 0
  ldw.i8    0, 66048, 16, 16, 16
  signal    weights, matrix, 0
  wait      weights, matrix, 0
  mma.i8    SUM0, 32, 0, 64, 16, 16, 64, 64
  signal    matrix, weights, 0
  wait      matrix, weights, 1
  ldw.i8    1, 66304, 16, 16, 16
  signal    weights, matrix, 1
  wait      weights, matrix, 1
  mma.i8    SUM0, 48, 1, 64, 16, 16, 64, 64
  signal    matrix, weights, 1
  signal    matrix, load, 0
  signal    matrix, vector, 0
  wait      matrix, vector, 0
  wait      store, vector, 0
  vquant.i8 OUT0, SUM0, 64, 16, 16, 64
  signal    vector, matrix, 0
  signal    vector, store, 0
  wait      vector, store, 0
  st.l1     r2+C, OUT0, 1, 1024, 1024, 1024
  signal    store, vector, 0
  add       r1, r1, 4096
  add       r2, r2, 1024

  wait      matrix, load, 1
  ld.l1     A1, r1+A, 1, 4096, 4096, 4096
  signal    load, matrix, 1
  wait      matrix, weights, 0
  ldw.i8    0, WT, 16, 16, 16
  signal    weights, matrix, 0
  wait      vector, matrix, 0                # the sums of this place are taken
  wait      load, matrix, 1                  # the tile is there
  wait      weights, matrix, 0
  mm.i8     SUM0, A1, 0, 64, 16, 16, 64, 64
  signal    matrix, weights, 0
  wait      matrix, weights, 1
  ldw.i8    1, 65792, 16, 16, 16
  signal    weights, matrix, 1
  wait      weights, matrix, 1
  mma.i8    SUM0, 32784, 1, 64, 16, 16, 64, 64
  signal    matrix, weights, 1
  wait      matrix, weights, 0
  ldw.i8    0, 66048, 16, 16, 16
  signal    weights, matrix, 0
  wait      weights, matrix, 0
  mma.i8    SUM0, 32800, 0, 64, 16, 16, 64, 64
  signal    matrix, weights, 0
  wait      matrix, weights, 1
  ldw.i8    1, 66304, 16, 16, 16
  signal    weights, matrix, 1
  wait      weights, matrix, 1
  mma.i8    SUM0, 32816, 1, 64, 16, 16, 64, 64
  signal    matrix, weights, 1
  signal    matrix, load, 1
  signal    matrix, vector, 0
  wait      matrix, vector, 0
  wait      store, vector, 0
  vquant.i8 OUT0, SUM0, 64, 16, 16, 64
  signal    vector, matrix, 0
  signal    vector, store, 0
  wait      vector, store, 0
  st.l1     r2+C, OUT0, 1, 1024, 1024, 1024
  signal    store, vector, 0
  add       r1, r1, 4096
  add       r2, r2, 1024
endloop
wait    matrix, load, 0                      # takes the tokens that nobody needs any more
wait    matrix, load, 1
wait    matrix, weights, 0
wait    matrix, weights, 1
wait    vector, matrix, 0
wait    store, vector, 0
