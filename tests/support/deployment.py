"""What deploy/ says, read as its tools would read it: compose, Dockerfile, settings, properties."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


def compose() -> dict[str, Any]:
    """compose.yaml with its anchors and merges resolved, as compose resolves them."""
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return {key: value for key, value in read.items() if not key.startswith("x-")}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile; `stage` is the name of the stage it stands in."""

    stage: str
    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Its arguments: those of the JSON form, or those of a shell's words."""
        text = re.sub(r"^(--[a-z-]+=\S+\s+)*(CMD\s+)?", "", self.rest)
        return json.loads(text) if text.startswith("[") else shlex.split(text)

    @property
    def flags(self) -> dict[str, str]:
        """`--from=build` and the like."""
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.rest))


@dataclass(slots=True)
class Image:
    """A Dockerfile's instructions, and of what each stage is made."""

    instructions: list[Instruction] = field(default_factory=list)
    bases: dict[str, str] = field(default_factory=dict)

    def of(self, stage: str, word: str) -> list[Instruction]:
        """The instructions of one kind that are in force in a stage, those of its bases first."""
        base = self.bases[stage]
        inherited = self.of(base, word) if base in self.bases else []
        return inherited + [
            one for one in self.instructions if (one.stage, one.word) == (stage, word)
        ]


def dockerfile(text: str | None = None) -> Image:
    """deploy/Dockerfile, or a text like it."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8") if text is None else text
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    image, stage = Image(), ""
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, stage = rest.partition(" AS ")
            assert stage, f"a stage without a name: {line}"
            image.bases[stage] = base
        image.instructions.append(Instruction(stage, word, rest.strip()))
    return image


def properties(path: Path) -> dict[str, str]:
    """A file of `key=value` lines; a key twice is a mistake."""
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, f"{path.name}: not a property: {line}"
            assert key not in found, f"{path.name}: {key} is there twice"
            found[key] = value
    return found
