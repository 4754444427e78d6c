"""Plans and differences as a comment on a pull request: GitHub's Markdown, at most 65,536 letters.

Names come from registries and files: nothing in them may act as markup, link or mention anybody.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from preheat.cli.console import plain
from preheat.cli.plan.changes import Status
from preheat.cli.plan.words import (
    against_line,
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
from preheat.cli.problems import problem_count
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from preheat.cli.plan.changes import ImageChange, PolicyChange
    from preheat.cli.plan.made import Made
    from preheat.cli.plan.revision import Revision
    from preheat.cli.world import World
    from preheat.policy.folder import PolicyEntry

__all__ = ["changes_comment", "plans_comment"]

_LONGEST = 60_000
_ROWS = 100
_UNSAFE = re.compile(r"[^\w ,./();%='-]|(?<=www)\.", re.IGNORECASE)


def plans_comment(
    made: Sequence[Made], broken: Sequence[PolicyEntry], world: World, *, rejected: bool
) -> str:
    """Write the plans of policies."""
    lines = ["### Preheat plan", "", _basis(world), ""]
    for each in made:
        lines += [*_plan(each, rejected=rejected), ""]
    return _whole([*lines, *_broken(broken)])


def changes_comment(
    changes: Sequence[PolicyChange],
    broken: Sequence[PolicyEntry],
    revision: Revision,
    world: World,
) -> str:
    """Write what changed of policies."""
    told = [change for change in changes if change.is_told]
    against = f"Against {_text(against_line(revision))}"
    lines = ["### Preheat plan: what changes", "", f"{against}. {_basis(world)}", ""]
    if revision.note:
        lines += [f"> {_text(revision.note)}", ""]
    if not told:
        lines += ["Nothing changes.", ""]
    for change in told:
        lines += [*_change(change), ""]
    same = [change.name for change in changes if change.status is Status.SAME]
    if same:
        lines += [f"The same as before: {', '.join(map(_code, same))}.", ""]
    return _whole([*lines, *_broken(broken)])


def _basis(world: World) -> str:
    count = count_of(len(world.known.catalogue), "artifact")
    return f"Evaluated at {world.at:%Y-%m-%d %H:%M %Z} on {count}."


def _plan(made: Made, *, rejected: bool) -> Iterator[str]:
    yield f"#### {_code(made.name)}"
    yield ""
    yield from (f"{_text(line)}<br>" for line in head_lines(made))
    yield f"Candidates: {_text(counts_line(made))}"
    yield ""
    yield from (f"- {_text(line)}" for line in budget_lines(made))
    yield from (f"- :warning: {_text(line)}" for line in made.plan.warnings)
    yield from (f"- :x: The run will fail: {_text(line)}" for line in made.plan.failures)
    if made.plan.over_budget:
        yield f"- :raising_hand: A person will be asked: {_text(made.plan.over_budget)}"
    if made.images and made.sizes.words:
        yield f"- {_text(made.sizes.words)}"
    yield ""
    rows = [
        (
            _code(image.name),
            _code(image.platform),
            "<br>".join(_text(place_text(planned, image.doubtful)) for planned in image.places),
            _text(size_text(image.size)),
            "<br>".join(_text(reason_text(reason)) for reason in image.why),
        )
        for image in made.images
    ]
    title = f"{count_of(len(rows), 'image')} to warm"
    yield from _details(title, ("image", "platform", "where", "size", "why"), rows)
    if rejected:
        out = [
            (
                _code(candidate_name(decision)),
                "<br>".join(_text(reason_text(r, code=True)) for r in decision.reasons),
            )
            for decision in made.rejected
        ]
        yield from _details(f"{len(out)} not warmed", ("candidate", "why not"), out)


def _change(change: PolicyChange) -> Iterator[str]:
    yield f"#### {_code(change.name)}: {_text(summary_line(change))}"
    yield ""
    yield from (f"- :warning: {_text(note)}" for note in change.notes)
    yield from (f"- :x: The run will fail: {_text(line)}" for line in change.failures)
    for cluster, (before, after) in change.bytes.items():
        if before != after:
            sizes = f"{size_text(before)} to {size_text(after)}, {signed_size(after - before)}"
            yield f"- Bytes on {_code(cluster)}: {_text(sizes)}"
    if change.sizes.words and change.byte_difference:
        yield f"- {_text(change.sizes.words)}"
    yield from (f"- {_code(setting_text(setting))}" for setting in change.settings)
    yield ""
    rows = [row for image in change.images for row in _rows(image, change.why_gone)]
    if rows:
        yield from _table(("", "image", "platform", "where", "size", "why"), rows)


def _rows(change: ImageChange, why_gone: str) -> Iterator[tuple[str, ...]]:
    image = change.image
    for sign, places in (("added", change.added), ("removed", change.removed)):
        if places:
            gone = sign == "removed" and not change.added
            why = [_text(reason_text(reason, code=gone)) for reason in change.why]
            where = (
                place_text(planned, image.doubtful, with_endpoint=change.moves)
                for planned in places
            )
            yield (
                sign,
                _code(image.name),
                _code(image.platform),
                "<br>".join(map(_text, where)),
                _text(size_text(image.size)),
                "<br>".join(why) or _text(why_gone),
            )


def _broken(broken: Sequence[PolicyEntry]) -> Iterator[str]:
    for entry in broken:
        yield f"#### {_code(entry.name)}: {problem_count(entry.problems)}"
        yield ""
        yield from (f"- {_text(str(problem))}" for problem in entry.problems)
        yield ""


def _details(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<details><summary>{_text(title)}</summary>"
    yield ""
    yield from _table(head, rows)
    yield ""
    yield "</details>"
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows[:_ROWS])
    if len(rows) > _ROWS:
        yield ""
        yield f"and {len(rows) - _ROWS} more"


def _text(text: str) -> str:
    """Escape whatever could be markup; a mention is broken by a space of no width."""
    escaped = _UNSAFE.sub(_entity, plain(text)).replace("_", "&#95;")
    return escaped.replace("&#64;", "&#64;&#8203;")


def _code(text: str) -> str:
    """Show a name as code, in which GitHub looks for no mention and no reference."""
    return f"<code>{_UNSAFE.sub(_entity, plain(text)).replace('_', '&#95;')}</code>" if text else ""


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _whole(lines: Iterable[str]) -> str:
    """Join the lines, as far as a comment may be long."""
    text = "\n".join(lines).rstrip()
    if len(text) <= _LONGEST:
        return text
    cut = text[:_LONGEST].rpartition("\n")[0]
    closing = "\n\n</details>" if cut.count("<details>") > cut.count("</details>") else ""
    return f"{cut}{closing}\n\nThe rest is too long for a comment: see `preheat plan`."
