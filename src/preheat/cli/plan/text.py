"""Plans and differences for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from preheat.cli.console import plain
from preheat.cli.plan.changes import Status
from preheat.cli.plan.words import (
    budget_lines,
    candidate_name,
    counts_line,
    head_lines,
    place_text,
    reason_text,
    setting_text,
    signed_size,
    size_text,
    summary_line,
)
from preheat.plan import Disposition
from preheat.rendering import count_of

if TYPE_CHECKING:
    from rich.console import Console

    from preheat.cli.plan.changes import ImageChange, PolicyChange
    from preheat.cli.plan.made import Made, PlannedImage

__all__ = ["print_change", "print_made"]

_LATER = (Disposition.NEXT_RUN, Disposition.OVER_BUDGET, Disposition.WINDOW_CLOSED)
_STYLES = {Status.NEW: "green", Status.REMOVED: "red", Status.BROKEN: "bold red"}


def print_made(console: Console, made: Made, *, selected: bool, rejected: bool) -> None:
    """Print one policy's plan."""
    console.print(Text(made.name, "bold"), Text(f"({made.file})", "dim"), soft_wrap=True)
    for line in head_lines(made):
        console.print(plain(line))
    console.print()
    if selected:
        _print_images(console, made)
    if rejected:
        _print_rejected(console, made)
    console.print(f"Candidates: {counts_line(made)}")
    for line in budget_lines(made):
        console.print(line)
    for warning in made.plan.warnings:
        console.print(Text(plain(warning), "yellow"))
    for failure in made.plan.failures:
        console.print(Text(f"The run will fail: {plain(failure)}", "red"))
    if made.plan.over_budget:
        console.print(Text(f"A person will be asked: {plain(made.plan.over_budget)}", "yellow"))
    console.print()


def _print_images(console: Console, made: Made) -> None:
    if not made.images:
        console.print("Nothing would be warmed.\n")
        return
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("image, and why", overflow="fold", ratio=1)
    table.add_column("platform", no_wrap=True)
    table.add_column("where", overflow="fold")
    table.add_column("size", no_wrap=True, justify="right")
    for image in made.images:
        _add_image(table, image)
    console.print(table)
    console.print()
    clusters = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    clusters.add_column("cluster", overflow="fold")
    for name in ("to ask for", "bytes", "size unknown", "already warm", "later"):
        clusters.add_column(name, justify="right")
    for name in made.policy.cluster_names:
        each = made.plan.bytes.get(name)
        clusters.add_row(
            name,
            str(made.count(name, Disposition.ASK)),
            size_text(each.bytes if each else 0),
            str(each.unknown if each else 0),
            str(made.count(name, Disposition.ALREADY_WARM)),
            str(made.count(name, *_LATER)),
        )
    console.print(clusters)
    if made.sizes.words:
        console.print(Text(made.sizes.words, "dim"))
    console.print()


def _add_image(table: Table, image: PlannedImage) -> None:
    why = Text("\n".join(plain(reason_text(reason)) for reason in image.why), "dim")
    cell = Group(Text(plain(image.name), "bold"), Padding(why, (0, 0, 0, 2)))
    where = "\n".join(place_text(planned, image.doubtful, joint="\n  ") for planned in image.places)
    table.add_row(cell, image.platform, where, size_text(image.size))


def _print_rejected(console: Console, made: Made) -> None:
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("not warmed", overflow="fold", ratio=2)
    table.add_column("why", overflow="fold", ratio=3)
    for decision in made.rejected:
        why = "\n".join(plain(reason_text(reason, code=True)) for reason in decision.reasons)
        table.add_row(Text(plain(candidate_name(decision)), "bold"), why)
    console.print(table)
    console.print()


def print_change(console: Console, change: PolicyChange) -> None:
    """Print what changed of one policy."""
    title = Text(change.name, "bold")
    title.append(f": {summary_line(change)}", _STYLES.get(change.status, ""))
    console.print(title, soft_wrap=True)
    for image in change.images:
        _print_image_change(console, image, change.why_gone)
    for cluster, (before, after) in change.bytes.items():
        if before != after:
            told = f"{size_text(before)} -> {size_text(after)} ({signed_size(after - before)})"
            console.print(f"  bytes on {cluster}: {told}", soft_wrap=True)
    if change.sizes.words and change.byte_difference:
        console.print(f"  {change.sizes.words}", style="dim", soft_wrap=True)
    for setting in change.settings:
        console.print(f"  {plain(setting_text(setting))}", soft_wrap=True)
    for note in change.notes:
        console.print(Text(f"  {plain(note)}", "yellow"), soft_wrap=True)
    for failure in change.failures:
        console.print(Text(f"  The run will fail: {plain(failure)}", "red"), soft_wrap=True)
    console.print()


def _print_image_change(console: Console, change: ImageChange, why_gone: str) -> None:
    image = change.image
    size = size_text(image.size)
    for sign, places, style in (("+", change.added, "green"), ("-", change.removed, "red")):
        if places:
            where = ", ".join(
                place_text(planned, image.doubtful, with_endpoint=change.moves)
                for planned in places
            )
            head = f"  {sign} {plain(image.name)} {image.platform}  {where}  {size}"
            console.print(Text(head, style), soft_wrap=True)
    code = not change.added
    told = [plain(reason_text(reason, code=code)) for reason in change.why] or [why_gone]
    for text in told:
        console.print(Padding(Text(text, "dim"), (0, 0, 0, 6)))


def totals(made: list[Made]) -> str:
    """Sum up several plans in a line."""
    images = {(i.registry, i.repository, i.digest) for each in made for i in each.images}
    return f"{count_of(len(made), 'policy')}, {count_of(len(images), 'image')}."
