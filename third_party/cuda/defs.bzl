"""Whether this machine has CUDA, for BUILD files that choose sources by it."""

load("@cuda//:defs.bzl", _HAVE_CUDA = "HAVE_CUDA", _HAVE_NCCL = "HAVE_NCCL")

HAVE_CUDA = _HAVE_CUDA
HAVE_NCCL = _HAVE_NCCL
