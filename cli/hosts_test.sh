#!/bin/sh
# Several hosts on one machine: network namespaces that a bridge links. A run on three hosts of two ranks each loses one
# host, whose cable is pulled. The others end within the time-out and name a rank of it; started again without it, they go
# on from the last commit with the losses of a run that nobody disturbed.
#
# Needs root and ip(8); without, it says why and checks nothing.
set -u
strata=cli/strata
program=distributed/elastic/tiny_elastic
scratch=${TEST_TMPDIR:-/tmp}/hosts_test.$$
id=st$$
hosts="0 1 2"
timeout=8

skip() {
  echo "SKIPPED: $*"
  exit 0
}
fail() {
  echo "FAILED: $*" >&2
  for log in "$scratch"/*.log; do
    echo "== $log" >&2
    tail -n 40 "$log" >&2
  done
  exit 1
}
clean_up() {
  for host in $hosts; do
    [ -f "$scratch/pid$host" ] && kill "$(cat "$scratch/pid$host")" 2>/dev/null
    ip netns del "${id}h$host" 2>/dev/null
  done
  ip netns del "${id}sw" 2>/dev/null
  rm -rf "$scratch"
}

[ "$(id -u)" -eq 0 ] || skip "network namespaces need root, this is user $(id -u)"
command -v ip >/dev/null || skip "there is no ip(8) on the PATH"
mkdir -p "$scratch"
trap clean_up EXIT
trap 'exit 143' INT TERM
why=$(ip netns add "${id}sw" 2>&1) || skip "network namespaces cannot be made here: $why"
why=$(ip -n "${id}sw" link add br0 type bridge 2>&1) || skip "bridges cannot be made here: $why"
ip -n "${id}sw" link set br0 up
for host in $hosts; do
  ip netns add "${id}h$host" &&
    ip -n "${id}h$host" link add eth0 type veth peer name "p$host" netns "${id}sw" &&
    ip -n "${id}sw" link set "p$host" master br0 up &&
    ip -n "${id}h$host" addr add "10.77.0.1$host/24" dev eth0 &&
    ip -n "${id}h$host" link set lo up &&
    ip -n "${id}h$host" link set eth0 up || skip "host $host cannot be linked"
done

# launch HOST NODES ARGUMENT...: in the background; its exit code in code$HOST.
launch() {
  host=$1 nodes=$2
  shift 2
  rm -f "$scratch/code$host"
  (
    ip netns exec "${id}h$host" "$strata" launch -n 2 --nnodes="$nodes" --node-rank="$host" \
      --master-addr=10.77.0.10 --timeout=$timeout --grace=1 -- "$program" --root="$scratch/run" "$@" \
      >>"$scratch/host$host.log" 2>&1 &
    echo $! >"$scratch/pid$host"
    wait $!
    echo $? >"$scratch/code$host"
  ) &
}
# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  left=$(($1 * 10))
  shift
  until "$@"; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 0.1
  done
}

"$program" --root="$scratch/alone" --steps=40 >"$scratch/alone.log" 2>&1 || fail "one rank alone"

for host in $hosts; do : >"$scratch/host$host.log"; done
for host in $hosts; do launch "$host" 3 --steps=100000 --save-every=5 --step-ms=50; done
wait_for 60 grep -q '^\[0\] step 12 ' "$scratch/host0.log" || fail "three hosts do not train"
ip -n "${id}sw" link set p2 down
cut=$(date +%s)
wait_for $((timeout + 15)) test -s "$scratch/code0" || fail "host 0 waits for ever"
wait_for 15 test -s "$scratch/code1" || fail "host 1 waits for ever"
echo "a host cut off: the others ended within $(($(date +%s) - cut)) s"
for host in 0 1; do
  [ "$(cat "$scratch/code$host")" -ne 0 ] || fail "host $host ended well"
done
grep -hE "rank [45]" "$scratch/host0.log" "$scratch/host1.log" | head -n 2 | cut -c 1-200
grep -qE 'rank [45]' "$scratch/host0.log" "$scratch/host1.log" || fail "no rank of the lost host is named"
wait_for $((timeout + 15)) test -s "$scratch/code2" || fail "the host that was cut off waits for ever"
[ "$(cat "$scratch/code2")" -ne 0 ] || fail "the host that was cut off ended well"

for host in 0 1; do launch "$host" 2 --steps=40 --save-every=5; done
for host in 0 1; do
  wait_for 60 test -s "$scratch/code$host" || fail "host $host does not end"
  [ "$(cat "$scratch/code$host")" -eq 0 ] || fail "host $host: the remaining ones do not go on"
done
grep -h '^\[0\] step' "$scratch/host0.log" | sed 's/^\[0\] //' >"$scratch/trained"
first=$(sed -n '1,/step 12 /d; s/^step \([0-9]*\) .*/\1/p' "$scratch/trained" | sort -n | head -n 1)
[ "$first" -gt 5 ] || fail "they did not go on from a commit, but from step $first"
# Whatever was trained, once or twice, has the losses of one rank alone; and nothing is missing up to step 40.
awk 'NR == FNR { loss[$2] = $0; next } $2 <= 40 { if ($0 != loss[$2]) exit 1; seen[$2] = 1 }
     END { for (step = 1; step <= 40; ++step) if (!seen[step]) exit 2 }' \
  "$scratch/alone.log" "$scratch/trained" || fail "the losses differ from those of one rank alone"
echo "the remaining hosts went on to step 40 with the losses of one rank alone, to the bit"
