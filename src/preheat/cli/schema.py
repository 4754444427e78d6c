"""``preheat policy schema``: write the JSON Schemas that editors read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["schema"]


def schema(
    folder: Annotated[Path, typer.Argument(help="Where they are written.")] = Path("include"),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file is not current.")
    ] = False,
) -> None:
    """Write the JSON Schemas of policies and clusters, for editors."""
    from preheat.policy.jsonschema import FILES, write_schema  # noqa: PLC0415 - heavy for other commands

    texts = {folder / name: write_schema(model) for name, model in FILES.items()}
    old = [file for file, text in texts.items() if not _holds(file, text)]
    for file in old:
        if check:
            typer.echo(f"{file} is not current; write it with: preheat policy schema {folder}")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(texts[file], encoding="utf-8")
            typer.echo(f"{file} written.")
    if check and old:
        raise typer.Exit(1)
    if not old:
        typer.echo(f"{len(texts)} schemas in {folder} are current.")


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text
