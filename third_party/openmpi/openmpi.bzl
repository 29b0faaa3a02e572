"""Open MPI's C interface, found through its compiler wrapper."""

_BUILD = """
cc_library(
    name = "openmpi",
    hdrs = glob(["include/*.h"]),
    includes = ["include"],
    linkopts = {linkopts},
    defines = ["OMPI_SKIP_MPICXX"],
    visibility = ["//visibility:public"],
)
"""

def _showme(repository_ctx, what):
    result = repository_ctx.execute(["mpicc", "--showme:" + what])
    if result.return_code != 0:
        fail("mpicc --showme:%s failed: %s" % (what, result.stderr))
    return result.stdout.strip().split(" ")

def _openmpi_repository_impl(repository_ctx):
    for directory in _showme(repository_ctx, "incdirs"):
        for header in repository_ctx.path(directory).readdir():
            if header.basename in ["mpi.h", "mpi-ext.h", "mpi_portable_platform.h"]:
                repository_ctx.symlink(header, "include/" + header.basename)
    linkopts = (
        ["-L" + directory for directory in _showme(repository_ctx, "libdirs")] +
        ["-l" + library for library in _showme(repository_ctx, "libs")]
    )
    repository_ctx.file("BUILD", _BUILD.format(linkopts = linkopts), executable = False)

openmpi_repository = repository_rule(
    implementation = _openmpi_repository_impl,
    configure = True,
    environ = ["PATH"],
    local = True,
)
