# C = relu(A x B) on a core of DaVinci kind, with flags and two places of everything, in banks of their own:
# MTE2 brings the next part of A and B from GM while MTE1 makes fractals of this one and M multiplies.
#   bazel run //chips/npu:npu_sim -- --machine=davinci_like $PWD/chips/npu/examples/davinci_matmul.s
# Take any set_flag and its wait_flag out, and the verifier says between which two instructions one is missing.
.input  A, 0x0, 65536            # int8 [128, 512]
.input  B, 0x10000, 32768        # int8 [512, 64]
.output C, 0x20000, 32768        # int32 [128, 64]
.def A0, 0                       # L1, a bank each
.def A1, 131072
.def B0, 262144
.def B1, 393216
.def L1H, 32768                  # the second half of L0A and of L0B

mmad.i8 0, 0, 0, 128, 0, 64      # a sum over no k: C = 0
set_flag MTE1, MTE2, 0           # both places of L1 are free
set_flag MTE1, MTE2, 1
set_flag M, MTE1, 0              # and both of L0A and L0B
set_flag M, MTE1, 1
set r1, 0
set r2, 0x10000
loop 4
  wait_flag MTE1, MTE2, 0        # first place
  ld.l1     A0, r1, 128, 64, 64, 512
  ld.l1     B0, r2, 64, 64, 64, 64
  set_flag  MTE2, MTE1, 0
  wait_flag MTE2, MTE1, 0
  wait_flag M, MTE1, 0
  load.a.i8 0, A0, 128, 64, 64
  load.b.i8 0, B0, 64, 64, 64
  set_flag  MTE1, MTE2, 0
  set_flag  MTE1, M, 0
  wait_flag MTE1, M, 0
  mmada.i8  0, 0, 0, 128, 64, 64
  set_flag  M, MTE1, 0
  wait_flag MTE1, MTE2, 1        # second place
  ld.l1     A1, r1+64, 128, 64, 64, 512
  ld.l1     B1, r2+4096, 64, 64, 64, 64
  set_flag  MTE2, MTE1, 1
  wait_flag MTE2, MTE1, 1
  wait_flag M, MTE1, 1
  load.a.i8 L1H, A1, 128, 64, 64
  load.b.i8 L1H, B1, 64, 64, 64
  set_flag  MTE1, MTE2, 1
  set_flag  MTE1, M, 1
  wait_flag MTE1, M, 1
  mmada.i8  0, L1H, L1H, 128, 64, 64
  set_flag  M, MTE1, 1
  add r1, r1, 128
  add r2, r2, 8192
endloop
set_flag  M, V, 0
wait_flag M, V, 0
mv.c      0, 0, 128, 64, 256, 8192
pipe_barrier V                   # V does not see by itself what it wrote
vrelu.i32 0, 0, 128, 64, 256, 256
set_flag  V, MTE3, 0
wait_flag V, MTE3, 0
st.ub     C, 0, 128, 256, 256, 256
wait_flag MTE1, MTE2, 0          # takes the flags that nobody needs any more
wait_flag MTE1, MTE2, 1
wait_flag M, MTE1, 0
wait_flag M, MTE1, 1
