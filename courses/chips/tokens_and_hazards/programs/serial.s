# C [512, 16] = requantised A [512, 64] x W [64, 16], int8, on edge_16: one thing at a time.
#
#   bazel run //chips/npu:npu_sim -- $PWD/courses/chips/tokens_and_hazards/programs/serial.s
#
# Eight tiles of A [64, 64]: load, four chunks of 16 columns (weights into the array, product), to int8,
# store; a fence behind each step. r1: tile of A, r2: tile of C, in bytes.
.input  A, 0x0, 32768
.input  W, 0x8000, 1024
.output C, 0x9000, 8192

.def A0, 0
.def WT, 65536                               # the weights
.def OUT0, 98304
.def SUM0, 0

vcfg    1, 8, 0, -128, 127
ld.l1   WT, W, 1, 1024, 1024, 1024
fence
loop 8
  ld.l1     A0, r1+A, 1, 4096, 4096, 4096
  fence
  ldw.i8    0, WT, 16, 16, 16
  fence
  mm.i8     SUM0, A0, 0, 64, 16, 16, 64, 64
  fence
  ldw.i8    0, 65792, 16, 16, 16
  fence
  mma.i8    SUM0, 16, 0, 64, 16, 16, 64, 64
  fence
  ldw.i8    0, 66048, 16, 16, 16
  fence
  mma.i8    SUM0, 32, 0, 64, 16, 16, 64, 64
  fence
  ldw.i8    0, 66304, 16, 16, 16
  fence
  mma.i8    SUM0, 48, 0, 64, 16, 16, 64, 64
  fence
  vquant.i8 OUT0, SUM0, 64, 16, 16, 64
  fence
  st.l1     r2+C, OUT0, 1, 1024, 1024, 1024
  fence
  add       r1, r1, 4096
  add       r2, r2, 1024
endloop
