#!/usr/bin/env bash
# A new agency joins a running bus with its own schema and its own database, and another agency asks it.
#
#   bash examples/join.sh
#
# Counted is what people type to join and to ask, each line shown with a `$`. A bus with an agency that
# asks is set up first, in a temporary folder that is gone in the end. Needs `sealway` and `python`
# (SEALWAY=…, PYTHON=… name others).
set -euo pipefail

SEALWAY=${SEALWAY:-sealway}
PYTHON=${PYTHON:-python}
here=$(cd "$(dirname "$0")" && pwd)
box=$(mktemp -d)
started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2> /dev/null || true; done
    wait 2> /dev/null || true
    rm -rf "$box"
}
trap finish EXIT

count=0
run() {
    count=$((count + 1))
    echo "\$ $*" >&2
    "$@"
}
until_there() { # a command that succeeds in the end
    for _ in $(seq 300); do
        if "$@" > /dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    echo "join.sh: $* never succeeded" >&2
    exit 1
}

# --- a bus, and an agency that is there already ----------------------------------------------------
export SEALWAY_HOME=$box/bus
port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
"$SEALWAY" init "$SEALWAY_HOME" --port "$port" --json > "$box/init.json"
log_key=$("$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["log_key"])' < "$box/init.json")
"$SEALWAY" serve "$SEALWAY_HOME" > "$box/serve.log" 2>&1 &
started+=($!)
cd "$box"
"$SEALWAY" key new benefits --system sx/GOV/1001/benefits > /dev/null
cat > there.toml <<'TOML'
member = [{ id = "sx/GOV/1001", name = "Social Benefits Board" }]
system = [{ id = "sx/GOV/1001/benefits", name = "Child benefits" }]
certificate = [{ system = "sx/GOV/1001/benefits", file = "benefits.cert.pem" }]
TOML
until_there "$SEALWAY" apply there.toml --profile founder
"$SEALWAY" profile add "$url" --name benefits --system sx/GOV/1001/benefits --log-key "$log_key" \
    --key benefits.key.pem --certificate benefits.cert.pem > /dev/null
"$PYTHON" -c 'import sqlite3, sys; sqlite3.connect("customs.db").executescript(sys.stdin.read())' \
    < "$here/customs/register.sql"

# --- the operator admits the agency ----------------------------------------------------------------
run "$SEALWAY" member add sx/GOV/5005 "Customs Board" --profile founder
run "$SEALWAY" person add "Bert Kask" --role integrator --member sx/GOV/5005 --profile founder > bert.token

# --- its integrator does the rest ------------------------------------------------------------------
run "$SEALWAY" profile add "$url" --name bert --token bert.token --log-key "$log_key"
run "$SEALWAY" system add sx/GOV/5005/customs "Customs declarations" --profile bert
run "$SEALWAY" key new customs --system sx/GOV/5005/customs
run "$SEALWAY" certificate add customs.cert.pem --system sx/GOV/5005/customs --key customs.key.pem --profile bert
run "$SEALWAY" apply "$here/customs/customs.toml" --profile bert
run "$SEALWAY" profile add "$url" --name customs --system sx/GOV/5005/customs --log-key "$log_key" \
    --key customs.key.pem --certificate customs.cert.pem
count=$((count + 1)) # this one runs beside the others from now on
echo "\$ $PYTHON $here/customs/office.py customs.db &" >&2
"$PYTHON" "$here/customs/office.py" customs.db > office.log 2>&1 &
started+=($!)

# --- another agency asks ---------------------------------------------------------------------------
run "$SEALWAY" ask sx/GOV/5005/customs declarations --profile benefits --purpose child-benefit \
    --timeout 60 '{"trader":"10203040"}' > answer.json

# `ask` prints nothing that it has not verified; here is only whether it is the register's.
"$PYTHON" - answer.json <<'PY'
import json, sys
found = json.load(open(sys.argv[1]))["declarations"]
assert found == [
    {"number": "26EE0001", "lodged": "2025-11-08", "duty_eur": "1250.50"},
    {"number": "26EE0002", "lodged": "2026-01-08"},
], found
PY
echo "join: $count commands, answer verified"
