-- A user chooses which sources an account follows, not only when it is connected: what is followed no more is taken away.
-- Additive: an earlier version never takes a single one away.

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_18;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_18() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT DELETE ON follow TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
