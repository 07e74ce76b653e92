#!/bin/sh
# The secrets of deploy/compose.yaml, made once on the machine that runs it: a password for
# PostgreSQL, and the database's address that holds it. The files are readable by whoever can enter
# the folder, and only its owner can: containers get each file alone, under another user.
set -eu
cd "$(dirname "$0")"
if [ -e secrets/database_url ]; then
  echo "make-secrets: deploy/secrets is there already; nothing was changed"
  exit 0
fi
umask 077
mkdir -p secrets
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '%s' "$password" > secrets/database_password
printf 'postgresql://sealway:%s@postgres:5432/sealway' "$password" > secrets/database_url
chmod 0444 secrets/database_password secrets/database_url
echo "make-secrets: deploy/secrets has database_password and database_url"
