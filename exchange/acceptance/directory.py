"""The directory in force in this process: one reference, moved by whoever commits a change."""

from registry.directory import Directory


class DirectoryInForce:
    """Holds the newest committed directory; readers take ``current`` once a message."""

    __slots__ = ("current",)

    def __init__(self, directory: Directory) -> None:
        self.current = directory

    @property
    def version(self) -> int:
        """The version of the directory in force."""
        return self.current.version
