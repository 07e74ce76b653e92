#!/bin/sh
# The demo's agencies around the bus of deploy/compose.yaml, with the verbs that people would type.
#
#   country.sh prepare    keys of the bus and of everybody, the civil registry's database
#   country.sh register   members, systems, services and grants; the agencies' profiles
#
# BUS is the operator's folder, AGENCIES that of the agencies that ask; both may be empty at first.
# Each step is left out when its result is there, so the script may be run again.
set -eu
: "${BUS:=/var/lib/sealway}" "${AGENCIES:=/var/lib/agencies}" "${EXAMPLES:=/opt/examples}"
: "${URL:=http://localhost:8480}"

new_key() {  # new_key FOLDER/NAME SYSTEM ALGORITHM
  [ -e "$1.key.pem" ] || sealway key new "$1" --system "$2" --alg "$3" > /dev/null
}

prepare() {
  [ -e "$BUS/sealway.toml" ] || sealway init "$BUS" --public-url "$URL" \
    ${DATABASE:+--database "$DATABASE"} ${KAFKA:+--kafka "$KAFKA"}
  # Their adapters run in the deliverers, so the operator keeps their keys: custody = "bus".
  new_key "$BUS/keys/civil-registry" sx/GOV/2002/civil-registry ES256
  new_key "$BUS/keys/territories" sx/GOV/3003/territories ES256
  new_key "$AGENCIES/benefits" sx/GOV/1001/benefits ES256
  new_key "$AGENCIES/benefits-shell" sx/GOV/1001/benefits Ed25519
  new_key "$AGENCIES/statistics" sx/GOV/4004/statistics ES256
  mkdir -p "$BUS/agencies"
  [ -e "$BUS/agencies/civil-registry.db" ] ||
    python "$EXAMPLES/civil-registry/make_people.py" "$BUS/agencies/civil-registry.db"
  echo "country: prepared"
}

hand_over() {  # what network.toml names: the schemas, and everybody's certificate
  mkdir -p "$BUS/network/certificates"
  cp "$EXAMPLES/network.toml" "$BUS/network/"
  for agency in civil-registry territories statistics; do
    mkdir -p "$BUS/network/$agency"
    cp -R "$EXAMPLES/$agency/schemas" "$BUS/network/$agency/"
  done
  for made in "$BUS/keys/civil-registry" "$BUS/keys/territories" \
    "$AGENCIES/benefits" "$AGENCIES/benefits-shell" "$AGENCIES/statistics"; do
    cp "$made.cert.pem" "$BUS/network/certificates/$(basename "$made").pem"
  done
}

add_profile() {  # add_profile NAME SYSTEM: pinned to log 0's key, handed over on this machine
  [ -e "$AGENCIES/profiles/$1.toml" ] || SEALWAY_HOME="$AGENCIES" sealway profile add "$URL" \
    --name "$1" --system "$2" --log-key "$log_key" \
    --key "$AGENCIES/$1.key.pem" --certificate "$AGENCIES/$1.cert.pem" > /dev/null
}

register() {
  hand_over
  SEALWAY_HOME="$BUS" sealway apply "$BUS/network/network.toml" --profile founder
  log_key=$(sed -n 's/^log_key = "\(.*\)"$/\1/p' "$BUS/profiles/founder.toml")
  add_profile benefits sx/GOV/1001/benefits
  add_profile statistics sx/GOV/4004/statistics
  SEALWAY_HOME="$AGENCIES" sealway profile use benefits > /dev/null
  echo "country: registered"
}

case "${1:-}" in
  prepare) prepare ;;
  register) register ;;
  *) echo "usage: country.sh prepare | register" >&2; exit 3 ;;
esac
