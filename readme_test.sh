#!/usr/bin/env bash
# The README's commands of `strata`, as they stand there and in their order. What listens on a port has other tests.
set -euo pipefail
root=$PWD
cd "$TEST_TMPDIR"
ln -s "$root/README.md" "$root/llm" .
export STRATA_CACHE_DIR=$TEST_TMPDIR/cache

sed -n 's#^    bazel run //:strata -- ##p' README.md | grep -v '^serve \|^bench ' > commands
[ "$(grep -c . commands)" -ge 18 ]  # the search finds them
while read -r command; do
  echo "strata $command"
  eval "$root/cli/strata $command" > output 2>&1 < /dev/null || { cat output; exit 1; }
done < commands
for file in model.gguf two/checkpoint-000100 model.graph model.plan trace.json page.html rank.graph units.json; do
  [ -e "$file" ] || { echo "no $file was made"; exit 1; }
done
