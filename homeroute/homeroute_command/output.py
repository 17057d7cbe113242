"""A terminal, or whatever else reads what a command prints."""

from __future__ import annotations

from rich.console import Console


class Output(Console):
    """A console that leaves a reader who has gone (``| head``) to the caller to answer.

    rich would end the program with exit code 1.
    """

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError
