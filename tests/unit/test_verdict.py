"""Verdicts: by case, by property, and against what was on the disks of a real cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from preheat.artifact import Blob, Image
from preheat.drivers.base import PEER, SEED, LayerCopy, LayerFailure, Report, Timing
from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.listing import Listed
from preheat.drivers.dragonfly.reading import job_of
from preheat.placement import Peers, PlacementKey, Scope
from preheat.transport import Answer
from preheat.verdict import Verdict, judge, unknown

RECORDED = Path(__file__).parents[1] / "data" / "recorded" / "dragonfly"
SEEDS = ("10.77.0.11",)
NODES = ("10.77.0.12", "10.77.0.13")
IMAGE = Image("sha256:m", "linux/amd64", tuple(Blob(f"sha256:{n}", 10**n) for n in range(3)))
A, B, C = (blob.digest for blob in IMAGE.blobs)
KEY = PlacementKey("eu-1", "http://reg:5000", "lab/app", "sha256:m", "linux/amd64", Scope.ALL_PEERS)
SINGLE = replace(KEY, scope=Scope.SINGLE_SEED_PEER)


def copies(ip: str, *digests: str, hostname: str = "", host_type: str = "") -> list[LayerCopy]:
    """Say that a host holds these blobs of the placement."""
    return [
        LayerCopy(digest, KEY.blob_url(digest), hostname or f"host-{ip}", ip, host_type)
        for digest in digests
    ]


def failure(ip: str, digest: str, words: str = "404", host_type: str = "") -> LayerFailure:
    """Say that a host could not fetch a blob."""
    return LayerFailure(digest, KEY.blob_url(digest), f"host-{ip}", ip, words, host_type)


def test_all_layers_on_all_reported_hosts_are_warm() -> None:
    """The plain good case, with every figure counted."""
    finding = judge(IMAGE, KEY, Report((*copies("1", A, B, C), *copies("2", A, B, C))))
    assert finding.verdict is Verdict.WARM
    assert (finding.layers_warm, finding.layers_expected) == (3, 3)
    assert (finding.bytes_warm, finding.bytes_expected) == (111, 111)
    assert [(host.host, host.layers, host.bytes) for host in finding.hosts] == [
        ("1", 3, 111),
        ("2", 3, 111),
    ]


@pytest.mark.parametrize(
    ("words", "is_hopeless"),
    [
        pytest.param("no peer found for ips [10.77.0.99]", True, id="run-ips-unknown"),
        pytest.param("failed: backend error: 401 Unauthorized", True, id="run-basic-userpass"),
        pytest.param("failed: backend error: 404 Not Found", False, id="of one layer only"),
        pytest.param("cluster 1 scheduler 10.77.0.1 no available seed peer", False, id="may heal"),
        pytest.param("something nobody has met", False, id="unknown"),
    ],
)
def test_the_text_of_a_failed_job_tells_whether_it_can_heal(words: str, is_hopeless: bool) -> None:
    """Recorded texts of jobs of which nothing arrived: the table of texts decides."""
    result = {
        "state": "FAILURE",
        "job_states": [{"state": "FAILURE", "error": words, "results": None}],
    }
    row = {
        "id": 1,
        "created_at": "2026-11-24T04:00:00Z",
        "type": "preheat",
        "bio": "",
        "args": {},
        "state": "FAILURE",
        "result": result,
    }
    answer = Answer("Dragonfly", "GET /oapi/v1/jobs/1", 200, {}, json.dumps(row).encode())
    job = job_of(Listed(decode(answer, Row, "a job"), answer), Timing())
    finding = judge(IMAGE, KEY, job.report, expected_hosts=NODES)
    assert finding.verdict is Verdict.COLD
    assert finding.is_hopeless is is_hopeless


@pytest.mark.parametrize(("lost_on", "is_hopeless"), [(("1", "2"), True), (("1",), False)])
def test_a_layer_that_no_host_can_get_is_lost(lost_on: tuple[str, ...], is_hopeless: bool) -> None:
    """Each host that lacks it must say so: another one may have been away only."""
    failures = tuple(
        replace(failure(ip, C, "backend error: 404"), is_final=ip in lost_on, host_type=PEER)
        for ip in ("1", "2")
    )
    report = Report((*copies("1", A, B), *copies("2", A, B)), failures)
    finding = judge(IMAGE, KEY, report)
    assert (finding.verdict, finding.is_hopeless) == (Verdict.PARTIAL, is_hopeless)


def test_a_layer_that_one_host_lacks_is_missing_with_its_size_and_that_host() -> None:
    """PARTIAL names the layer, its size and who lacks it."""
    finding = judge(IMAGE, KEY, Report((*copies("1", A, B, C), *copies("2", A, B))))
    assert finding.verdict is Verdict.PARTIAL
    assert [(layer.digest, layer.size, layer.hosts) for layer in finding.missing] == [
        (C, 100, ("2",))
    ]
    assert (finding.layers_warm, finding.bytes_warm) == (2, 11)


def test_a_host_that_only_failed_lacks_the_layer_and_of_the_others_nothing_is_known() -> None:
    """Dragonfly drops all copies of such a host (recorded all-peers-one-killed-midway)."""
    report = Report(tuple(copies("1", A, B, C)), (failure("2", B, "backend error: 404"),))
    finding = judge(IMAGE, KEY, report)
    words = {layer.digest: layer.words for layer in finding.missing}
    assert finding.verdict is Verdict.PARTIAL
    assert words[B] == "backend error: 404"
    assert words[A] == "Not known: the host failed another layer."
    assert "2: failed a layer, and Dragonfly tells nothing of the others there." in finding.words


def test_a_copy_under_another_repository_does_not_count() -> None:
    """The peers' cache key is the whole URL, so a promoted digest is cold."""
    other = replace(KEY, repository="lab/promoted")
    assert judge(IMAGE, other, Report(tuple(copies("1", A, B, C)))).verdict is Verdict.COLD


def test_the_unknown_host_counts_for_a_single_seed() -> None:
    """A repeat names no host for what the seed already held (repeat-6mib-single-seed)."""
    report = Report((*copies("unknown", A, B, hostname="unknown"), *copies("1", C)))
    finding = judge(IMAGE, SINGLE, report)
    assert finding.verdict is Verdict.WARM
    assert [host.host for host in finding.hosts] == ["1", "unknown"]


def test_copies_on_nameless_hosts_prove_nothing_where_hosts_are_asked_for() -> None:
    """all_* asks for hosts: copies without any host are UNKNOWN, never WARM."""
    report = Report(tuple(copies("unknown", A, B, C, hostname="unknown")))
    assert judge(IMAGE, KEY, report).verdict is Verdict.UNKNOWN


def test_layers_of_one_image_may_lie_on_several_seeds() -> None:
    """single_seed_peer picks a seed per layer."""
    report = Report((*copies("1", A), *copies("2", B, C)))
    assert judge(IMAGE, SINGLE, report).verdict is Verdict.WARM


def test_a_silent_single_seed_success_is_cold() -> None:
    """SUCCESS with both lists null is no success (recorded run-all-blobs-missing-single-seed)."""
    finding = judge(IMAGE, SINGLE, Report())
    assert finding.verdict is Verdict.COLD
    assert [layer.digest for layer in finding.missing] == [A, B, C]


def test_a_failed_job_keeps_its_words() -> None:
    """A FAILURE brings only a text; it is what the person on call needs."""
    finding = judge(IMAGE, KEY, Report(error="no peer found for ips [10.77.0.99]"))
    assert finding.verdict is Verdict.COLD
    assert finding.words == "no peer found for ips [10.77.0.99]"


def test_an_expected_host_that_nobody_names_is_not_warm() -> None:
    """A peer that left before the job is in no answer (recorded all-peers-after-graceful-stop)."""
    finding = judge(IMAGE, KEY, Report(tuple(copies("1", A, B, C))), expected_hosts=("1", "2"))
    assert finding.verdict is Verdict.PARTIAL
    assert finding.words == "Dragonfly does not report the host 2."
    assert {layer.hosts for layer in finding.missing} == {("2",)}


def test_an_expected_host_may_be_given_by_name() -> None:
    """Clusters may list host names instead of addresses."""
    report = Report(tuple(copies("1", A, B, C, hostname="node-1")))
    assert judge(IMAGE, KEY, report, expected_hosts=("node-1",)).verdict is Verdict.WARM


def test_an_address_asked_for_but_not_reported_is_not_warm() -> None:
    """Unknown addresses are left out silently (recorded run-ips-one-known-one-unknown)."""
    key = replace(KEY, peers=str(Peers(ips=("1", "9"))))
    assert judge(IMAGE, key, Report(tuple(copies("1", A, B, C)))).verdict is Verdict.PARTIAL


def test_other_hosts_do_not_matter_when_addresses_are_chosen() -> None:
    """A proof reports all peers; only the chosen ones are in scope."""
    key = replace(KEY, peers=str(Peers(ips=("1",))))
    report = Report((*copies("1", A, B, C), *copies("2", A)))
    assert judge(IMAGE, key, report, expected_hosts=("1", "2")).verdict is Verdict.WARM


@pytest.mark.parametrize(("count", "verdict"), [(1, Verdict.WARM), (2, Verdict.PARTIAL)])
def test_a_count_wants_so_many_complete_hosts(count: int, verdict: Verdict) -> None:
    """Of a proof that names all peers, the best ones are meant."""
    key = replace(KEY, peers=str(Peers(count=count)))
    report = Report((*copies("1", A, B, C), *copies("2", A)))
    assert judge(IMAGE, key, report).verdict is verdict


def test_a_count_that_nobody_filled_says_how_many_there_were() -> None:
    """One peer where two were asked for is not what was asked for."""
    key = replace(KEY, peers=str(Peers(count=2)))
    finding = judge(IMAGE, key, Report(tuple(copies("1", A, B, C))))
    assert finding.verdict is Verdict.PARTIAL
    assert finding.words == "Dragonfly reports 1 of the 2 hosts asked for."


def test_a_percentage_is_taken_of_the_expected_hosts() -> None:
    """Half of four is two; without a list of hosts all reported ones are meant."""
    key = replace(KEY, peers=str(Peers(percentage=50)))
    report = Report((*copies("1", A, B, C), *copies("2", A, B, C), *copies("3", A)))
    assert judge(IMAGE, key, report, expected_hosts=("1", "2", "3", "4")).verdict is Verdict.WARM
    assert judge(IMAGE, key, report).verdict is Verdict.PARTIAL


@pytest.mark.parametrize(
    ("scope", "peers", "expected", "verdict"),
    [
        (Scope.ALL_PEERS, "", (), Verdict.UNKNOWN),
        (Scope.ALL_SEED_PEERS, "", (), Verdict.UNKNOWN),
        (Scope.ALL_PEERS, "percentage=50", (), Verdict.UNKNOWN),
        (Scope.ALL_PEERS, "percentage=50", ("1", "2"), Verdict.WARM),
        (Scope.ALL_PEERS, "count=1", (), Verdict.WARM),
        (Scope.ALL_PEERS, "ips=1", (), Verdict.WARM),
        (Scope.ALL_PEERS, "", ("1",), Verdict.WARM),
        (Scope.SINGLE_SEED_PEER, "", (), Verdict.WARM),
    ],
)
def test_a_report_that_leaves_out_hosts_proves_nothing_of_them(
    scope: Scope, peers: str, expected: tuple[str, ...], verdict: Verdict
) -> None:
    """A job names each host that it chose; peers that are asked stay silent when they are cold.

    dragonfly: recorded fast-proof-image-distribution-rows.
    """
    key = replace(KEY, scope=scope, peers=peers)
    told = Report(tuple(copies("1", A, B, C)), names_every_host=False)
    finding = judge(IMAGE, key, told, expected_hosts=expected)
    assert finding.verdict is verdict
    assert ("clusters.yaml" in finding.words) is (verdict is Verdict.UNKNOWN)
    assert judge(IMAGE, key, replace(told, names_every_host=True)).verdict is Verdict.WARM


def test_a_silent_host_hides_no_layer_that_another_lacks() -> None:
    """What is missing where hosts did answer is told all the same."""
    report = Report(tuple(copies("1", A, B)), names_every_host=False)
    assert judge(IMAGE, KEY, report).verdict is Verdict.PARTIAL


def test_seeds_and_peers_are_told_apart_where_the_report_does() -> None:
    """A seed does not hold small layers for all_peers, nor do nodes count as seeds."""
    report = Report((
        *copies("s", A, host_type=SEED),
        *copies("1", A, B, C, host_type=PEER),
    ))
    assert judge(IMAGE, KEY, report).verdict is Verdict.WARM
    for scope in (Scope.SINGLE_SEED_PEER, Scope.ALL_SEED_PEERS):
        finding = judge(IMAGE, replace(KEY, scope=scope), report)
        assert (finding.verdict, finding.layers_warm) == (Verdict.PARTIAL, 1)


def test_an_unfinished_copy_is_missing_but_does_not_hide_the_others() -> None:
    """A proof lists each layer by itself, unlike a job (recorded get-task-failed-blob)."""
    report = Report(
        tuple(copies("1", A, B, host_type=PEER)), (failure("1", C, "not finished", PEER),)
    )
    finding = judge(IMAGE, KEY, report)
    assert [(layer.digest, layer.words) for layer in finding.missing] == [(C, "not finished")]
    assert finding.words == ""


def test_hosts_that_share_an_address_are_told_apart() -> None:
    """Several dfdaemons may run behind one address."""
    report = Report((*copies("1", A, B, C, hostname="red"), *copies("1", A, B, hostname="blue")))
    finding = judge(IMAGE, KEY, report)
    assert finding.verdict is Verdict.PARTIAL
    assert finding.missing[0].hosts == ("1 (blue)",)


def test_no_report_is_unknown() -> None:
    """A vanished job says nothing about the peers."""
    assert judge(IMAGE, KEY, None).verdict is Verdict.UNKNOWN


def test_an_image_without_blobs_is_unknown() -> None:
    """Nothing expected would otherwise be held everywhere."""
    assert judge(Image("sha256:m", "", ()), KEY, Report()).verdict is Verdict.UNKNOWN


def test_unknown_counts_nothing_as_warm_or_missing() -> None:
    """UNKNOWN is neither; the words say why."""
    finding = unknown(IMAGE, "the manager was restarted")
    assert (finding.verdict, finding.layers_warm, finding.missing) == (Verdict.UNKNOWN, 0, ())
    assert unknown(None, "").layers_expected == 0


# Time is no property: the suite shares two cores with other things.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

HOSTS = (("1", "one"), ("1", "one-b"), ("2", "two"), ("3", "three"), ("unknown", "unknown"))
blob_digests = st.sampled_from([A, B, C, "sha256:foreign"])
kinds = st.sampled_from(["", "", SEED, PEER])
holdings = st.one_of(
    st.just(()),
    st.just((A, B, C)),
    st.just((A, B, C)),
    st.lists(blob_digests, max_size=4).map(tuple),
)
repositories = st.sampled_from(["lab/app"] * 5 + ["lab/other"])


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report: hosts that hold nothing, everything or something, and some failures."""
    copied = []
    for ip, hostname in HOSTS:
        kind, repository = draw(kinds), draw(repositories)
        for digest in draw(holdings):
            url = f"http://reg:5000/v2/{repository}/blobs/{digest}"
            copied.append(LayerCopy(digest, url, hostname, ip, kind))
    failures = draw(
        st.lists(
            st.builds(
                failure,
                st.sampled_from(["1", "2", "3"]),
                blob_digests,
                st.sampled_from(["404", "timeout", ""]),
                kinds,
            ),
            max_size=2,
        )
    )
    return Report(tuple(copied), tuple(failures), draw(st.sampled_from(["", "all peers failed"])))


selections = st.sampled_from(["", "", "ips=1", "ips=1,2", "count=1", "count=2", "percentage=50"])
expected_lists = st.lists(st.sampled_from(["1", "2", "3"]), max_size=3)


def held_at(report: Report, key: PlacementKey, ip: str, scope: Scope) -> set[str]:
    """Collect, the simple way, what an address holds of the image."""
    wrong = PEER if scope is not Scope.ALL_PEERS else SEED
    return {
        copy.digest
        for copy in report.copies
        if copy.ip == ip and copy.url == key.blob_url(copy.digest) and copy.host_type != wrong
    } & {A, B, C}


@relaxed
@given(reports(), st.sampled_from(list(Scope)), selections, expected_lists)
def test_warm_means_that_no_host_in_scope_lacks_a_layer(
    report: Report, scope: Scope, peers: str, expected: list[str]
) -> None:
    """The promise of the product, checked with another way of counting."""
    key = replace(KEY, scope=scope, peers="" if scope is Scope.SINGLE_SEED_PEER else peers)
    finding = judge(IMAGE, key, report, expected_hosts=expected)
    event(finding.verdict)
    if finding.verdict is not Verdict.WARM:
        return
    everything = {A, B, C}
    addresses = {copy.ip for copy in report.copies}
    if scope is Scope.SINGLE_SEED_PEER:
        assert set().union(*(held_at(report, key, ip, scope) for ip in addresses)) == everything
        return
    complete = {ip for ip in ("1", "2", "3") if held_at(report, key, ip, scope) == everything}
    selected = Peers.parse(key.peers)
    must = set(selected.ips or (() if key.peers else expected))
    assert must <= complete
    assert len(complete) >= 1
    wrong = PEER if scope is not Scope.ALL_PEERS else SEED
    failing = {item.ip for item in report.failures if item.host_type != wrong}
    if not key.peers:
        assert failing <= complete
        named = {copy.ip for copy in report.copies if copy.host_type != wrong} - {"unknown"}
        assert named <= complete


@relaxed
@given(reports(), st.sampled_from(list(Scope)), selections, expected_lists, st.randoms())
def test_the_verdict_does_not_depend_on_order(
    report: Report, scope: Scope, peers: str, expected: list[str], random: Any
) -> None:
    """Dragonfly reports in random order (dragonfly: internal/job/job.go)."""
    key = replace(KEY, scope=scope, peers=peers)
    shuffled = Report(
        tuple(random.sample(report.copies, len(report.copies))),
        tuple(random.sample(report.failures, len(report.failures))),
        report.error,
    )
    again = judge(IMAGE, key, shuffled, expected_hosts=random.sample(expected, len(expected)))
    assert judge(IMAGE, key, report, expected_hosts=expected) == again


@relaxed
@given(reports(), st.sampled_from(list(Scope)), selections, expected_lists)
def test_the_figures_add_up(report: Report, scope: Scope, peers: str, expected: list[str]) -> None:
    """Warm and missing layers make up the image; COLD has no host that holds anything."""
    finding = judge(IMAGE, replace(KEY, scope=scope, peers=peers), report, expected_hosts=expected)
    if finding.verdict is Verdict.UNKNOWN:
        return
    assert finding.layers_warm + len(finding.missing) == finding.layers_expected
    assert finding.bytes_warm + sum(layer.size for layer in finding.missing) == 111
    assert (finding.verdict is Verdict.WARM) == (not finding.missing)
    holds = any(host.layers for host in finding.hosts)
    assert (finding.verdict is Verdict.COLD) == (not holds)


def recorded_runs() -> list[str]:
    """Name every recorded run that was compared with the disks."""
    names = []
    for path in sorted(RECORDED.glob("*.json")):
        observed = json.loads(path.read_text())["observed"]
        if "blobs_expected" in observed and "truth_on_disk_after" in observed:
            names.append(path.stem)
    return names


def expected_of(scope: Scope) -> tuple[str, ...]:
    """List the hosts of the recorded cluster that the scope means."""
    return NODES if scope is Scope.ALL_PEERS else SEEDS


def is_warm_on_disk(truth: dict[str, dict[str, int]], key: PlacementKey, blobs: int) -> bool:
    """Look at the hashed files instead of at Dragonfly's words."""
    complete = {name.split()[0] for name, disk in truth.items() if disk["complete"] == blobs} & set(
        expected_of(key.scope)
    )
    peers = Peers.parse(key.peers)
    if peers.ips:
        return set(peers.ips) <= complete
    if key.peers or key.scope is Scope.SINGLE_SEED_PEER:
        return bool(complete)  # each recorded selection asks for one host
    return set(expected_of(key.scope)) <= complete


def test_recorded_runs_are_found() -> None:
    """The list below is not empty by mistake."""
    assert len(recorded_runs()) == 61


@pytest.mark.parametrize("name", recorded_runs())
def test_the_verdict_on_a_recorded_run_is_true_on_the_disks(name: str) -> None:
    """Parser and verdict together say WARM exactly when every disk in scope held every blob."""
    recording = json.loads((RECORDED / f"{name}.json").read_text())
    create, last = recording["exchanges"][0], recording["exchanges"][-1]
    args = create["request"]["body"]["args"]
    endpoint, _, rest = args["url"].partition("/v2/")
    scope = args.get("scope", "single_seed_peer")
    key = PlacementKey(
        "lab",
        endpoint,
        rest.partition("/manifests/")[0],
        "sha256:m",
        "linux/amd64",
        # recorded run-scope-misspelt: Dragonfly runs any other word as this one
        Scope(scope) if scope in set(Scope) else Scope.SINGLE_SEED_PEER,
        str(Peers(tuple(args.get("ips", ())), args.get("count"), args.get("percentage"))),
    )
    body = last["response"]["body_text"].encode()
    answer = Answer("Dragonfly", "GET /oapi/v1/jobs/1", 200, {}, body)
    job = job_of(Listed(decode(answer, Row, "a job"), answer), Timing(), 1)
    assert job.report is not None
    named = {entry.digest for entry in (*job.report.copies, *job.report.failures)}
    blobs = recording["observed"]["blobs_expected"]
    nameless = [f"sha256:unreported-{number}" for number in range(blobs - len(named))]
    image = Image("sha256:m", "", tuple(Blob(digest, 1) for digest in [*sorted(named), *nameless]))

    finding = judge(image, key, job.report, expected_hosts=expected_of(key.scope))

    truth = recording["observed"]["truth_on_disk_after"]
    assert finding.layers_expected == blobs
    assert (finding.verdict is Verdict.WARM) == is_warm_on_disk(truth, key, blobs)
