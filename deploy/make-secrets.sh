#!/bin/sh
# The secrets of deploy/compose.yaml, made once on the machine that runs it: a password for
# PostgreSQL, and the database's address that holds it. Only the folder's owner can enter it.
# Containers get each file alone and run as 10001: made by root, the file is that user's; made by
# somebody else, whoever is handed the file may read it (and our processes say so when they start).
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
if [ "$(id -u)" -eq 0 ]; then
  chown 10001:10001 secrets/database_url
  chmod 0400 secrets/database_password secrets/database_url
else
  chmod 0444 secrets/database_password secrets/database_url
fi
echo "make-secrets: deploy/secrets has database_password and database_url"
