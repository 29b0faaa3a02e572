# C [256, 16] = A [256, 512] x W [512, 16], int8 to int32, on edge_16: one thing at a time.
#
#   bazel run //chips/npu:npu_sim -- $PWD/chips/npu/examples/matmul_serial.s
#
# The same work as matmul.s with a fence behind each step in place of tokens.
.input  A, 0x0, 131072
.input  W, 0x20000, 8192
.output C, 0x30000, 16384

.def A0, 0
.def W0, 65536
.def OUT, 131072

vfill   0, 256, 16, 64, 0                    # C = 0
fence
loop 8                                       # r1: column of A, r2: row of W, in bytes
  ld.l1   A0, r1+A, 256, 64, 64, 512
  ld.l1   W0, r2+W, 64, 16, 16, 16
  fence
  set     r3, A0
  set     r4, W0
  loop 4
    ldw.i8  0, r4, 16, 16, 16
    fence
    mma.i8  0, r3, 0, 256, 16, 16, 64, 64
    fence
    add     r3, r3, 16
    add     r4, r4, 256
  endloop
  add     r1, r1, 64
  add     r2, r2, 1024
endloop
vout.32 OUT, 0, 256, 16, 64, 64
fence
st.l1   C, OUT, 256, 64, 64, 64
