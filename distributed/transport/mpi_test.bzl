"""A test whose ranks are processes under mpirun."""

def mpi_test(name, binary, ranks, size = "medium", **kwargs):
    """Runs `binary` (a testonly cc_binary, mostly with gtest_main) under mpirun once.

    The test fails when a rank does, and when there is no mpirun. Several such tests may run at once.

    Args:
      name: of the test.
      binary: label of the program.
      ranks: number of processes; 0: one, without mpirun.
      size: of the test.
      **kwargs: further attributes of the sh_test.
    """
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//distributed/transport:mpi_test.sh"],
        args = [str(ranks), "$(rootpath %s)" % binary],
        data = [binary],
        **kwargs
    )
