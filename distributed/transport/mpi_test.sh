#!/bin/sh
# Runs a program as several ranks: mpi_test.sh RANKS PROGRAM [ARGUMENT...]. Fails when one of them does.
if ! command -v mpirun >/dev/null; then
  echo "mpi_test.sh: there is no mpirun on the PATH ($PATH); install Open MPI (Debian: openmpi-bin), as ./bazelw does" >&2
  exit 1
fi
ranks=$1
shift
# All ranks would write the one report.
unset XML_OUTPUT_FILE
exec mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$ranks" "$@"
