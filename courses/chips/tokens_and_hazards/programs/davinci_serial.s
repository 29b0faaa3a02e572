# C [512, 128] = requantised A [512, 64] x W [64, 128], int8, on davinci_like: one thing at a time.
#
#   bazel run //chips/npu:npu_sim -- --machine=davinci_like $PWD/courses/chips/tokens_and_hazards/programs/davinci_serial.s
#
# Eight tiles of A [64, 64]: load, into fractals, product, out of L0C, to int8, store; a fence behind each
# step. r1: tile of A, r2: tile of C, in bytes.
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
ld.ub       QT, Q, 1, 1024, 1024, 1024
fence
load.b.i8   0, WT, 64, 128, 128
fence
loop 8
  ld.l1       A0, r1+A, 1, 4096, 4096, 4096
  fence
  load.a.i8   0, A0, 64, 64, 64
  fence
  mmad.i8     0, 0, 0, 64, 64, 128
  fence
  mv.c        SUM0, 0, 64, 128, 512, 4096
  fence
  vquantc.i8  OUT0, SUM0, QT, QS, 64, 128, 128, 512
  fence
  st.ub       r2+C, OUT0, 1, 8192, 8192, 8192
  fence
  add         r1, r1, 4096
  add         r2, r2, 8192
endloop
