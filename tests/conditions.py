"""Pone en marcha un programa en una condición que no se da por sí sola."""

import runpy
import socket
import sys
from types import SimpleNamespace


def fail(*args):
    raise OSError("no se puede")


def no_network():
    socket.socket.bind = socket.socket.connect = fail


def short_timeouts():
    """Los plazos de un socket duran la décima parte."""
    settimeout = socket.socket.settimeout
    socket.socket.settimeout = lambda conn, seconds: settimeout(conn, seconds / 10)


def accept_fails_once():
    """El primer accept falla, como puede en macOS y en Windows."""
    accept = socket.socket.accept

    def fail_once(listener):
        socket.socket.accept = accept
        fail()

    socket.socket.accept = fail_once


def like_idle():
    """La consola no tiene reconfigure, ni hay readline (como en Windows)."""
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdin = SimpleNamespace(readline=sys.stdin.readline)
    sys.stdout = SimpleNamespace(write=sys.stdout.write, flush=sys.stdout.flush)
    sys.modules["readline"] = None


def like_thonny():
    """Ya se ha leído de la entrada; y readline falla, como el viejo pyreadline."""
    sys.stdin.readline()
    sys.meta_path.insert(0, SimpleNamespace(find_spec=fail_for_readline))


def fail_for_readline(name, *args):
    if name == "readline":
        raise AttributeError


def terminal():
    """En un terminal."""
    import pty  # Windows no lo tiene

    sys.exit(pty.spawn([sys.executable, *sys.argv]) >> 8)


if __name__ == "__main__":
    del sys.argv[0]
    condition = globals()[sys.argv.pop(0)]
    condition()
    runpy.run_path(sys.argv[0], run_name="__main__")
