"""Verdicts by the peers' own word: what is silent, what was not told, how many hosts are enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from preheat.artifact import Blob, Image
from preheat.demand import Demand, VerifyMode
from preheat.drivers.base import PEER, SEED, LayerCopy, LayerFailure, Report
from preheat.placement import PlacementKey, Scope
from preheat.verdict import Verdict, judge

IMAGE = Image("sha256:m", "linux/amd64", tuple(Blob(f"sha256:{n}", 10**n) for n in range(3)))
A, B, C = (blob.digest for blob in IMAGE.blobs)
KEY = PlacementKey("eu-1", "http://reg:5000", "lab/app", "sha256:m", "linux/amd64", Scope.ALL_PEERS)
HOSTS = tuple(f"10.0.0.{n}" for n in range(1, 21))


def peers(*complete: str, partly: tuple[str, ...] = (), **changes: object) -> Report:
    """Say what the peers answer: some hold all, some the first two layers, the others nothing."""
    held = [(ip, digest) for ip in complete for digest in (A, B, C)]
    held += [(ip, digest) for ip in partly for digest in (A, B)]
    copies = tuple(
        LayerCopy(digest, KEY.blob_url(digest), f"h-{ip}", ip, PEER) for ip, digest in held
    )
    told = Report(copies, names_every_host=False, from_peers=True)
    return replace(told, **changes)  # type: ignore[arg-type] # fields of a report


@pytest.mark.parametrize(
    ("min_hosts", "verdict"),
    [("100%", Verdict.PARTIAL), ("95%", Verdict.WARM), ("96%", Verdict.PARTIAL),
     ("19", Verdict.WARM), ("20", Verdict.PARTIAL), ("21", Verdict.PARTIAL)],
)  # fmt: skip
def test_expected_hosts_that_hold_every_layer_are_counted(min_hosts: str, verdict: Verdict) -> None:
    """19 of 20: a host that holds two of three layers does not count, nor does a silent one."""
    report = peers(*HOSTS[:19], partly=HOSTS[19:])
    finding = judge(
        IMAGE, KEY, report, expected_hosts=HOSTS, demand=Demand.parse(f"peers {min_hosts}")
    )
    assert finding.verdict is verdict
    assert (finding.hosts_warm, finding.hosts_expected) == (19, 20)
    assert (finding.proof, finding.min_hosts) == (VerifyMode.PEERS, min_hosts)


@pytest.mark.parametrize("min_hosts", ["100%", "66%", "2"])
def test_a_host_listed_by_address_and_by_name_counts_once(min_hosts: str) -> None:
    """One of two hosts holds the image: no share of two comes to two."""
    listed = ("10.0.0.1", "h-10.0.0.1", "10.0.0.2")
    demand = Demand.parse(f"peers {min_hosts}")
    finding = judge(IMAGE, KEY, peers("10.0.0.1"), expected_hosts=listed, demand=demand)
    assert finding.verdict is Verdict.PARTIAL
    assert (finding.hosts_warm, finding.hosts_expected) == (1, 2)


def test_each_layer_on_enough_hosts_is_not_enough_hosts() -> None:
    """Every layer lies on one of the two hosts, and neither could start the image."""
    halves = Report((
        LayerCopy(A, KEY.blob_url(A), "one", "1", PEER),
        LayerCopy(B, KEY.blob_url(B), "two", "2", PEER),
        LayerCopy(C, KEY.blob_url(C), "two", "2", PEER),
    ))
    finding = judge(IMAGE, KEY, halves, demand=Demand.parse("layers 1"))
    assert (finding.verdict, finding.hosts_warm) == (Verdict.PARTIAL, 0)


def test_an_unlisted_host_is_one_more_of_which_a_part_is_asked() -> None:
    """A fleet that grew: the new node is in scope, whether or not anybody listed it."""
    report = peers(*HOSTS[:2], partly=("10.0.9.9",))
    wanted = {share: Demand.parse(f"peers {share}") for share in ("100%", "60%")}
    verdicts = {
        share: judge(IMAGE, KEY, report, expected_hosts=HOSTS[:2], demand=demand).verdict
        for share, demand in wanted.items()
    }
    assert verdicts == {"100%": Verdict.PARTIAL, "60%": Verdict.WARM}


@pytest.mark.parametrize(
    ("min_hosts", "verdict"),
    [
        ("100%", Verdict.UNKNOWN),
        ("50%", Verdict.UNKNOWN),
        ("2", Verdict.WARM),
        ("3", Verdict.PARTIAL),
    ],
)
def test_a_part_of_nobody_knows_how_many_is_unknown(min_hosts: str, verdict: Verdict) -> None:
    """Without a list, silent hosts cannot be counted; a number asks for none of them."""
    demand = Demand.parse(f"peers {min_hosts}")
    assert judge(IMAGE, KEY, peers("1", "2"), demand=demand).verdict is verdict


def test_a_host_that_the_job_chose_and_that_is_silent_lacks_all() -> None:
    """A job names its hosts, the peers what they hold: a node that died in between is missed."""
    report = peers("1", hosts=(("1", "h-1"), ("2", "h-2")), names_every_host=True)
    finding = judge(IMAGE, KEY, report)
    assert finding.verdict is Verdict.PARTIAL
    assert {layer.hosts for layer in finding.missing} == {("2",)}


def test_a_percentage_of_peers_means_those_that_the_job_chose() -> None:
    """Others that hold a little by themselves are not asked for the rest."""
    key = replace(KEY, peers="percentage=50")
    report = peers("1", partly=("2",), hosts=(("1", "h-1"),), names_every_host=True)
    assert judge(IMAGE, key, report).verdict is Verdict.WARM


@pytest.mark.parametrize(
    ("complete", "partly", "untold", "verdict"),
    [
        pytest.param(("1",), (), (C,), Verdict.UNKNOWN, id="all that was told is held"),
        pytest.param((), ("1",), (C,), Verdict.UNKNOWN, id="only the untold one is missing"),
        pytest.param((), ("1",), (B,), Verdict.PARTIAL, id="another one is missing"),
        pytest.param((), (), (A,), Verdict.UNKNOWN, id="nothing is held"),
        pytest.param((), (), (A, B, C), Verdict.UNKNOWN, id="nobody was asked for anything"),
    ],
)
def test_what_nobody_was_asked_for_is_neither_held_nor_missing(
    complete: tuple[str, ...], partly: tuple[str, ...], untold: tuple[str, ...], verdict: Verdict
) -> None:
    """An error in asking must not look like cold peers, nor like warm ones."""
    report = peers(*complete, partly=partly)
    copies = tuple(copy for copy in report.copies if copy.digest not in untold)
    told = replace(report, copies=copies, untold=untold, error="asked for some only")
    finding = judge(IMAGE, KEY, told, expected_hosts=("1",), demand=Demand.parse("peers 1"))
    assert finding.verdict is verdict
    assert "asked for some only" in finding.words


def test_small_layers_are_counted_apart_whatever_the_verdict() -> None:
    """Peers never give them away (recorded pull-through-proxy-after-preheat)."""
    report = peers("1", unshared_bytes=10)
    for hosts in (("1",), ("1", "2")):
        finding = judge(IMAGE, KEY, report, expected_hosts=hosts)
        assert (finding.layers_small, finding.bytes_small) == (2, 11)


def test_a_copy_on_a_node_is_none_on_a_seed() -> None:
    """The peers tell what they are; the scope says who is meant."""
    seeds = replace(KEY, scope=Scope.ALL_SEED_PEERS)
    assert judge(IMAGE, seeds, peers("1")).verdict is Verdict.COLD
    failure = LayerFailure(A, KEY.blob_url(A), "s", "9", "not finished", SEED)
    told = peers("1", failures=(failure,))
    assert judge(IMAGE, KEY, told, expected_hosts=("1",)).verdict is Verdict.WARM
