"""Apache Kafka as a process of ours: taken by its Maven coordinates, started on a loopback port.

`python tests/support/kafka_broker.py` (`make kafka`) fetches it into an ignored folder. One node
in KRaft mode, a bounded heap, everything else under a folder that the caller names.
"""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
POM: Final = Path(__file__).with_name("kafka.pom.xml")
HOME: Final = ROOT / ".kafka"
JAVA_VERSION_MIN: Final = 17
HEAP: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOGGING: Final = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
START_S: Final = 60.0

SETTINGS: Final = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{behind}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{fronts}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=1
num.io.threads=2
"""


class KafkaMissing(Exception):
    """Kafka can't be had here; the text is one line with what would help."""


def wanted_version() -> str:
    """The broker's version."""
    return wanted()["kafka_2.13"]


def wanted() -> dict[str, str]:
    """What the pom names: artifacts with their versions."""
    named = r"<artifactId>([\w.-]+)</artifactId>\s*<version>([\d.]+)</version>"
    return dict(re.findall(named, POM.read_text("utf-8").partition("<dependencies>")[2]))


def library() -> Path:
    """Where the jars of that version lie, or will."""
    return HOME / wanted_version()


def is_fetched() -> bool:
    """Whether everything that the pom names is there."""
    return all((library() / f"{name}-{version}.jar").exists() for name, version in wanted().items())


def fetch() -> Path:
    """Take Kafka by its coordinates, unless it is there; answer the folder of its jars.

    Raises:
        KafkaMissing: no Java, no Maven, or Maven could not get it.
    """
    java()
    jars = library()
    if is_fetched():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissing("needs Maven (Debian: apt-get install maven)")
    fresh = HOME / "fetching"
    shutil.rmtree(fresh, ignore_errors=True)
    copy = [
        *(maven, "--quiet", "--batch-mode", "--file", str(POM), "dependency:copy-dependencies"),
        *(f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"),
    ]
    run = subprocess.run(copy, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        why = next((line for line in run.stdout.splitlines() if "ERROR" in line), "no reason given")
        raise KafkaMissing(f"Maven could not get it: {why.strip()}")
    shutil.rmtree(jars, ignore_errors=True)
    fresh.rename(jars)
    return jars


def java() -> str:
    """The Java to run it with. Raises KafkaMissing."""
    wanted = f"needs Java {JAVA_VERSION_MIN} or later (Debian: apt-get install default-jre)"
    found = shutil.which("java")
    if found is None:
        raise KafkaMissing(wanted)
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version.group(1)) < JAVA_VERSION_MIN:
        raise KafkaMissing(wanted)
    return found


def tool(jars: Path, *words: str) -> list[str]:
    """What runs one of Kafka's programs, by the name of its class. Raises KafkaMissing."""
    return [java(), *HEAP, LOGGING, "-cp", f"{jars}/*", *words]


def free_port() -> int:
    """A port of the loopback interface that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class KafkaBroker:
    """One broker with its folder. A restart keeps port and data; a kill is `kill -9`.

    ``fronts`` are ports of proxies: for each the broker listens at a port of its own, ``behind``,
    and tells whoever comes in there to go on through that proxy.
    """

    def __init__(self, folder: Path, jars: Path, fronts: Sequence[int] = ()) -> None:
        self.folder = folder
        self.version = jars.name
        self.port = free_port()
        self.behind = {front: free_port() for front in fronts}
        self._jars = jars
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def command(self) -> list[str]:
        """What starts it, once its folder is laid out."""
        return tool(self._jars, "kafka.Kafka", str(self._settings))

    def format(self) -> None:
        """Lay out an empty data folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = [(f"FRONT{n}", *ports) for n, ports in enumerate(self.behind.items())]
        text = SETTINGS.format(
            port=self.port,
            controller_port=free_port(),
            data=self.folder / "data",
            behind="".join(f",{name}://127.0.0.1:{behind}" for name, _, behind in named),
            fronts="".join(f",{name}://127.0.0.1:{front}" for name, front, _ in named),
            protocols="".join(f",{name}:PLAINTEXT" for name, _, _ in named),
        )
        self._settings.write_text(text, "utf-8")
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        named = f"--cluster-id={cluster}"  # one word: an id may begin with a hyphen
        layout = ("kafka.tools.StorageTool", "format", named, "-c", str(self._settings))
        subprocess.run(tool(self._jars, *layout), capture_output=True, check=True)

    def start(self) -> None:
        """Start, and return when it takes connections."""
        with (self.folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end:
                tail = (self.folder / "kafka.log").read_text("utf-8", "replace")[-2_000:]
                self.kill()
                raise RuntimeError(f"Kafka did not start:\n{tail}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it cleanly."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def main() -> int:
    """`make kafka`."""
    try:
        jars = fetch()
    except KafkaMissing as missing:
        print(f"kafka: {missing}", file=sys.stderr)
        return 1
    files = list(jars.glob("*.jar"))
    size = sum(file.stat().st_size for file in files) / 1_000_000
    where = jars.relative_to(ROOT)
    print(f"kafka: Apache Kafka {jars.name}, {len(files)} jars, {size:.0f} MB in {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
