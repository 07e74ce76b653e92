"""The demo's hands: the `sealway` command, and plain HTTP for whoever has neither SDK nor command.

Owns how each is called and timed. Refuses nothing: a refusal of the bus is a reply like another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

SEALWAY = str(Path(sys.executable).with_name("sealway"))
COMMAND_S = 60
_direct = build_opener(ProxyHandler({}))


class CommandFailed(Exception):
    """A command that had to succeed did not; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, how it ended, and when it was done."""

    code: int
    out: str
    err: str
    took_s: float

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply and the time it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float

    @property
    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)


class Commands:
    """Runs commands in one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def sealway(self, *words: str) -> Said:
        """Run `sealway …` to its end, whatever the exit code."""
        return self._ended(self._begin([SEALWAY, *words]), time.perf_counter())

    def must(self, *words: str) -> Said:
        """Run `sealway …`. Raises CommandFailed unless it exits 0."""
        return _good(self.sealway(*words), words)

    def must_all(self, *commands: Sequence[str]) -> None:
        """Run commands side by side, each its program first. Raises CommandFailed."""
        began_s = time.perf_counter()
        begun = [self._begin(command) for command in commands]
        ended = [self._ended(process, began_s) for process in begun]
        for command, said in zip(commands, ended, strict=True):
            _good(said, command[1:])

    def _begin(self, argv: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            argv,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _ended(self, process: subprocess.Popen[str], began_s: float) -> Said:
        try:
            out, err = process.communicate(timeout=COMMAND_S)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return Said(process.returncode, out, err, time.perf_counter() - began_s)


def _good(said: Said, words: Sequence[str]) -> Said:
    if said.code != 0:
        raise CommandFailed(
            f"{' '.join(words)}: exit {said.code}\n{(said.err or said.out).strip()}"
        )
    return said


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = 40) -> Reply:
    """POST, and give the reply whatever its status."""
    return _call(Request(url, data=body, headers=dict(headers), method="POST"), timeout_s)


def get(url: str, timeout_s: float = 40) -> Reply:
    """GET, and give the reply whatever its status."""
    return _call(Request(url), timeout_s)


def _call(request: Request, timeout_s: float) -> Reply:
    began_s = time.perf_counter()
    try:
        with _direct.open(request, timeout=timeout_s) as response:
            return _reply(response, began_s)
    except HTTPError as error:
        with error:
            return _reply(error, began_s)


def _reply(response: Any, began_s: float) -> Reply:
    body = response.read()
    return Reply(response.status, response.headers, body, time.perf_counter() - began_s)


def headers_of(text: str) -> dict[str, str]:
    """The lines that `sealway envelope sign` prints, as headers."""
    pairs = (line.partition(": ") for line in text.splitlines() if line)
    return {name: value for name, _, value in pairs}
