"""CUDA from $CUDA_HOME or /usr/local/cuda, or empty targets of the same names without it."""

_PREAMBLE = """package(default_visibility = ["//visibility:public"])
"""

_HEADERS = """
cc_library(
    name = "headers",
    hdrs = glob([
        "include/*.h",
        "include/*.hpp",
        "include/crt/**",
        "include/nccl_device/**",
        "include/nv/**",
    ]),
    defines = {defines},
    includes = ["include"],
)
"""

_LIBRARY = """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    deps = [":headers"],
)
"""

# Target name -> what to link. The driver (libcuda) is not here: the runtime opens it when it is
# first called, so a program linked against cudart starts on a machine without a GPU.
_LIBRARIES = {
    "cudart": ["cudart"],
    "nvrtc": ["nvrtc"],
    "cublas": ["cublas", "cublasLt"],
    "nccl": ["nccl"],
}

def _cuda_home(repository_ctx):
    home = repository_ctx.path(repository_ctx.os.environ.get("CUDA_HOME", "/usr/local/cuda"))
    return home if home.get_child("include").get_child("cuda_runtime.h").exists else None

def _library_directory(home):
    for name in ["lib64", "lib"]:
        if home.get_child(name).get_child("libcudart.so").exists:
            return home.get_child(name)
    return None

def _cuda_repository_impl(repository_ctx):
    home = _cuda_home(repository_ctx)
    libraries = _library_directory(home) if home else None
    defines = ["STRATA_HAVE_CUDA=0"]
    if libraries:
        include = home.get_child("include")
        repository_ctx.symlink(include, "include")
        defines = [
            "STRATA_HAVE_CUDA=1",
            "STRATA_CUDA_INCLUDE_DIR='\"%s\"'" % include,
        ]
    build = _PREAMBLE + _HEADERS.format(defines = repr(defines))
    have = {}
    for name, links in _LIBRARIES.items():
        found = [link for link in links if libraries and
                                           libraries.get_child("lib%s.so" % link).exists]
        have[name] = len(found) == len(links)
        linkopts = []
        if have[name]:
            linkopts = ["-L%s" % libraries, "-Wl,-rpath,%s" % libraries]
            linkopts += ["-l" + link for link in links]
        build += _LIBRARY.format(name = name, linkopts = repr(linkopts))
    repository_ctx.file("BUILD", build, executable = False)
    repository_ctx.file(
        "defs.bzl",
        "HAVE_CUDA = %s\nHAVE_NCCL = %s\n" % (have["cudart"] and have["nvrtc"], have["nccl"]),
        executable = False,
    )

cuda_repository = repository_rule(
    implementation = _cuda_repository_impl,
    configure = True,
    environ = ["CUDA_HOME"],
    local = True,
)
