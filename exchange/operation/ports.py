"""The addresses a process listens on: taken before anything else is, or refused in one line."""

import socket

from exchange.operation.settings import SettingsInvalid


class PortTaken(SettingsInvalid):
    """An address to listen on can't be had."""


def take_port(host: str, port: int, setting: str) -> socket.socket:
    """Bind a socket to an address; `setting` is the key that names the port.

    Raises:
        PortTaken: another process has it, or it isn't this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        option = "--" + setting.replace("_", "-")
        what = (
            f"{host}:{port} can't be listened on ({error.strerror}); stop what does, or choose"
            f" another with {option} or `{setting}` in the settings."
        )
        raise PortTaken([what]) from error
    return taken


def check_port(host: str, port: int, setting: str) -> None:
    """Take an address and give it back. Raises PortTaken."""
    take_port(host, port, setting).close()
