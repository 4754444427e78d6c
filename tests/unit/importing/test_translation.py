"""Each part of a Harbor policy in the file made of it, and what is said where it means else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.errors import ProblemsError
from preheat.event import EventKind
from preheat.harbor.preheating import PreheatInstance, PreheatPolicy
from preheat.harbor.vetting import ProjectSecurity
from preheat.importing.batch import import_project
from preheat.importing.clusters import Inventory, slug
from preheat.importing.reading import read_policy
from preheat.importing.translation import translate
from preheat.policy.loader import load_clusters, load_policy
from preheat.policy.model import Clusters

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.importing.translation import Imported
    from preheat.policy.model import Policy

    Make = Callable[..., tuple[Imported, Policy]]
    Tell = Callable[..., PreheatPolicy]


def topics(imported: Imported, *, stops: bool | None = None) -> set[str]:
    """Give the topics of what differs."""
    return {one.topic for one in imported.differences if stops in {None, one.stops}}


def words(imported: Imported) -> str:
    """Give all that is said."""
    return " ".join(one.text for one in imported.differences)


@pytest.mark.parametrize(
    ("name", "suspended", "said"),
    [
        ("preheat-policy-create", True, "only by hand"),
        ("preheat-policy-create-robot", True, "only by hand"),
        ("preheat-policy-create-empty-cron", True, "Its cron is ''"),
        ("preheat-policy-create-bad-filter-type", True, "'platform' is unknown"),
        ("preheat-policy-create-bad-trigger", True, "trigger 'weekly'"),
        ("preheat-policy-create-bad-scope", True, "scope 'everything'"),
        ("preheat-policy-create-event-based", True, "add tagAdded"),
        ("preheat-policy-create-signature-vulnerability", True, "vulnerability 3 never counted"),
    ],
)
def test_every_policy_that_harbor_was_seen_to_accept_is_imported(
    name: str, suspended: bool, said: str, recorded: Any, made: Make
) -> None:
    """What Harbor would never run, or runs by hand only, is suspended; the reason is told."""
    (policy,) = recorded(name)
    imported, loaded = made(policy)
    assert (imported.suspended, loaded.suspend) == (suspended, suspended)
    assert said in words(imported)
    head = imported.text.partition("apiVersion")[0].replace("\n#   ", " ")
    assert all(one.text in head for one in imported.differences)


def test_a_recorded_list_is_imported_whole(recorded: Any, inventory: Inventory) -> None:
    """Five policies, five files, all right (recorded: preheat-policies-list)."""
    found = list(
        import_project(
            "ph",
            recorded("preheat-policies-list"),
            ProjectSecurity("ph"),
            inventory,
            set(),
            registry="harbor_default",
        )
    )
    assert not any(isinstance(one, ProblemsError) for one in found)
    names = [one.name for one in found if not isinstance(one, ProblemsError)]
    assert names == ["ph-one", "ph-emptycron", "ph-badfilter", "ph-badtrig", "ph-badscope"]


def test_the_plain_parts_keep_their_meaning(told: Tell, made: Make) -> None:
    """Globs, labels, clusters, scope and cron are said in our words."""
    policy = told(
        ("repository", "serving/**"),
        ("tag", "v*"),
        ("label", "gold,preheat"),
        cron="0 30 4 ? * 1-5",
        extra={"scope": "all_seed_peers", "cluster_ids": [2, 1]},
        description="nightly\nmodels",
    )
    imported, loaded = made(policy)
    (rule,) = loaded.rules
    assert "{glob: serving/**}" in imported.text
    assert "{glob: v*}" in imported.text
    assert "all: [gold, preheat]" in imported.text
    assert rule.name == "imported"
    assert loaded.cluster_names == ("us-1", "eu-1")
    assert {target.scope.value for target in loaded.targets} == {"all_seed_peers"}
    assert loaded.schedule is not None
    assert (loaded.schedule.cron, loaded.schedule.timezone) == ("30 4 * * 1-5", "UTC")
    assert 'cron: "30 4 * * 1-5"' in imported.text
    assert imported.text.startswith(
        "# yaml-language-server: $schema=policy.schema.json\n# Imported"
    )
    assert loaded.description == "nightly models"
    assert topics(imported) == {"schedule"}


def test_a_cron_that_nobody_can_read_is_told_and_starts_nothing(told: Tell, made: Make) -> None:
    """Whatever Harbor stores becomes a right file: here with a schedule to choose."""
    imported, loaded = made(told(("repository", "**"), cron="0 0 0 0 0 0"))
    assert loaded.suspend
    assert "Its cron is none that we can read: '0 0 0 0 0' is not a valid cron" in words(imported)


def test_events_are_those_that_harbor_hears(told: Tell, made: Make) -> None:
    """Pushes, scans and labels, and only of images (harbor: handler/event/p2p/preheat.go)."""
    imported, loaded = made(told(("repository", "**"), trigger="event_based"))
    assert loaded.events == (EventKind.PUSHED, EventKind.SCANNED, EventKind.LABEL_ADDED)
    assert "artifactTypes" not in imported.text


def test_an_event_takes_the_whole_repository_and_that_is_no_secret(told: Tell, made: Make) -> None:
    """An event based policy is suspended: the first event would warm old tags too.

    Harbor preheats the one artifact of the event (harbor: handler/event/p2p/preheat.go).
    """
    imported, loaded = made(told(("repository", "**"), trigger="event_based"))
    assert (imported.suspended, loaded.suspend) == (True, True)
    assert loaded.schedule is None
    assert "here an event has the rules decide over the repository" in words(imported)


def test_models_are_taken_where_harbor_takes_them(told: Tell, made: Make) -> None:
    """Since 2.13 manual and scheduled runs preheat CNAI models too."""
    policy = told(("repository", "**"))
    assert "[image, cnai]" in made(policy)[0].text
    assert "artifactTypes" not in made(policy, models=False)[0].text


@pytest.mark.parametrize(
    ("metadata", "gates", "suspended"),
    [
        ({}, "", False),
        ({"prevent_vul": "false", "severity": "high"}, "", False),
        ({"prevent_vul": "true"}, "", False),
        ({"prevent_vul": "true", "severity": "High"}, "rejectSeverity: high", False),
        ({"prevent_vul": "true", "severity": "negligible"}, "rejectSeverity: low", False),
        ({"prevent_vul": "true", "severity": "none"}, "rejectSeverity: low", True),
        ({"prevent_vul": "true", "severity": "awful"}, "rejectSeverity: critical", True),
        ({"enable_content_trust_cosign": "true"}, "{verifier: cosign}", False),
        ({"enable_content_trust": "true"}, "{verifier: notation}", True),
        (
            {"enable_content_trust": "true", "enable_content_trust_cosign": "true"},
            "{verifier: cosign}",
            True,
        ),
    ],
)
def test_gates_come_from_the_project(
    metadata: dict[str, str], gates: str, suspended: bool, told: Tell, made: Make
) -> None:
    """Harbor overrides every policy by its project's settings (recorded: preheat-project-security).

    Notation and severity none select nothing there: suspended, so that nothing begins by itself.
    """
    imported, loaded = made(told(("repository", "**")), metadata=metadata)
    assert gates in imported.text
    assert ("gates:" in imported.text) == bool(gates)
    assert loaded.suspend == suspended
    if "rejectSeverity" in gates:
        assert "onMissing: reject, useProjectAllowlist: true" in imported.text


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ((), "no filter that Harbor evaluates"),
        ((("signature", True),), "no filter that Harbor evaluates"),
        ((("repository", None),), "filter repository is no text"),
        ((("repository", "web/[a"),), "cannot be a glob here"),
        ((("tag", " v*"),), "begins or ends with a blank"),
        ((("label", "gold, preheat"),), "a label called ' preheat'"),
        ((("label", "gold,"),), "a label called ''"),
        ((("repository", "a/**"), ("repository", "**/b")), "all must match; here any"),
    ],
)
def test_what_selects_nothing_in_harbor_is_suspended(
    filters: tuple[tuple[str, object], ...], said: str, told: Tell, made: Make
) -> None:
    """Somebody must look before such a policy selects something."""
    imported, loaded = made(told(*filters))
    assert loaded.suspend
    assert said in words(imported)


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [("[!a]pp", r"[\!a]pp"), ("{a,b}/**", "{a,b}/**"), ("*", "*"), ("app?", "app?")],
)
def test_globs_are_harbor_s(pattern: str, glob: str, told: Tell, made: Make) -> None:
    """Only a class that begins with ! is spelt anew: it is a plain ! to Harbor."""
    imported, _ = made(told(("repository", pattern)))
    (rule,) = yaml.safe_load(imported.text)["spec"]["rules"]
    assert rule["repositories"] == {"include": [{"glob": glob}]}
    assert not imported.suspended


@pytest.mark.parametrize("everything", ["", "**"])
def test_a_filter_that_takes_all_is_left_out(everything: str, told: Tell, made: Make) -> None:
    """No empty glob and no needless one."""
    imported, _ = made(told(("repository", everything), ("tag", everything), ("label", "")))
    assert "rules:\n  - {name: imported}\n" in imported.text
    assert not imported.suspended


@pytest.mark.parametrize(
    ("extra", "scope", "suspended"),
    [
        (None, "single_seed_peer", False),
        ({"scope": ""}, "single_seed_peer", False),
        ({"scope": "all_peers"}, "all_peers", False),
        ({"scope": "single_peer"}, "single_seed_peer", False),
        ({"scope": "All_Peers"}, "single_seed_peer", True),
    ],
)
def test_scopes_are_spelt_as_dragonfly_does(
    extra: Any, scope: str, suspended: bool, told: Tell, made: Make
) -> None:
    """A misspelt scope fails in Harbor, and would be single_seed_peer in Dragonfly."""
    imported, loaded = made(told(("repository", "**"), extra=extra))
    assert {target.scope.value for target in loaded.targets} == {scope}
    assert imported.suspended == suspended
    assert ("scope" in topics(imported)) == (extra != {"scope": "all_peers"})


def test_the_scope_of_harbor_2_12_is_read_too(told: Tell, made: Make) -> None:
    """It stood beside the filters then (migration 0150)."""
    _, loaded = made(told(("repository", "**"), scope="all_peers"))
    assert loaded.targets[0].scope.value == "all_peers"


def test_broken_json_is_told_not_raised(made: Make) -> None:
    """Harbor stores text; what it holds is not ours to trust."""
    policy = PreheatPolicy("p", 1, filters="[" * 1000, trigger="{", extra_attrs="nope")
    imported, loaded = made(policy)
    assert loaded.suspend
    assert words(imported).count("is no JSON") == 3


def test_a_disabled_policy_is_suspended(told: Tell, made: Make) -> None:
    """Harbor's enabled is our suspend, the other way round."""
    imported, loaded = made(told(("repository", "**"), enabled=False))
    assert loaded.suspend
    assert topics(imported, stops=True) == {"suspend"}


clusters_text = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_eu
    schedulerClusterId: 1
    pullEndpoints: {harbor_other: "https://other.example.com"}
  - name: us-1
    connection: dragonfly_us
    schedulerClusterId: 1
    pullEndpoints: {harbor_default: "https://us.example.com"}
"""


def run(policy: PreheatPolicy, inventory: Inventory) -> tuple[Imported, Policy]:
    """Import one policy with an inventory of its own."""
    imported = translate(
        read_policy("web", policy), "p", ProjectSecurity(), inventory, registry="harbor_default"
    )
    return imported, load_policy(imported.text, "p.yaml", inventory.clusters)


def test_a_provider_is_found_by_its_manager_s_connection(told: Tell) -> None:
    """The same scheduler cluster number means another cluster at another manager."""
    instances = [PreheatInstance(4, "df-us", "dragonfly", enabled=True)]
    clusters = load_clusters(clusters_text, "clusters.yaml")
    managers = {"df-us": "dragonfly_us"}
    inventory = Inventory(clusters, instances, managers, "harbor_default", "http://harbor")
    _, loaded = run(told(("repository", "**"), extra={"cluster_ids": [1]}), inventory)
    assert loaded.cluster_names == ("us-1",)
    assert "eu-1:  harbor_default: http://harbor" in inventory.snippet()


def test_missing_clusters_are_written_down_for_clusters_yaml(told: Tell) -> None:
    """With no clusters at all the snippet is the whole file, once the guesses are corrected."""
    instances = [PreheatInstance(4, "DF EU", "dragonfly", enabled=True)]
    inventory = Inventory(Clusters(), instances, {}, "harbor_default", "http://harbor:8085")
    imported, loaded = run(told(("repository", "**"), extra={"cluster_ids": [3, 5]}), inventory)
    assert loaded.cluster_names == ("df-eu-3", "df-eu-5")
    assert "df-eu-3 (scheduler cluster 3), df-eu-5" in words(imported)
    written = load_clusters(inventory.snippet(), "clusters.yaml")
    assert [cluster.scheduler_cluster_id for cluster in written] == [3, 5]
    assert {cluster.connection for cluster in written} == {"dragonfly_default"}
    assert written.entries[0].pull_endpoints == {"harbor_default": "http://harbor:8085"}
    again, _ = run(told(("repository", "**"), extra={"cluster_ids": [3]}), inventory)
    assert len(inventory.missing) == 2
    assert again.text.count("df-eu-3") == 2


@pytest.mark.parametrize(
    ("instance", "said", "suspended"),
    [
        (PreheatInstance(4, "kr", "kraken", enabled=True), "of the kind 'kraken'", True),
        (PreheatInstance(4, "df", "dragonfly"), "disabled in Harbor, which asks it", False),
        (PreheatInstance(9, "df", "dragonfly", enabled=True), "could not be read", False),
    ],
)
def test_providers_that_are_not_as_they_should_be(
    instance: PreheatInstance, said: str, suspended: bool, told: Tell
) -> None:
    """Another kind of provider cannot be asked; others are told about."""
    clusters = load_clusters(clusters_text, "clusters.yaml")
    inventory = Inventory(clusters, [instance], {}, "harbor_default", "")
    imported, loaded = run(told(("repository", "**")), inventory)
    assert said in words(imported)
    assert loaded.suspend == suspended


def test_names_are_stems_and_differ(told: Tell, inventory: Inventory) -> None:
    """Harbor's names may hold dots, capitals and more letters than files, pools and DAGs like."""
    names = ["Nightly.All", "nightly_all", "nightly-all", "N" * 80, "N" * 90]
    policies = [told(("tag", "v1"), name=name, id=n) for n, name in enumerate(names)]
    taken: set[str] = set()
    security = ProjectSecurity()
    found = import_project("web", policies, security, inventory, taken, registry="harbor_default")
    assert not any(isinstance(one, ProblemsError) for one in found)
    assert len(taken) == 5
    assert {"web-nightly-all", "web-nightly_all", "web-nightly-all-2"} < taken
    assert max(map(len, taken)) == 63


texts = st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    filters=st.lists(
        st.tuples(
            st.sampled_from(["repository", "tag", "label", "signature", "x"]), texts | st.none()
        )
    ),
    name=texts,
    description=texts,
    cron=texts,
    scope=texts,
    metadata=st.dictionaries(
        st.sampled_from(["prevent_vul", "severity", "enable_content_trust"]),
        st.sampled_from(["true", "high", "none", "x"]),
    ),
)
def test_whatever_harbor_stores_becomes_a_right_file(
    filters: Any, name: str, description: str, cron: str, scope: str, metadata: Any
) -> None:
    """No text of anybody's breaks out of the comment or the YAML."""
    policy = PreheatPolicy(
        name,
        1,
        description,
        filters=json.dumps([{"type": kind, "value": value} for kind, value in filters]),
        trigger=json.dumps({"type": "scheduled", "trigger_setting": {"cron": cron}}),
        extra_attrs=json.dumps({"scope": scope}),
        enabled=True,
    )
    inventory = Inventory(Clusters(), [], {}, "harbor_default", "")
    stem = slug(name)
    imported = translate(
        read_policy("web", policy),
        stem,
        ProjectSecurity("web", metadata),
        inventory,
        registry="harbor_default",
    )
    loaded = load_policy(imported.text, f"{stem}.yaml", inventory.clusters)
    assert loaded.suspend == imported.suspended
