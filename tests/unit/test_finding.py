"""Demands, and findings under them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat.demand import Demand, MinHosts, VerifyMode
from preheat.finding import Finding, MissingLayer, Verdict

LACKING = (MissingLayer("sha256:b", 10, ("10.0.0.2",)),)
SOME = Finding(Verdict.PARTIAL, 3, 2, 111, 101, LACKING, hosts_warm=38, hosts_expected=40)

percents = st.builds(lambda n: MinHosts(percent=n), st.integers(1, 100))
counts = st.builds(lambda n: MinHosts(count=n), st.integers(1, 10_000))
demands = st.builds(Demand, st.sampled_from(list(VerifyMode)), percents | counts)


@given(demands)
def test_a_demand_is_read_as_it_was_written(demand: Demand) -> None:
    """It travels through the ledger and through tasks as text."""
    assert Demand.parse(str(demand)) == demand


def test_nothing_said_means_every_host_and_a_jobs_word() -> None:
    """That is how placements were proved before anybody could demand anything."""
    assert Demand.parse("") == Demand(VerifyMode.LAYERS, MinHosts(percent=100))


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "95 %", "-1", "1.5", "all", "10001", "%"])
def test_what_is_no_number_of_hosts_is_refused(text: str) -> None:
    """The message says what can be written."""
    with pytest.raises(ValueError, match="from 1% to 100%, or a whole number from 1 to 10000"):
        MinHosts.parse(text)


@pytest.mark.parametrize(
    ("text", "hosts", "wanted"),
    [("95%", 40, 38), ("95%", 10, 10), ("95%", 1, 1), ("1%", 3, 1), ("100%", 7, 7), ("3", 2, 3)],
)
def test_a_percentage_is_rounded_up(text: str, hosts: int, wanted: int) -> None:
    """Never fewer hosts than were asked for; a number stays one, however few hosts there are."""
    assert MinHosts.parse(text).wanted_of(hosts) == wanted


def test_enough_hosts_make_it_warm_and_what_others_lack_is_kept() -> None:
    """Nothing is missing then, and still nobody has to guess which host lacks what."""
    finding = SOME.under(Demand.parse("layers 95%"))
    assert (finding.verdict, finding.missing, finding.tolerated) == (Verdict.WARM, (), LACKING)
    assert (finding.layers_warm, finding.bytes_warm, finding.min_hosts) == (3, 111, "95%")


@given(demands, demands)
def test_judging_again_forgets_nothing(first: Demand, second: Demand) -> None:
    """What one run calls warm, another judges as if nobody had judged before."""
    seen = replace(SOME, proof=VerifyMode.PEERS)
    assert seen.under(first).under(second) == seen.under(second)
    assert seen.under(first).seen.under(second) == seen.under(second).verdict


def test_more_hosts_than_there_are_is_not_met() -> None:
    """A number is a promise: two hosts are not three."""
    whole = Finding(Verdict.WARM, 1, 1, 5, 5, hosts_warm=2, hosts_expected=2)
    assert whole.under(Demand.parse("layers 3")).verdict is Verdict.PARTIAL
    assert whole.under(Demand.parse("layers 2")).verdict is Verdict.WARM


def test_a_job_is_no_witness_where_the_peers_are_to_be_asked() -> None:
    """Neither warm nor missing is shown then; what a job says is missing is missing."""
    whole = Finding(Verdict.WARM, 1, 1, 5, 5, hosts_warm=2, hosts_expected=2)
    asks = Demand.parse("peers 100%")
    assert whole.under(asks).verdict is Verdict.UNKNOWN
    assert whole.under(asks).layers_warm == 0
    assert SOME.under(asks).verdict is Verdict.PARTIAL


def test_a_seed_is_no_particular_host() -> None:
    """single_seed_peer asks for one copy anywhere: hosts are not counted."""
    seed = Finding(Verdict.WARM, 1, 1, 5, 5)
    assert seed.under(Demand.parse("layers 3")).verdict is Verdict.WARM
