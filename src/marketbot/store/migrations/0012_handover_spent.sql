-- What an owner spent at each market beyond the part that it keeps, when it hands a slot over: the next one need not take all for spent.
-- A version that knows nothing of it leaves it empty, and then all is.
ALTER TABLE slot_handover ADD COLUMN spent jsonb;
