#!/bin/sh
# Run once, by the image, on an empty data directory: the service's role owns its database and is no superuser; another one streams.
# Passwords reach psql as variables of its own, never as arguments: those are seen by every process of the container.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set owner_password `cat /run/secrets/marketbot_password`
\set replication_password `cat /run/secrets/replication_password`
CREATE ROLE marketbot LOGIN PASSWORD :'owner_password';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
CREATE DATABASE marketbot OWNER marketbot;
REVOKE ALL ON DATABASE marketbot FROM PUBLIC;
SQL
cat > "$PGDATA/pg_hba.conf" <<'HBA'
local all         postgres              peer
host  marketbot   marketbot  samenet    scram-sha-256
host  replication replicator samenet    scram-sha-256
HBA
