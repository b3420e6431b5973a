"""The errors a user can cause, each with the exit code the command line returns.

A message says what is wrong, where (node, tensor, file), the limit, and the remedy.
"""


class TinySegError(Exception):
    """Bad input: a broken or unsupported model, a missing tool, a failing disk. Exit code 1."""

    exit_code = 1


class UsageError(TinySegError):
    """Wrong options, or options that contradict each other. Exit code 2."""

    exit_code = 2


class DoesNotFitError(TinySegError):
    """No plan fits the stated budget. Names the pool, needed vs available, the blocker. Exit code 3.

    Attributes:
        needed_bytes: the smallest size of the pool that is known to work; 0 where none is.
    """

    exit_code = 3

    def __init__(self, message: str, needed_bytes: int = 0) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes
