-- Jobs that only an account's owner may do, and what users and operators asked to be told of.

-- The owner's slot is such a job's lease: nobody claims it, and keepers do not see it.
ALTER TABLE job ADD COLUMN account_id bigint REFERENCES account ON DELETE CASCADE,
    ADD CONSTRAINT job_of_account CHECK (account_id IS NULL OR (every IS NOT NULL AND claimed_by IS NULL));
CREATE INDEX job_due_anywhere ON job (due_at) WHERE done_at IS NULL AND dead_at IS NULL AND account_id IS NULL;
CREATE INDEX job_due_at_owner ON job (kind, due_at) WHERE account_id IS NOT NULL;

-- Where a user, or the operator (no user), wants to be told. An address may carry a secret in its path, so it is sealed like the key that
-- signs what is sent there; the host's name is what people recognize it by.
CREATE TABLE notice_hook (
    hook_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint REFERENCES app_user,
    host          text NOT NULL CHECK (length(host) BETWEEN 1 AND 260),
    url_sealed    bytea NOT NULL,
    secret_sealed bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX notice_hook_of_user ON notice_hook (user_id);
CREATE UNIQUE INDEX notice_hook_of_operator ON notice_hook ((user_id IS NULL)) WHERE user_id IS NULL;

CREATE POLICY own ON notice_hook USING (user_id = (SELECT request_user_id()));
ALTER TABLE notice_hook ENABLE ROW LEVEL SECURITY;

-- What was told once is not told again while the job's row is kept, done or not.
CREATE UNIQUE INDEX job_notice ON job (key) WHERE kind = 'notice';

-- Have a user and the operator told, in the transaction of what happened: a job for each who gave an address. Asking twice under a subject
-- is asking once. No user: the operator alone.
CREATE FUNCTION ask_notices(for_user_id bigint, notice text, subject text, facts jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO job (kind, key, payload, max_attempts)
    SELECT 'notice', notice || ':' || subject || ':' || h.hook_id,
           jsonb_build_object('hook_id', h.hook_id, 'notice', notice, 'at', clock_timestamp(), 'facts', facts), 8
    FROM notice_hook h WHERE h.user_id IS NULL OR h.user_id = for_user_id
    ON CONFLICT DO NOTHING
$$;

-- The wall's rights are given anew whenever it is found missing, these too.
ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_8;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_8() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT SELECT (hook_id, user_id, host, created_at), INSERT (user_id, host, url_sealed, secret_sealed), DELETE'
                   ' ON notice_hook TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
