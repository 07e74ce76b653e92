"""Signed notes as rows hold them: signatures of one text are joined, and none is ever lost.

Refuses to verify anything: who hands a note in has done so. Two processes may bring different
signatures of one checkpoint at once; each engine joins them within its transaction.
"""

from typing import Final

_SPLIT: Final = "\n\n"
_HASH_CHARS: Final = 5  # of the base64: 30 of the 32 bits that tell keys of one name apart


def joined_notes(kept: str, brought: str) -> str:
    """The note that is kept, with the signatures of the brought one by keys that it lacks.

    A brought note of another text changes nothing.
    """
    text, _, lines = kept.rpartition(_SPLIT)
    text_brought, _, more = brought.rpartition(_SPLIT)
    if text != text_brought:
        return kept
    known = {_key(line) for line in lines.splitlines()}
    new = [line for line in more.splitlines() if _key(line) not in known]
    return kept + "".join(f"{line}\n" for line in new)


def _key(line: str) -> tuple[str, str]:
    """Whose signature a line is: the name, and the start of the key's hash."""
    name, _, encoded = line.removeprefix("— ").partition(" ")
    return name, encoded[:_HASH_CHARS]
