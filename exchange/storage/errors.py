"""What storage refuses, whatever the engine.

SealwayError
└── StorageError
    ├── StorageInUse         another process serves this file
    ├── StorageForeign       another bus's, or of another schema
    ├── StorageUnavailable   the database refused to work
    └── StorageInDoubt       the connection was lost in a commit, and nobody could be asked since
"""

from signing.errors import SealwayError


class StorageError(SealwayError):
    """The branch of storage."""

    code = "log-unavailable"


class StorageInUse(StorageError):
    """Another process serves this file."""


class StorageForeign(StorageError):
    """The database is another bus's, or of a schema this version doesn't read."""


class StorageUnavailable(StorageError):
    """The database refused to work; what was asked is surely not recorded."""


class StorageInDoubt(StorageError):
    """The connection was lost during a commit: it may be recorded, send the same bytes again."""

    code = "outcome-unknown"
