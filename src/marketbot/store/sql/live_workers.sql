-- Who has not ended, and what can be seen of each from here: its lock, its sessions, whether it enlisted since the server started.
SELECT w.worker, w.roles, w.place, w.pid, w.started, w.egresses, w.draining, w.seen_at,
       w.enlisted_at > pg_postmaster_start_time() AS enlisted_since_start,
       EXISTS (SELECT 1 FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = w.worker AND l.objsubid = 2 AND l.granted
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locked,
       EXISTS (SELECT 1 FROM pg_stat_activity s WHERE s.datname = current_database()
                 AND s.application_name LIKE '%' || w.instance) AS connected
FROM worker w
WHERE w.ended_at IS NULL
ORDER BY w.worker
