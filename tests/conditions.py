"""Pone en marcha un programa en una condición que no se da por sí sola.

Por ejemplo: python tests/conditions.py fast_clock client.py 5000
"""

import functools
import runpy
import select
import socket
import sys
import threading
import time
from types import SimpleNamespace


def fail(*args):
    raise OSError("no se puede")


def no_network():
    socket.socket.bind = socket.socket.connect = fail


def no_keyboard():
    sys.stdin = SimpleNamespace(readline=fail)


def no_console():
    """Como con pythonw, desde que el servidor ha dicho en qué puerto escucha."""
    accept = socket.socket.accept

    def accept_without_console(listener):
        sys.stdout = None
        return accept(listener)

    socket.socket.accept = accept_without_console


def accept_fails_once():
    """El primer accept falla, como puede en macOS y en Windows."""
    accept = socket.socket.accept

    def fail_once(listener):
        socket.socket.accept = accept
        fail()

    socket.socket.accept = fail_once


def like_idle():
    """La consola no tiene reconfigure."""
    sys.stdout.reconfigure(line_buffering=True)
    stdin, stdout = sys.stdin, sys.stdout
    sys.stdin = SimpleNamespace(readline=stdin.readline)
    sys.stdout = SimpleNamespace(write=stdout.write, flush=stdout.flush)


def slow_console():
    """La consola muestra 200.000 caracteres por segundo."""
    write = sys.stdout.write

    def write_slowly(text):
        time.sleep(len(text) / 200_000)
        return write(text)

    sys.stdout.write = write_slowly


def old_readline():
    """Importar readline lanza AttributeError, como el viejo pyreadline."""

    def find_spec(name, *args):
        if name == "readline":
            raise AttributeError("no hay collections.Callable")

    sys.meta_path.insert(0, SimpleNamespace(find_spec=find_spec))


def clock(factor):
    """Cada segundo del programa dura `factor` segundos."""
    wait, settimeout = select.select, socket.socket.settimeout
    select.select = lambda r, w, x, seconds: wait(r, w, x, seconds * factor)
    socket.socket.settimeout = lambda conn, seconds: settimeout(conn, seconds * factor)


fast_clock = functools.partial(clock, 0.1)
slow_clock = functools.partial(clock, 100)


def in_thread():
    """A main la llama otro hilo."""
    main = runpy.run_path(sys.argv[0])["main"]
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()


def terminal():
    """En un terminal."""
    import pty  # Windows no lo tiene

    sys.exit(pty.spawn([sys.executable, *sys.argv]) >> 8)


if __name__ == "__main__":
    del sys.argv[0]
    condition = globals()[sys.argv.pop(0)]
    condition()
    runpy.run_path(sys.argv[0], run_name="__main__")
