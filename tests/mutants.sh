#!/usr/bin/env bash
# Changes the code in small ways and asks the tests whether they notice: the rules, the gate and the transaction.
# Nothing calls it, because it takes hours. It needs `cargo install --locked cargo-mutants`.
#
#   tests/mutants.sh            goes on where the last run ended; all runs together take four hours at most
#   tests/mutants.sh rules      only this part: `rules`, `gate` or `transaction`
#   rm -r target/mutants        begins anew
#
# A part's results lie in target/mutants/<part>/mutants.out: `missed.txt` names what no test noticed. Such a line gets
# a test, or a row in .cargo/mutants.toml with the reason why it needs none.
set -euo pipefail
cd "$(dirname "$0")/.."

most=$((4 * 3600))
out=$PWD/target/mutants

fail() { printf 'error: %s\n' "$1" >&2; exit 1; }

cargo mutants --version >/dev/null 2>&1 || fail "cargo-mutants is missing: cargo install --locked cargo-mutants"
mkdir -p "$out"

# Runs one part for what is left of the time. What was caught before is not tried again.
part() { # its name, and which code
  local name=$1 spent left began status=0
  shift
  spent=$(cat "$out/seconds" 2>/dev/null || echo 0)
  left=$((most - spent))
  if [ "$left" -le 0 ]; then
    printf '\n== %s: not reached, the four hours are over\n' "$name"
    return
  fi
  printf '\n== %s: %s s left\n' "$name" "$left"
  began=$SECONDS
  mkdir -p "$out/$name"
  timeout --signal=INT --kill-after=60 "$left" \
    cargo mutants --iterate --no-shuffle --output "$out/$name" "$@" || status=$?
  echo $((spent + SECONDS - began)) >"$out/seconds"
  # 2: some were missed; 3: some ran too long; 124 and 137: the time is over. Anything else found nothing out.
  case $status in
    0 | 2 | 3) ;;
    124 | 137) printf '%s: stopped, the four hours are over\n' "$name" ;;
    *) fail "cargo mutants ended with $status" ;;
  esac
  local missed=$out/$name/mutants.out/missed.txt
  if [ -s "$missed" ]; then
    printf '%s: no test noticed these\n' "$name"
    cat "$missed"
  fi
}

wanted=${1:-all}
case $wanted in all | rules | gate | transaction) ;; *) fail "there is no part $wanted" ;; esac
wants() { [ "$wanted" = all ] || [ "$wanted" = "$1" ]; }

if wants rules; then
  part rules --package openclaw-rules
fi
if wants gate; then
  part gate --package openclaw-gateway --file src/gateway/gate.rs --file 'src/gateway/gate/*'
fi
if wants transaction; then
  part transaction --package openclaw-store --file 'src/store/transaction*' --file 'src/store/transaction/*'
fi
