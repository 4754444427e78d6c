"""``preheat policy schema``: write the JSON Schemas that editors read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.console import UNREADABLE, WRONG, print_json
from preheat.cli.options import DEFAULT_INCLUDE, IncludeOption, JsonOption

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["schema"]


def schema(
    include: IncludeOption = DEFAULT_INCLUDE,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file is not current.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schemas of policies and clusters, for editors."""
    from preheat.policy.jsonschema import FILES, write_schema  # noqa: PLC0415 - heavy for other commands

    texts = {include / name: write_schema(model) for name, model in FILES.items()}
    old = [file for file, text in texts.items() if not _holds(file, text)]
    if not check:
        for file in old:
            _write(file, texts[file])
    if as_json:
        print_json([
            {"file": str(file), "current": file not in old, "written": file in old and not check}
            for file in texts
        ])
    else:
        _tell(old, len(texts), include, check=check)
    if check and old:
        raise typer.Exit(WRONG)


def _tell(old: list[Path], count: int, include: Path, *, check: bool) -> None:
    for file in old:
        rest = f"is not current; write it with: preheat policy schema --include {include}"
        typer.echo(f"{file} {rest if check else 'written.'}")
    if not old:
        typer.echo(f"{count} schemas in {include} are current.")


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(f"{file} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(UNREADABLE) from None
