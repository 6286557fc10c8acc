"""Work that no account's owner must do: what kinds there are, when one is tried again, and how long rows are kept."""
