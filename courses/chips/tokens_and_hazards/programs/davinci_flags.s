# C [512, 128] = requantised A [512, 64] x W [64, 128], int8, on davinci_like: flags in place of fences.
#
#   bazel run //chips/npu:npu_sim -- --machine=davinci_like $PWD/courses/chips/tokens_and_hazards/programs/davinci_flags.s
#
# One place of everything. Each pipe waits for what it reads and for the place that it writes.
.input  A, 0x0, 32768
.input  W, 0x8000, 8192
.input  Q, 0xa000, 1024                      # multipliers 1, then shifts 10, one a column
.output C, 0xb000, 65536

.def A0, 0
.def WT, 262144                              # the weights, in L1
.def SUM0, 0
.def OUT0, 65536
.def QT, 131072                              # multipliers, in UB
.def QS, 131584                              # and shifts

ld.l1       WT, W, 1, 8192, 8192, 8192
ld.ub       QT, Q, 1, 1024, 1024, 1024        # in order before each A, so there before each sum
set_flag    MTE2, MTE1, 15                   # the weights are in L1
wait_flag   MTE2, MTE1, 15
load.b.i8   0, WT, 64, 128, 128
set_flag    MTE1, MTE2, 0                    # A0 is free
set_flag    M, MTE1, 0                       # L0A's place 0 is free
set_flag    V, M, 0                          # L0C's place 0 is free
set_flag    MTE3, V, 0                       # OUT0 is free
loop 8
  wait_flag   MTE1, MTE2, 0
  ld.l1       A0, r1+A, 1, 4096, 4096, 4096
  set_flag    MTE2, MTE1, 0
  wait_flag   MTE2, MTE1, 0
  wait_flag   M, MTE1, 0
  load.a.i8   0, A0, 64, 64, 64
  set_flag    MTE1, MTE2, 0
  set_flag    MTE1, M, 0
  wait_flag   MTE1, M, 0
  wait_flag   V, M, 0
  mmad.i8     0, 0, 0, 64, 64, 128
  set_flag    M, MTE1, 0
  set_flag    M, V, 0
  wait_flag   M, V, 0
  mv.c        SUM0, 0, 64, 128, 512, 4096
  set_flag    V, M, 0
  pipe_barrier V                             # V does not look for its own results
  wait_flag   MTE3, V, 0
  vquantc.i8  OUT0, SUM0, QT, QS, 64, 128, 128, 512
  set_flag    V, MTE3, 0
  wait_flag   V, MTE3, 0
  st.ub       r2+C, OUT0, 1, 8192, 8192, 8192
  set_flag    MTE3, V, 0
  add         r1, r1, 4096
  add         r2, r2, 8192
endloop
wait_flag   MTE1, MTE2, 0                    # takes the flags that nobody needs any more
wait_flag   M, MTE1, 0
wait_flag   V, M, 0
wait_flag   MTE3, V, 0
