#!/bin/sh
# Runs a program as several ranks: mpi_test.sh RANKS PROGRAM [ARGUMENT...]. Fails when one of them does. With 0 ranks
# the program runs without mpirun.
ranks=$1
shift
if [ "$ranks" -gt 0 ] && ! command -v mpirun >/dev/null; then
  echo "mpi_test.sh: there is no mpirun on the PATH ($PATH); install Open MPI (Debian: openmpi-bin), as ./bazelw does" >&2
  exit 1
fi

# Open MPI names its files after process ids, which tests in sandboxes share: each run gets folders of its own. Short
# paths, as there are sockets in them.
scratch=$(mktemp -d /tmp/mpi.XXXXXX) || exit 1
shared=$(mktemp -d /dev/shm/mpi.XXXXXX 2>/dev/null) || shared=$scratch
trap 'rm -rf "$scratch" "$shared"' EXIT
trap 'exit 143' INT TERM
export TMPDIR="$scratch" OMPI_MCA_orte_tmpdir_base="$scratch" OMPI_MCA_btl_vader_backing_directory="$shared"

# All ranks would write the one report.
unset XML_OUTPUT_FILE
if [ "$ranks" -eq 0 ]; then
  "$@"
else
  mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$ranks" "$@"
fi
