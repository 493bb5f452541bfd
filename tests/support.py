"""Lo común a las pruebas: poner en marcha los programas y mirar lo que muestran."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

try:
    import pty
except ImportError:  # en Windows no existe
    pty = None

ROOT = pathlib.Path(__file__).parent.parent
HOST = "127.0.0.1"
PATIENCE = 60  # segundos, que solo se agotan cuando una prueba va a fallar
START = "Servidor TCP esperando conexiones en 127.0.0.1:"
GREETING = "Se establece una conexión con el servidor.\n"
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
CLOSING = "Cerrando conexión con el servidor...\n"

# En un pseudoterminal, Ctrl+C solo llega a quien lo tiene como terminal de control.
IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)

posix_only = unittest.skipIf(os.name == "nt", "Windows no tiene señales ni exec")
needs_terminal = unittest.skipUnless(pty, "la plataforma no tiene pseudoterminales")
needs_proc = unittest.skipUnless(sys.platform == "linux", "/proc es de Linux")

# Los programas no heredan una salida sin búfer, un idioma ni que se ignore SIGINT.
os.environ.pop("PYTHONUNBUFFERED", None)
os.environ["LC_ALL"] = "C"
signal.signal(signal.SIGINT, signal.default_int_handler)


class Output:
    """Lo que escribe un programa; un hilo lo lee para que nunca quede bloqueado."""

    def __init__(self, fd, encoding):
        self.fd, self.encoding = fd, encoding
        self.data, self.seen, self.ended = bytearray(), 0, False
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while not self.ended:
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:  # así acaba un pseudoterminal en Linux
                chunk = b""
            with self.changed:
                self.data += chunk.replace(b"\r", b"")
                self.ended = not chunk
                self.changed.notify_all()

    def find(self, expected, seconds=PATIENCE):
        """Espera a que se escriba `expected`; devuelve dónde acaba, o None."""
        wanted = expected.encode(self.encoding, "backslashreplace")

        def found():
            return self.data.find(wanted, self.seen) + 1 or self.ended

        with self.changed:
            self.changed.wait_for(found, seconds)
            start = self.data.find(wanted, self.seen)
        return None if start < 0 else start + len(wanted)

    def until(self, expected):
        """Espera a que se escriba `expected` y devuelve lo nuevo hasta ahí."""
        end = self.find(expected)
        if end is None:
            tail = bytes(self.data[self.seen :][-1000:])
            raise AssertionError(f"No apareció {expected!r} en {tail!r}")
        new, self.seen = self.data[self.seen : end], end
        return new.decode(self.encoding)

    def rest(self):
        """Espera al final y devuelve lo nuevo."""
        self.reader.join(PATIENCE)
        return self.data[self.seen :].decode(self.encoding)


class Program:
    """Un programa de Python en marcha, con tuberías o en un pseudoterminal."""

    def __init__(self, *args, encoding="utf-8", terminal=False, term="dumb", **streams):
        command = [sys.executable, *map(str, args)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        if terminal:
            screen, inside = pty.openpty()
            command = [sys.executable, "-c", IN_TERMINAL, *command]
            pipes = dict.fromkeys(pipes, inside)
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            cwd=ROOT,
            env=dict(os.environ, PYTHONIOENCODING=encoding, TERM=term),
            start_new_session=terminal,
            **{**pipes, **streams},
        )
        if terminal:
            os.close(inside)
            self.files = [os.fdopen(screen, "r+b", buffering=0)] * 2
        else:
            p = self.process
            self.files = [file for file in (p.stdin, p.stdout, p.stderr) if file]
        self.input = self.files[0]
        outputs = [Output(file.fileno(), encoding) for file in self.files[1:]]
        self.out, self.err = outputs[0], outputs[-1]

    def type(self, text):
        self.input.write(text if isinstance(text, bytes) else text.encode())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Espera a que acabe y devuelve su código de salida."""
        return self.process.wait(PATIENCE)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.out.reader.join()
        self.err.reader.join()
        for file in self.files:
            file.close()


class Case(unittest.TestCase):
    """Una prueba que recoge al acabar lo que puso en marcha."""

    def start(self, *args, **options):
        program = Program(*args, **options)
        self.addCleanup(program.stop)
        return program

    def serve(self, *args, **options):
        """Pone en marcha el servidor en un puerto libre, que anota en `port`."""
        server = self.start(*(args or ("server.py", 0)), **options)
        server.out.until(START)
        server.port = int(server.out.until("\n"))
        return server

    def connect(self, server):
        return self.own(socket.create_connection((HOST, server.port), PATIENCE))

    def own(self, conn):
        """Prepara un socket para que no espere sin fin ni agrupe envíos."""
        conn.settimeout(PATIENCE)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(conn.close)
        return conn

    @contextlib.contextmanager
    def lasting(self, least, most):
        """Comprueba que el bloque dura entre `least` y `most` segundos."""
        start = time.monotonic()
        yield
        elapsed = time.monotonic() - start
        self.assertTrue(least <= elapsed <= most, elapsed)


def read(conn, size=None):
    """Lee `size` bytes de un socket, o hasta que se cierre."""
    data = b""
    while size is None or len(data) < size:
        chunk = conn.recv(65536 if size is None else size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def fill(conn):
    """Envía líneas sin leer hasta que ambos lados se quedan bloqueados."""
    conn.settimeout(0.5)
    with contextlib.suppress(socket.timeout):
        while True:
            conn.sendall(b"hola\n" * 100_000)


def reset(conn):
    """Corta la conexión con RST, como un programa que muere de mala manera."""
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    conn.close()
