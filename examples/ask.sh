#!/usr/bin/env bash
# Asks a service through a Sealway bus with bash, curl, openssl, jq and basenc: no part of Sealway.
#
#   examples/ask.sh [SYSTEM SERVICE PURPOSE JSON]
#
# Whose question it is, comes from the environment; what is not set is as `make serve` made it:
#
#   URL          the bus's address
#   BUS, FROM    the bus's name, and the asking system
#   KEY          its Ed25519 private key, PEM     (openssl genpkey -algorithm Ed25519)
#   CERTIFICATE  the certificate of that key, PEM, as the registry has it
#   WAIT         seconds to wait for the answer
#
# It prints the answer, once its envelope is there, is about this very question and commits to these
# very bytes. The answer's signature is not checked here: `sealway envelope verify` does that.
set -euo pipefail

HOME_OF_DEMO=${SEALWAY_HOME:-.sealway}/agencies
URL=${URL:-http://localhost:8480}
BUS=${BUS:-sx.example}
FROM=${FROM:-sx/GOV/1001/benefits}
KEY=${KEY:-$HOME_OF_DEMO/benefits-shell.key.pem}
CERTIFICATE=${CERTIFICATE:-$HOME_OF_DEMO/benefits-shell.cert.pem}
WAIT=${WAIT:-10}
TO=${1:-sx/GOV/3003/territories}
SERVICE=${2:-subdivisions}
PURPOSE=${3:-statistics}
BODY=${4:-'{"country":"FI"}'}

fail() { echo "ask.sh: $1" >&2; exit "${2:-1}"; }
for tool in curl openssl jq basenc; do
    command -v "$tool" > /dev/null || fail "needs $tool" 3
done
[ -r "$KEY" ] && [ -r "$CERTIFICATE" ] || fail "cannot read $KEY or $CERTIFICATE" 3

box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT

b64url() { basenc --base64url -w0 | tr -d =; }
unb64url() {
    local text
    text=$(cat)
    while [ $((${#text} % 4)) -ne 0 ]; do text+='='; done
    printf %s "$text" | basenc --base64url -d
}
hex() { basenc --base16 -w0; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary; }

# The commitment to a part: HMAC with its key; the key is HKDF-Expand(salt, "sealway/part/v1body"),
# which for 32 bytes is one HMAC over the label and a byte 1.
commitment() { # salt in hex; the part on standard input
    local key
    key=$(printf 'sealway/part/v1body\001' | hmac "$1" | hex)
    hmac "$key" | b64url
}

# A UUIDv7: 48 bits of milliseconds, then chance.
now_ms=$(date +%s%3N)
chance=$(openssl rand -hex 10)
time_hex=$(printf '%012x' "$now_ms")
id="${time_hex:0:8}-${time_hex:8:4}-7${chance:0:3}-$(printf %x $((8 + 0x${chance:3:1} % 4)))"
id+="${chance:4:3}-${chance:7:12}"
created=$(date -u -d "@$((now_ms / 1000))" +%Y-%m-%dT%H:%M:%S).$(printf %03d $((now_ms % 1000)))Z

# The manifest says who, to whom, why, and commits to the body.
printf %s "$BODY" > "$box/body"
openssl rand 32 > "$box/salt"
jq -jnc --arg bus "$BUS" --arg id "$id" --arg from "$FROM" --arg to "$TO" \
    --arg service "$SERVICE" --arg purpose "$PURPOSE" --arg created "$created" \
    --arg commit "$(commitment "$(hex < "$box/salt")" < "$box/body")" \
    --argjson size "$(wc -c < "$box/body")" \
    '{v: 1, bus: $bus, id: $id, kind: "request", from: $from, to: $to, service: $service,
      created: $created, purpose: $purpose,
      parts: [{name: "body", type: "application/json", size: $size, commit: $commit}]}' \
    > "$box/manifest"

# The envelope: a compact JWS over the manifest.
x5t=$(openssl x509 -in "$CERTIFICATE" -outform DER | openssl dgst -sha256 -binary | b64url)
header=$(printf '{"alg":"Ed25519","typ":"sealway-message+jws","x5t#S256":"%s","iat":%d}' \
    "$x5t" $((now_ms / 1000)) | b64url)
printf %s "$header.$(b64url < "$box/manifest")" > "$box/signed"
signature=$(openssl pkeyutl -sign -rawin -inkey "$KEY" -in "$box/signed" | b64url)

status=$(curl -sS --noproxy '*' -o "$box/answer" -D "$box/headers" -w '%{http_code}' \
    -H "Sealway-Envelope: $(cat "$box/signed").$signature" \
    -H "Sealway-Salt: $(b64url < "$box/salt")" \
    -H 'Content-Type: application/json' -H "Prefer: wait=$WAIT" \
    --data-binary @"$box/body" "$URL/v1/messages") || fail "the bus cannot be reached" 4
case $status in
    200) ;;
    202) jq -r '"no answer yet: " + .state + ", message " + .id' "$box/answer" >&2; exit 2 ;;
    *) jq -r '.code + ": " + .detail, .remedy' "$box/answer" >&2; exit 1 ;;
esac

# The answer's own envelope: from whom we asked, about what we asked, over what we got.
field() { tr -d '\r' < "$box/headers" | sed -n "s/^$1: //Ip"; }
envelope=$(field sealway-envelope)
[ -n "$envelope" ] || fail "the answer came without its envelope"
cut -d. -f2 <<< "$envelope" | tr -d '\n' | unb64url > "$box/said"
digest=$(openssl dgst -sha256 -binary < "$box/manifest" | b64url)
commit=$(commitment "$(field sealway-salt | tr -d '\n' | unb64url | hex)" < "$box/answer")
jq -e --arg id "$id" --arg digest "$digest" --arg from "$TO" --arg to "$FROM" \
    --arg commit "$commit" \
    '.kind == "response" and .from == $from and .to == $to and .about == {id: $id, digest: $digest}
     and .parts[0].commit == $commit' "$box/said" > /dev/null ||
    fail "the answer's envelope is about something else"

cat "$box/answer"
[ ! -t 1 ] || echo
echo "ask.sh: signed in the name of $TO, about $id; the body is the one committed to" >&2
