-- Jobs that only an account's owner may do, and what users and operators asked to be told of.

-- The owner's slot is such a job's lease: nobody claims it, and keepers do not see it.
ALTER TABLE job ADD COLUMN account_id bigint REFERENCES account ON DELETE CASCADE,
    ADD CONSTRAINT job_of_account CHECK (account_id IS NULL OR (every IS NOT NULL AND claimed_by IS NULL));
CREATE INDEX job_due_anywhere ON job (due_at) WHERE done_at IS NULL AND dead_at IS NULL AND account_id IS NULL;
CREATE INDEX job_due_at_owner ON job (kind, due_at) WHERE account_id IS NOT NULL;
