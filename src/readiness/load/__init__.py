"""An open-loop load: requests start when they are due, whatever became of those before, and are timed from then."""
