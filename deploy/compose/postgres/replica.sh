#!/bin/sh
# Copies the primary once, into an empty data directory, then streams from it for ever.
set -eu
# libpq uses a password file only if nobody else may read it, and this copy belongs to whoever runs here.
umask 077
cp /run/secrets/replication_passfile /tmp/pgpass
export PGPASSFILE=/tmp/pgpass
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "${PGDATA:?}"
    mkdir -p "$PGDATA"
    pg_basebackup --pgdata "$PGDATA" --write-recovery-conf --wal-method stream --checkpoint fast \
        --dbname "host=postgres user=replicator passfile=/tmp/pgpass application_name=replica"
fi
exec "$@"
