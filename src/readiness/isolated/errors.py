"""What ends a run."""


class RunFailed(Exception):
    """A part of the run could not be done; the sentence says which. What was begun is taken down all the same."""
