#!/bin/sh
# The tour's smaller self: every chapter and every claim, in seconds; and what it says to a bad corpus.
set -eu
tour=courses/tour/tour
out="$TEST_TMPDIR/tour"
export STRATA_CACHE_DIR="$TEST_TMPDIR/cache"

"$tour" --quick --output="$out"
grep -q '<svg' "$out/report.html"
grep -q 'traceEvents' "$out/trace.json"

: > "$TEST_TMPDIR/empty.txt"
if "$tour" --quick --output="$out" --corpus="$TEST_TMPDIR/empty.txt" 2> "$TEST_TMPDIR/message"; then
  echo "an empty corpus was accepted" >&2
  exit 1
fi
grep -q 'empty.txt' "$TEST_TMPDIR/message"
