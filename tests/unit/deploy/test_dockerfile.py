"""deploy/Dockerfile keeps the rules that nobody can check here by building it."""

import re

import pytest

from tests.support.deployment import DEPLOY, ROOT, Image, dockerfile

IMAGE = dockerfile()
FINAL = ("sealway", "agencies")
PINNED = re.compile(r"[\w./-]+:\d+(\.\d+)+(-[\w.-]+)?")


def faults(image: Image) -> list[str]:
    """What a reviewer would send back."""
    found = []
    for stage, base in image.bases.items():
        if base not in image.bases and not PINNED.fullmatch(base):
            found.append(f"{stage}: {base} names no full version")
    for one in image.instructions:
        if one.word == "ADD":
            found.append(f"{one.stage}: ADD fetches and unpacks; use COPY")
        if one.word in ("ENV", "ARG") and re.search(r"(?i)passw|secret|token|key=", one.rest):
            found.append(f"{one.stage}: a secret in {one.word}")
        if one.word == "RUN" and re.search(r"\b(curl|wget)\b|https?://", one.rest):
            found.append(f"{one.stage}: RUN fetches something")
        if one.word == "RUN" and re.search(r"pip .*install (?!.*(--require-hashes|--no-index))",
                                           one.rest.replace("&&", "\n")):  # fmt: skip
            found.append(f"{one.stage}: pip installs what no hash vouches for")
        if one.word == "COPY" and "from" not in one.flags:
            *sources, _ = one.words
            found += [f"no {each}" for each in sources if not (ROOT / each).exists()]
        if one.word == "COPY" and one.flags.get("from", "build") not in image.bases:
            found.append(f"{one.stage}: there is no stage {one.flags['from']}")
    for stage in FINAL:
        user = [one.words[0] for one in image.of(stage, "USER")]
        if not user or not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user[-1]):
            found.append(f"{stage}: runs as {user[-1:]}, not as a number that is nobody's")
        for word in ("HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT"):
            if not image.of(stage, word):
                found.append(f"{stage}: no {word}")
    return found


def test_the_image_keeps_the_rules() -> None:
    assert faults(IMAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("python:3.13.9-slim-trixie AS build\n", "python:latest AS build\n", "no full version"),
        ("python:3.13.9-slim-trixie AS build\n", "python:3 AS build\n", "no full version"),
        ("USER 10001:10001\n", "", "runs as"),
        ("USER 10001:10001\n", "USER root\n", "runs as"),
        ("COPY schemas schemas", "COPY schemata schemas", "no schemata"),
        ("COPY schemas schemas", "ADD schemas schemas", "ADD"),
        ("COPY --from=build /opt", "COPY --from=biuld /opt", "no stage biuld"),
        ("STOPSIGNAL SIGTERM\n", "", "no STOPSIGNAL"),
        ("HEALTHCHECK", "# HEALTHCHECK", "no HEALTHCHECK"),
        ("EXPOSE", "ENV DATABASE_PASSWORD=x\nEXPOSE", "a secret"),
        ("EXPOSE", "RUN curl -o x example.org\nEXPOSE", "fetches"),
        (" --require-hashes --only-binary :all: -r deploy/locks/examples", " -r x", "no hash"),
    ],
)
def test_a_broken_image_is_found(old: str, new: str, fault: str) -> None:
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text("utf-8"))
    assert old in text
    assert any(fault in one for one in faults(dockerfile(text.replace(old, new, 1))))


def test_every_stage_that_runs_stands_on_the_same_python_as_the_one_that_builds() -> None:
    outside = {base for base in IMAGE.bases.values() if base not in IMAGE.bases}
    assert len(outside) == 1, "a wheel built for one Python may not load on another"


def test_the_image_holds_the_six_packages_and_what_the_context_lets_through() -> None:
    copied = {
        source
        for one in IMAGE.instructions
        if one.word == "COPY" and "from" not in one.flags
        for source in one.words[:-1]
    }
    packages = {"exchange", "adapters", "sealway", "registry", "schemas", "signing"}
    assert packages <= copied
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignore[1] == "*", "a new folder would go into the context unseen"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_packages_of_generic_names_are_safe_and_nothing_is_written_beside_them() -> None:
    settings = " ".join(one.rest for one in IMAGE.of("sealway", "ENV"))
    assert "PYTHONSAFEPATH=1" in settings
    assert "PYTHONDONTWRITEBYTECODE=1" in settings
