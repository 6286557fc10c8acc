-- Nothing reads orders by account and time: an account's orders are found through its intents. Three entries less an account and signal.
DROP INDEX orders_by_account;
