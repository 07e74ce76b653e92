"""Witnesses over HTTP, each as `sealway witness serve` runs it, for a bus that asks them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.witness.core import Answer, Witness
from sealway.witness.serving import WitnessServer
from sealway.witness.state import WitnessState
from signing.log.cosignature import Cosigner
from signing.log.note import NoteVerifier


class AnsweringWitness(Witness):
    """A witness that can be told to answer something else."""

    instead: Callable[[Answer], Answer] | None = None
    asked = 0

    def add_checkpoint(self, body: bytes) -> Answer:
        """As the witness does, unless a test says otherwise."""
        self.asked += 1
        answer = super().add_checkpoint(body)
        return answer if self.instead is None else self.instead(answer)


@dataclass
class RunningWitness:
    """One witness: who it is, and where."""

    name: str
    member: str
    witness: AnsweringWitness
    server: WitnessServer
    cosigner: Cosigner

    @property
    def url(self) -> str:
        """Its submission prefix."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def table(self) -> str:
        """Its table in the bus's settings."""
        own = "\nown = true" if self.member == "sx/GOV/1" else ""
        return (
            f'[witnesses."{self.name}"]\nurl = "{self.url}"\n'
            f'key = "{self.cosigner.verifier}"\nmember = "{self.member}"{own}\n'
        )

    def stop(self) -> None:
        """Close the socket: nobody answers any more."""
        self.server.shutdown()
        self.server.server_close()
        self.witness.state.close()


def run_witness(
    folder: Path, name: str, member: str, log: NoteVerifier, now_s: Callable[[], int]
) -> RunningWitness:
    """Start one in a thread, on a free port."""
    cosigner = Cosigner(f"{name}.example", ed25519.Ed25519PrivateKey.generate())
    state = folder / name
    state.mkdir()
    kept = WitnessState(state, cosigner.verifier)
    witness = AnsweringWitness(cosigner, {log.name: log}, kept, now_s)
    server = WitnessServer(("127.0.0.1", 0), witness)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return RunningWitness(name, member, witness, server, cosigner)
