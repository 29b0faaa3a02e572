#!/bin/sh
# The recipe of distributed/launch/README.md: mpirun starts the ranks. A run of two goes on as a run of three, with the
# losses of one that was never stopped.
set -u
program=distributed/elastic/tiny_elastic
mpi=distributed/transport/mpi_test.sh
scratch=${TEST_TMPDIR:-/tmp}/mpirun_test
rm -rf "$scratch"
mkdir -p "$scratch"

fail() {
  echo "FAILED: $*" >&2
  cat "$scratch"/*.log >&2
  exit 1
}

"$program" --root="$scratch/alone" --steps=12 >"$scratch/alone.log" 2>&1 || fail "one rank alone"
sh "$mpi" 2 "$program" --root="$scratch/run" --steps=6 >"$scratch/two.log" 2>&1 || fail "two ranks"
sh "$mpi" 3 "$program" --root="$scratch/run" --steps=12 >"$scratch/three.log" 2>&1 || fail "three ranks"
cat "$scratch/two.log" "$scratch/three.log" | grep '^step' >"$scratch/together"
grep '^step' "$scratch/alone.log" >"$scratch/expected"
[ "$(wc -l <"$scratch/expected")" -eq 12 ] || fail "12 steps were to be trained"
cmp "$scratch/together" "$scratch/expected" || fail "the losses differ"
echo "12 steps on 2 and then 3 ranks under mpirun: the losses of one rank, to the bit"
