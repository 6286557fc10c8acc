-- When what stops a user's trading took effect. A user may read neither operators' commands nor the engines' word about them; this tells
-- of the switches that concern the user, and no more than the moment.

CREATE INDEX control_command_by_scope ON control_command (scope, key, command_id);

-- Of one switch that was set by a command; no moment while an engine that lives has not read it. With the owner's rights; nothing comes back
-- for a user whose request this is not.
CREATE FUNCTION stop_effect(p_user bigint, p_scope switch_scope, p_key text)
RETURNS TABLE (effective_at timestamptz, took_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT e.effective_at, round(extract(epoch FROM e.effective_at - c.asked_at) * 1000)::bigint
    FROM switch s
    CROSS JOIN LATERAL (
        SELECT o.command_id, o.asked_at FROM control_command o WHERE o.scope = s.scope AND o.key = s.key AND o.kind = 'halt'
        ORDER BY o.command_id DESC LIMIT 1) c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN count(*) FILTER (WHERE k.worker IS NULL AND w.ended_at IS NULL) = 0 THEN max(k.at) END AS effective_at
        FROM worker w LEFT JOIN control_ack k ON k.command_id = c.command_id AND k.worker = w.worker
        WHERE w.enlisted_at <= c.asked_at AND (w.ended_at IS NULL OR w.ended_at > c.asked_at)
          AND w.roles && ARRAY['planner', 'executor']) e
    WHERE s.scope = p_scope AND s.key = p_key AND s.state <> 'active' AND p_user = coalesce(request_user_id(), p_user)
      AND (s.scope NOT IN ('user', 'account') OR (s.scope = 'user' AND s.key = p_user::text)
           OR (s.scope = 'account' AND EXISTS (SELECT FROM account a WHERE a.user_id = p_user AND a.account_id::text = s.key)))
$$;

REVOKE EXECUTE ON FUNCTION stop_effect(bigint, switch_scope, text) FROM PUBLIC;

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_before_stops;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_before_stops() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION stop_effect(bigint, switch_scope, text) TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
