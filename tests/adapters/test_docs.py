"""What a DAG's page shows of a file that cannot be used."""

from __future__ import annotations

from preheat.errors import Problem
from preheat.provider.docs import invalid_doc

TEXT = "spec:\n  sources: [{project: [web]}]\n  ```\n"


def test_each_problem_is_an_entry_with_its_place_and_line() -> None:
    """File, line and column, the hint, and the line itself with a mark below the column."""
    unknown = Problem("did you mean 'projects'?", "one.yaml", 2, 14, "spec.sources[0].project")

    told = invalid_doc("one.yaml", [unknown, Problem("This is empty.", "one.yaml")], TEXT)

    assert (
        """
- **one.yaml:2:14** `spec.sources[0].project`: did you mean 'projects'?

  ```text
  2 |   sources: [{project: [web]}]
    |              ^
  ```

- **one.yaml**: This is empty.
"""
        in told
    )


def test_a_file_cannot_break_out_of_its_block() -> None:
    """A line with a fence of its own, and a message with markup, are shown as they are."""
    told = invalid_doc("one.yaml", [Problem("write <project>, not *", "one.yaml", 3)], TEXT)

    assert "  3 |   '''" in told
    assert r"write \<project\>, not \*" in told


def test_a_line_that_is_not_there_is_left_out() -> None:
    """The end of a file has a number past its last line; some files cannot be read at all."""
    assert "```" not in invalid_doc("one.yaml", [Problem("too short", "one.yaml", 9)], TEXT)
    assert "```" not in invalid_doc("one.yaml", [Problem("unreadable", "one.yaml", 1)])
