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
    """No plan fits the stated budget. Names the pool, needed vs available, the blocker. Exit code 3."""

    exit_code = 3
