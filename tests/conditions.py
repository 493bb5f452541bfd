"""Pone en marcha un programa en una condición que no se da por sí sola."""

import runpy
import select
import socket
import sys
from types import SimpleNamespace


def fail(*args):
    raise OSError("no se puede")


def no_network():
    socket.socket.bind = socket.socket.connect = fail


def short_waits(times=20):
    """Los plazos de settimeout y de select duran la vigésima parte."""
    settimeout, wait = socket.socket.settimeout, select.select
    socket.socket.settimeout = lambda conn, s: settimeout(conn, s and s / times)
    select.select = lambda r, w, x, s=None: wait(r, w, x, s and s / times)


def accept_fails_once():
    """El primer accept falla, y los plazos, si los hay, acaban en el acto."""
    short_waits(1_000_000)
    accept = socket.socket.accept
    socket.socket.accept = lambda _: setattr(socket.socket, "accept", accept) or fail()


def like_idle():
    """La consola no tiene reconfigure, ni hay readline (como en Windows)."""
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdin = SimpleNamespace(readline=sys.stdin.readline)
    sys.stdout = SimpleNamespace(write=sys.stdout.write, flush=sys.stdout.flush)
    sys.modules["readline"] = None


def like_thonny():
    """La entrada delega en una ya leída, y readline falla como el viejo pyreadline."""
    stdin = sys.stdin
    stdin.readline()  # después no admite reconfigure
    sys.stdin = SimpleNamespace(readline=stdin.readline, reconfigure=stdin.reconfigure)
    old_pyreadline = SimpleNamespace(
        find_spec=lambda name, *_: sys.old_pyreadline if name == "readline" else None
    )
    sys.meta_path.insert(0, old_pyreadline)


def terminal():
    import pty  # Windows no lo tiene

    sys.exit(pty.spawn([sys.executable, *sys.argv]) >> 8)


if __name__ == "__main__":
    sys.stderr.reconfigure(line_buffering=True)  # como ya está en CPython, y no en PyPy
    del sys.argv[0]
    condition = globals()[sys.argv.pop(0)]
    condition()
    runpy.run_path(sys.argv[0], run_name="__main__")
