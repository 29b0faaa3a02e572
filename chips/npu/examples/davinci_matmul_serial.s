# C = relu(A x B) on a core of DaVinci kind, one thing at a time: a fence behind each step.
#   bazel run //chips/npu:npu_sim -- --machine=davinci_like $PWD/chips/npu/examples/davinci_matmul_serial.s
# davinci_matmul.s does the same with flags and two places of everything.
.input  A, 0x0, 65536            # int8 [128, 512]
.input  B, 0x10000, 32768        # int8 [512, 64]
.output C, 0x20000, 32768        # int32 [128, 64]
.def A0, 0                       # L1: 128 rows of 64 columns of A
.def B0, 131072                  # L1: 64 rows of B

mmad.i8 0, 0, 0, 128, 0, 64      # a sum over no k: C = 0
set r1, 0                        # columns of A
set r2, 0x10000                  # rows of B
loop 8
  ld.l1     A0, r1, 128, 64, 64, 512
  ld.l1     B0, r2, 64, 64, 64, 64
  fence
  load.a.i8 0, A0, 128, 64, 64   # 8 x 2 fractals, zZ
  load.b.i8 0, B0, 64, 64, 64    # 2 x 4 fractals, nZ
  fence
  mmada.i8  0, 0, 0, 128, 64, 64 # 8 x 2 x 4 cycles
  fence
  add r1, r1, 64
  add r2, r2, 4096
endloop
mv.c      0, 0, 128, 64, 256, 8192
fence
vrelu.i32 0, 0, 128, 64, 256, 256
fence
st.ub     C, 0, 128, 256, 256, 256
