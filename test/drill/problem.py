"""What ends the drill."""

from __future__ import annotations


class Problem(Exception):
    """Said to whoever called the drill, without a trace."""
