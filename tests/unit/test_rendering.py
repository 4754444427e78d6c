"""What a person on call reads of findings and outcomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from preheat.demand import VerifyMode
from preheat.ledger import Attempt, Outcome, RunRef
from preheat.placement import PlacementKey, Scope
from preheat.plan import Disposition
from preheat.rendering import advice, count_of, finding_lines, outcome_table, table_text
from preheat.verdict import Finding, HostFinding, MissingLayer, Verdict

LOST = MissingLayer("sha256:" + "a" * 64, 600, ("10.0.0.1",), "the registry answers 404")
PARTIAL = Finding(Verdict.PARTIAL, 3, 2, 1500, 900, (LOST,))
WARM = Finding(Verdict.WARM, 3, 3, 1500, 1500)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = PlacementKey(
    "frankfurt",
    "https://h",
    "web/frontend",
    "sha256:" + "b" * 64,
    "linux/arm64/v8",
    Scope.ALL_PEERS,
)
ATTEMPT = Attempt(
    1, 1, "n", "me", RunRef("d", "r"), NOON, NOON, asked_at=NOON, closed_at=NOON, finding=WARM
)


def outcome(label: str, disposition: Disposition = Disposition.ASK) -> Outcome:
    """Make the outcome of a placement that is warm."""
    attempt = replace(ATTEMPT, verdict=Verdict.WARM)
    name = f"{label} {KEY.platform}"
    return Outcome(1, KEY, name, 1, disposition, "", Verdict.WARM, NOON, "", attempt)


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "layer", "0 layers"),
        (1, "layer", "1 layer"),
        (1, "policy", "1 policy"),
        (2, "policy", "2 policies"),
        (2, "day", "2 days"),
    ],
)
def test_one_of_a_thing_is_not_many(number: int, noun: str, text: str) -> None:
    """Nobody reads "1 policies"."""
    assert count_of(number, noun) == text


def test_a_host_that_dragonfly_does_not_name_is_explained() -> None:
    """Where every copy was there before: recorded repeat-6mib-single-seed."""
    told = finding_lines(replace(WARM, hosts=(HostFinding("unknown", 3, 1500),)))

    why = "(Dragonfly names no host for what a seed peer held already)"
    assert told == [
        "WARM: 3 of 3 layers warm (1.5 kB of 1.5 kB)",
        f"  host unknown: 3 of 3, 1.5 kB {why}",
    ]


@pytest.mark.parametrize(
    ("hosts", "where"),
    [((), ", host not told by Dragonfly"), (("10.0.0.1", "10.0.0.2"), " on 10.0.0.1, 10.0.0.2")],
)
def test_where_a_layer_is_missing_is_told_or_said_to_be_unknown(
    hosts: tuple[str, ...], where: str
) -> None:
    """An empty place would read as if we had forgotten it."""
    told = finding_lines(replace(PARTIAL, missing=(replace(LOST, hosts=hosts),)))

    assert f"  missing {LOST.digest} (600 bytes){where}: the registry answers 404" in told


def test_advice_gives_count_and_reason_and_leaves_the_layers_to_the_lines() -> None:
    """The lines stand in the same log: each digest once is enough."""
    told = advice(PARTIAL)

    assert told.startswith("1 layer missing (600 bytes, named above): the registry answers 404.")
    assert LOST.digest not in told


def test_nothing_counted_shows_no_figure_of_warm_layers() -> None:
    """Zero would be a count, and nobody counted."""
    unknown = Finding(Verdict.UNKNOWN, 3, 0, 1500, 0, words="nothing was reported")

    assert finding_lines(unknown)[0] == "UNKNOWN: nothing could be counted, of 3 layers (1.5 kB)"
    assert advice(unknown) == "nothing was reported. The next try asks again."


def test_many_missing_layers_are_told_in_part() -> None:
    """A broken registry must not fill the log."""
    told = finding_lines(replace(PARTIAL, missing=(LOST,) * 12))

    assert sum(line.startswith("  missing") for line in told) == 10
    assert told[-1] == "  and 2 more"


@pytest.mark.parametrize("disposition", list(Disposition))
def test_the_table_fits_a_terminal_of_80_columns(disposition: Disposition) -> None:
    """A long name is folded; no other word is cut, whatever became of the placement."""
    long = "payments-europe/settlement/fraud-detection-model:2026.11.24-release-candidate-1"
    text = table_text(outcome_table([outcome(long, disposition)]), width=80)

    lines = text.splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert lines[0].split() == [
        *("image", "platform", "cluster", "verdict", "layers", "size", "took")
    ]
    assert "".join(line.split()[0] for line in lines[2:]) == long
    for word in ("linux/arm64/v8", "frankfurt", "3/3", "1.5 kB", "0.0 s"):
        assert word in lines[2]
    assert "…" not in text


def test_how_it_was_proved_and_on_how_many_hosts_is_told() -> None:
    """A person who reads WARM may ask by whose word, and where not."""
    some = replace(
        WARM,
        tolerated=(LOST,),
        hosts_warm=19,
        hosts_expected=20,
        min_hosts="95%",
        proof=VerifyMode.PEERS,
        layers_small=2,
        bytes_small=900,
    )

    hosts = "every layer on 19 of 20 hosts (minHosts: 95%)"
    small = "a node fetches those from the registry unless it holds them itself"
    assert finding_lines(some) == [
        f"WARM: 3 of 3 layers warm (1.5 kB of 1.5 kB), {hosts}",
        "  the peers themselves were asked",
        f"  too small to be shared by peers: 2 of 3 layers (900 bytes); {small}",
        f"  tolerated {LOST.digest} (600 bytes) on 10.0.0.1: the registry answers 404",
    ]


def test_too_few_hosts_without_a_missing_layer_is_no_missing_layer() -> None:
    """All hosts hold it, and there are not as many as the policy wants."""
    few = replace(WARM, verdict=Verdict.PARTIAL, hosts_warm=2, hosts_expected=2, min_hosts="3")

    assert advice(few) == (
        "2 of 2 hosts in scope hold every layer, and minHosts is 3: "
        "3 hosts are wanted, there are 2."
    )


def test_our_own_words_are_not_called_dragonflys() -> None:
    """What stands in a finding's words may be the registry's, Dragonfly's or ours."""
    words = "Dragonfly does not report the host 10.77.0.14."
    text = "\n".join(finding_lines(replace(WARM, verdict=Verdict.PARTIAL, words=words)))
    assert "Dragonfly said" not in text
    assert f"why: {words}" in text


def test_a_sentence_that_goes_on_has_one_full_stop() -> None:
    """The reasons are sentences of their own."""
    layer = MissingLayer("sha256:" + "9" * 64, 600, ("a",), "The host has not finished it.")
    told = advice(replace(WARM, verdict=Verdict.PARTIAL, missing=(layer,)))
    assert "has not finished it. Where" in told
