"""What `make kafka` says where Kafka can't be had, and what a test does then."""

from pathlib import Path

import pytest

from tests.support import kafka_broker
from tests.support.kafka_broker import KafkaMissing, fetch, main, wanted_version
from tests.support.kafka_fixtures import absent


@pytest.fixture
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_broker, "HOME", tmp_path / "kafka")


def test_the_version_wanted_is_a_kafka_4() -> None:
    assert wanted_version().startswith("4.")


def test_without_java_it_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "needs Java 17 or later (Debian: apt-get install" in said


@pytest.mark.usefixtures("nothing_fetched")
def test_without_maven_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(kafka_broker, "java", lambda: "java")
    with pytest.raises(KafkaMissing, match="needs Maven"):
        fetch()


@pytest.mark.usefixtures("nothing_fetched")
def test_a_folder_that_lacks_something_named_is_fetched_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kafka_broker, "java", lambda: "java")
    jars = kafka_broker.library()
    jars.mkdir(parents=True)
    for name, version in kafka_broker.wanted().items():
        (jars / f"{name}-{version}.jar").touch()
    assert fetch() == jars
    next(jars.glob("kafka-tools-*.jar")).unlink()
    maven = tmp_path / "mvn"
    maven.write_text(
        '#!/bin/sh\nfor w; do case $w in -DoutputD*) mkdir -p "${w#*=}";; esac; done\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert fetch() == jars
    assert list(jars.iterdir()) == [], "it is what Maven put there, and nothing earlier"


@pytest.mark.usefixtures("nothing_fetched")
def test_what_maven_refuses_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] nobody answers'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(kafka_broker, "java", lambda: "java")
    with pytest.raises(KafkaMissing) as missing:
        fetch()
    assert str(missing.value) == "Maven could not get it: [ERROR] nobody answers"


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_an_absent_engine_is_a_skip_and_in_ci_a_failure(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no Kafka"):
        absent("no Kafka")
