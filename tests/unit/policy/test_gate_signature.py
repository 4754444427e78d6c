"""The gate on signatures: presence, by kind."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import dedent

import pytest
from pydantic import ValidationError

from preheat.artifact import Artifact
from preheat.facts import Answer, Inquiry, Kind, Question, Report
from preheat.policy.criteria import signature
from preheat.policy.criteria.signature import SignatureGate, SignatureSpec, Verifier
from preheat.policy.part import At
from preheat.policy.yamltext import parse

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ARTIFACT = Artifact("harbor_default", "web", "app", "sha256:1")
REPORT = Question.of_artifact(Kind.REPORT, ARTIFACT)
COSIGN, NOTATION = "signature.cosign", "signature.notation"


def judge(verifier: str, answer: Answer) -> tuple[str | None, str | None]:
    """Give code and detail."""
    gate = SignatureGate(Verifier(verifier), 7)
    reason = gate.judge(ARTIFACT, Inquiry({REPORT: answer}), NOW, ())
    assert reason is None or reason.line == 7
    return (reason.code.value, reason.detail) if reason else (None, None)


def test_the_example_loads() -> None:
    """What the docstring shows makes this gate."""
    document = parse(dedent(str(signature.__doc__).split("::\n\n")[1]), "example")
    assert isinstance(document.data, dict)
    spec = SignatureSpec.model_validate(document.data["signature"])
    assert spec.build(At(document, ("signature",))) == SignatureGate(Verifier.COSIGN, 1)


@pytest.mark.parametrize("data", [{}, {"verifier": "sigstore"}, {"verifier": "cosign", "key": "k"}])
def test_what_cannot_be_meant_is_refused(data: dict[str, object]) -> None:
    """A verifier is needed, and it is one of three."""
    with pytest.raises(ValidationError):
        SignatureSpec.model_validate(data)


def test_the_report_is_asked_for() -> None:
    """An open answer is no refusal."""
    inquiry = Inquiry()
    assert SignatureGate().judge(ARTIFACT, inquiry, NOW, ()) is None
    assert inquiry.open == {REPORT}


@pytest.mark.parametrize(
    ("verifier", "accessories", "passes"),
    [
        ("harbor-accessory", [COSIGN], True),
        ("harbor-accessory", [NOTATION], True),
        ("cosign", [COSIGN], True),
        ("cosign", ["sbom.harbor", COSIGN], True),
        ("notation", [NOTATION, COSIGN], True),
        ("cosign", [NOTATION], False),
        ("notation", [COSIGN], False),
        ("harbor-accessory", ["sbom.harbor", "subject.accessory"], False),
        ("harbor-accessory", [], False),
    ],
)
def test_a_signature_of_the_wanted_kind_passes(
    verifier: str, accessories: list[str], passes: bool
) -> None:
    """Other accessories are no signatures (recorded: artifact-accessories-list)."""
    code, _ = judge(verifier, Report(accessories=tuple(accessories)))
    assert code == (None if passes else "UNSIGNED")


def test_the_reason_names_what_is_there_and_what_is_wanted() -> None:
    """In Harbor's words, which stand in its portal too."""
    assert judge("cosign", Report(accessories=(NOTATION,)))[1] == (
        "it carries signature.notation only; the policy wants signature.cosign"
    )
    assert judge("harbor-accessory", Report())[1] == (
        "it has no signature; the policy wants signature.cosign or signature.notation"
    )


def test_what_harbor_does_not_tell_is_unsigned() -> None:
    """A deleted artifact, or one the account may not read."""
    code, detail = judge("cosign", None)
    assert code == "UNSIGNED"
    assert detail is not None
    assert detail.startswith("Harbor does not tell its signatures")
