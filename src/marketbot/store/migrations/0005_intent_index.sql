-- Every reader of an intent knows its signal: the primary key finds it, and each row of a fan-out is spared an index.
DROP INDEX intent_by_account;
