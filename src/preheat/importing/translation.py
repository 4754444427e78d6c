"""One policy of Harbor's, made into the text of a policy file, with what it does not mean.

Whatever Harbor would not run, or would never select anything by, is imported suspended: nothing
begins to be warmed only because it was imported.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from preheat.importing.differences import Difference
from preheat.importing.rules import rule_of
from preheat.placement import Scope
from preheat.policy.fields import check_cron
from preheat.policy.severity import Bar

if TYPE_CHECKING:
    from preheat.harbor.vetting import ProjectSecurity
    from preheat.importing.clusters import Inventory, Targets
    from preheat.importing.reading import HarborPolicy

__all__ = ["Imported", "translate"]

WIDTH = 98
LONGEST_TEXT = 1024
SCHEMA = "$schema=policy.schema.json"
PLACEHOLDER = "0 2 * * *"
CRON_FIELDS = 6
_OLD_SCOPES = {"single_peer": Scope.SINGLE_SEED_PEER}  # of Harbor 2.12 (migration 0150)
_WHOLE_REPOSITORY = Difference(
    "events",
    "Harbor warms the one image of an event; here an event has the rules decide over the repository"
    " where it happened, and they take all that the filters match, old tags too. Give the rule an"
    " age or take, then resume it.",
    stops=True,
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A policy file to be.

    :param name: of the policy and of its file.
    :param text: the file.
    :param suspended: because Harbor had it disabled, or would never have run it.
    """

    name: str
    origin: HarborPolicy
    text: str
    differences: tuple[Difference, ...]
    suspended: bool


def translate(
    policy: HarborPolicy,
    name: str,
    security: ProjectSecurity,
    inventory: Inventory,
    *,
    registry: str,
    models: bool = True,
) -> Imported:
    """Make the file of one policy.

    :param name: of the policy to be.
    :param security: the project's settings, which Harbor puts above the policy's own filters.
    :param inventory: finds the clusters, and remembers those that are missing.
    :param models: whether this Harbor preheats CNAI models too; it does since 2.13.
    """
    told = [
        Difference("filters", f"{text[:1].upper()}{text[1:]}.", stops=True)
        for text in policy.broken
    ]
    targets = inventory.targets(policy)
    rule, differences = rule_of(policy.patterns)
    told += differences
    gates = _gates(policy, security, told)
    if not policy.patterns and not gates:
        text = "It has no filter that Harbor evaluates, at which Harbor fails; here it means all."
        told.append(Difference("filters", text, stops=True))
    spec: dict[str, Any] = {
        "sources": [_source(policy, registry, models=models)],
        "rules": [rule],
        **({"gates": gates} if gates else {}),
        "targets": _targets(policy, targets, told),
        "triggers": _triggers(policy, told),
    }
    told += targets.differences
    if not policy.enabled:
        told.append(Difference("suspend", "It is disabled in Harbor.", stops=True))
    suspended = any(difference.stops for difference in told)
    if suspended:
        spec = {"suspend": True, **spec}
    text = _comment(policy, told) + _document(policy, name, spec)
    return Imported(name, policy, text, tuple(told), suspended)


def _source(policy: HarborPolicy, registry: str, *, models: bool) -> dict[str, Any]:
    """Take the types that Harbor preheats: images, and models except on events."""
    source: dict[str, Any] = {"registry": registry, "projects": [policy.project]}
    if models and policy.trigger != "event_based":
        source["artifactTypes"] = ["image", "cnai"]
    return source


def _gates(
    policy: HarborPolicy, security: ProjectSecurity, told: list[Difference]
) -> dict[str, Any]:
    """Make gates of the project's settings: they alone count (harbor: overrideSecuritySettings)."""
    told += (
        Difference(
            "gates",
            f"Its filter {text} never counted: Harbor throws it away and takes the project's"
            " settings. It is left out here; write gates to have it.",
        )
        for text in policy.overridden
    )
    gates: dict[str, Any] = {}
    severity = security.forbidden_severity
    if severity:
        gates["vulnerabilities"] = {
            "rejectSeverity": _bar(severity, told),
            "onMissing": "reject",
            "useProjectAllowlist": True,
        }
        if policy.trigger == "event_based":
            text = "With vulnerable images forbidden, Harbor's events never warm multi-platform"
            told.append(Difference("events", f"{text} images; here they do."))
    verifier = _verifier(security, told)
    if verifier:
        gates["signature"] = {"verifier": verifier}
    return gates


def _bar(severity: str, told: list[Difference]) -> str:
    """Give the bar; Harbor compares words that it does not know as worse than all others."""
    if severity in set(Bar):
        return severity
    text = f"The project forbids {severity!a} and above"
    if severity == "negligible":
        text += "; the file refuses low and above, and so lets negligible findings pass."
        told.append(Difference("gates", text))
        return "low"
    if severity == "none":
        text += ": Harbor then selects nothing at all. The file refuses low and above."
        told.append(Difference("gates", text, stops=True))
        return "low"
    text += ", a word that Harbor does not know: it then refuses only what has no successful scan."
    told.append(Difference("gates", f"{text} The file refuses critical ones.", stops=True))
    return "critical"


def _verifier(security: ProjectSecurity, told: list[Difference]) -> str:
    if security.needs_notation:
        text = "The project demands Notation signatures: since 2.9 Harbor's preheat then selects"
        told.append(
            Difference("gates", f"{text} nothing at all; here, what is signed.", stops=True)
        )
        if security.needs_cosign:
            text = "The project demands Cosign and Notation signatures; the file looks for Cosign's"
            told.append(
                Difference("gates", f"{text}, and Harbor refuses images without the other.")
            )
    elif security.needs_cosign:
        text = "The project demands Cosign signatures: Harbor's preheat does not look, and its jobs"
        told.append(
            Difference("gates", f"{text} for unsigned images fail; here they are left out.")
        )
    if security.needs_cosign:
        return "cosign"
    return "notation" if security.needs_notation else ""


def _targets(
    policy: HarborPolicy, targets: Targets, told: list[Difference]
) -> list[dict[str, str]]:
    scope = _OLD_SCOPES.get(policy.scope, policy.scope) or Scope.SINGLE_SEED_PEER
    if not policy.scope:
        text = "It names no scope, which Dragonfly takes for single_seed_peer."
        told.append(Difference("scope", text))
    elif scope not in set(Scope):
        text = f"Its scope {policy.scope!a} is none that Dragonfly knows: Harbor's jobs fail. The"
        told.append(Difference("scope", f"{text} file says single_seed_peer.", stops=True))
        scope = Scope.SINGLE_SEED_PEER
    elif scope != policy.scope:
        text = f"Its scope {policy.scope} is now called {scope}."
        told.append(Difference("scope", text))
    return [{"cluster": cluster.name, "scope": str(scope)} for cluster in targets.known]


def _triggers(policy: HarborPolicy, told: list[Difference]) -> dict[str, Any]:
    if policy.trigger == "event_based":
        text = "Harbor's events are pushes of tagged images, scans and labels; a tag that is set by"
        text += " API or in the portal goes unheard there: add tagAdded to hear it."
        told += (Difference("events", text), _WHOLE_REPOSITORY)
        return {"events": ["pushed", "scanned", "labelAdded"]}
    cron = _cron(policy, told)
    return {"schedule": {"cron": _Quoted(cron), "timezone": "UTC"}}


def _cron(policy: HarborPolicy, told: list[Difference]) -> str:
    """Drop the seconds, which Harbor demands to be 0, and write ``?`` as ``*``."""
    fields = policy.cron.replace("?", "*").split()
    if policy.trigger == "scheduled" and len(fields) == CRON_FIELDS:
        cron = " ".join(fields[1:])
        try:
            check_cron(cron)
        except ValueError as error:
            why = f"Its cron is none that we can read: {error}"
        else:
            text = "Harbor's cron runs in the time zone of its job service, UTC in containers;"
            told.append(Difference("schedule", f"{text} the seconds are dropped."))
            return cron
    elif policy.trigger == "manual":
        why = "In Harbor it runs only by hand"
    elif policy.trigger == "scheduled":
        why = f"Its cron is {policy.cron!a}, so that Harbor never runs it by itself"
    else:
        why = f"Its trigger {policy.trigger!a} is none that Harbor knows: it never runs by itself"
    text = f"{why}; here it is suspended, with a schedule that you may choose."
    told.append(Difference("schedule", text, stops=True))
    return PLACEHOLDER


def _comment(policy: HarborPolicy, told: list[Difference]) -> str:
    lines = [f"Imported from Harbor: project {policy.project!a}, policy {policy.name!a}."]
    if told:
        lines.append("What differs from what Harbor did:")
    for difference in told:
        entry = f"{difference.topic}: {difference.text}"
        lines += textwrap.wrap(
            entry, WIDTH - 2, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
        )
    return "".join(f"# {line}\n" for line in ("yaml-language-server: " + SCHEMA, *lines))


class _Quoted(str):
    """Text that is written in quotes, as people write it."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes what a policy is made of."""


_Dumper.add_representer(
    _Quoted,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"'),
)


def _document(policy: HarborPolicy, name: str, spec: dict[str, Any]) -> str:
    description = " ".join(policy.description.split())[:LONGEST_TEXT]
    body = {
        "apiVersion": "preheat/v1alpha1",
        "kind": "PreheatPolicy",
        "metadata": {
            "name": name,
            "description": description or f"Harbor's policy {policy.name} of {policy.project}",
        },
        "spec": spec,
    }
    text: str = yaml.dump(
        body, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=WIDTH
    )
    return text
