"""A command's failure, said in one line."""

from __future__ import annotations


class Failure(Exception):
    """Ends a command with one line on stderr: operation, object, hint.

    ``exit_code`` is 2 when the user can mend it by calling the command
    differently (a wrong argument, file or key), else 1.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
