#!/usr/bin/env bash
# `strata launch -- train` on a mesh, ranks killed in the middle: the run goes on by itself, and ends with the model of one
# that nobody disturbed, to the bit.
set -euo pipefail
strata=$PWD/cli/strata
cd "$TEST_TMPDIR"

seq 1 3000 > corpus.txt
cat > recipe.textproto <<'RECIPE'
model { architecture: "gpt2" context: 32 layers: 2 width: 32 heads: 2 }
corpus: "corpus.txt"
tokenizer_vocab: 300
batch: 8
sequence: 16
steps: 60
checkpoint_every: 2
learning_rate: 1e-3
clip_norm: 1
parallel {
  mesh { name: "pp" kind: PIPELINE_PARALLEL size: 2 }
  mesh { name: "tp" kind: TENSOR_PARALLEL size: 2 }
  microbatches: 2
}
RECIPE

"$strata" train recipe.textproto --output=calm
"$strata" launch -n 4 --max-restarts=9 -- train recipe.textproto --output=stormy > stormy.log 2>&1 &
launcher=$!

# Kills a rank when another checkpoint has been committed. Fewer kills than meant when the run is over before.
killed=0
seen=""
while kill -0 "$launcher" 2> /dev/null && [ "$killed" -lt 3 ]; do
  newest=$(ls stormy/state 2> /dev/null | grep '^step-' | sort | tail -1 || true)
  if [ -n "$newest" ] && [ "$newest" != "$seen" ]; then
    rank=$(pgrep -P "$launcher" | sed -n "$((killed + 1))p" || true)
    if [ -n "$rank" ] && kill -9 "$rank" 2> /dev/null; then
      seen=$newest
      killed=$((killed + 1))
    fi
  fi
  sleep 0.02
done
wait "$launcher" || { cat stormy.log; exit 1; }

grep "was ended by signal 9" stormy.log || { echo "nothing was killed"; cat stormy.log; exit 1; }
cmp calm/checkpoint-000060/model.safetensors stormy/checkpoint-000060/model.safetensors
echo "killed $killed times; the same model to the bit"
