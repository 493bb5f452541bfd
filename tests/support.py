"""Lo común a las pruebas: poner en marcha los programas y ver lo que muestran."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).parent.parent
HOST = "127.0.0.1"
PATIENCE = 10  # segundos, que solo se agotan cuando una prueba va a fallar
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
CLOSING = "Cerrando conexión con el servidor...\n"
SHOWN = {  # lo que llega de una vez, y cómo lo muestra la consola
    b"HOLA": "HOLA",
    b"\n": "",
    b" HOLA \r\n\n": " HOLA ",
    "€ Ñ 😀 \\ 'X'\n".encode(): "€ Ñ 😀 \\ 'X'",
    "\nUÑO\nDOS\n".encode(): r"'\nUÑO\nDOS'",
    b"\x1b[2J\\\x07\x00\x7f\t1\r2\n": r"'\x1b[2J\\\x07\x00\x7f\t1\r2'",
    "\x9b\u2028\u202e\n".encode(): r"'\x9b\u2028\u202e'",
    b"\x80 \xff \xe2\x82\n": r"'\udc80 \udcff \udce2\udc82'",
}
IN_TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"

posix_only = unittest.skipIf(os.name == "nt", "Windows no tiene señales")
linux_only = unittest.skipUnless(sys.platform == "linux", "solo se ve en Linux")

# Lo que se pone en marcha no hereda que se ignore Ctrl+C, ni un entorno particular.
signal.signal(signal.SIGINT, signal.default_int_handler)
PARTICULAR = ("PYTHON", "LC_", "LANG")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(PARTICULAR)}
ENVIRONMENT["INPUTRC"] = os.devnull


class Output:
    """Lo que un programa escribe en un archivo, que se mira a medida que crece."""

    def __init__(self, path, encoding):
        self.path, self.encoding, self.seen = path, encoding, 0

    def new(self):
        """Devuelve lo que hay y aún no se ha mirado."""
        data = self.path.read_bytes().replace(b"\r\n", b"\n")
        return data.decode(self.encoding, "replace")[self.seen :]

    def until(self, expected):
        """Espera a que se escriba `expected` y devuelve lo nuevo hasta ahí."""
        deadline = time.monotonic() + PATIENCE
        while expected not in (text := self.new()):
            if time.monotonic() > deadline:
                raise AssertionError(f"No está {expected[-300:]!r} en {text[-300:]!r}")
            time.sleep(0.005)
        text = text[: text.index(expected) + len(expected)]
        self.seen += len(text)
        return text


class Program:
    """Un programa de Python en marcha, con su salida en dos archivos de `folder`.

    Si se da el tipo de un terminal, en uno; si no, con tuberías.
    """

    def __init__(self, folder, *args, encoding="utf-8", terminal="", stdout=None):
        paths = [pathlib.Path(folder, name) for name in ("out", "err")]
        self.out, self.err = (Output(path, encoding) for path in paths)
        terminal_args = ["-c", IN_TERMINAL, sys.executable] if terminal else []
        with paths[0].open("ab") as out, paths[1].open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, *terminal_args, *map(str, args)],
                bufsize=0,
                cwd=ROOT,
                env=dict(ENVIRONMENT, PYTHONIOENCODING=encoding, TERM=terminal),
                stdin=subprocess.PIPE,
                stdout=stdout or out,
                stderr=err,
            )

    def type(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())

    def signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def proc(self, name):
        """Devuelve lo que Linux dice del proceso en /proc/PID/`name`."""
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


class Case(unittest.TestCase):
    """Una prueba que recoge al acabar lo que puso en marcha."""

    def start(self, *args, **options):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = Program(folder.name, *args, **options)
        self.addCleanup(program.stop)
        return program

    def serve(self, *args, **options):
        """Pone en marcha el servidor en un puerto libre, que anota en `port`."""
        server = self.start(*(args or ("server.py", 0)), **options)
        server.out.until(f"Servidor TCP esperando conexiones en {HOST}:")
        server.port = int(server.out.until("\n"))
        return server

    def connect(self, server):
        return self.own(socket.create_connection((HOST, server.port)))

    def own(self, conn):
        """Prepara un socket para que no espere sin fin ni agrupe envíos."""
        self.addCleanup(conn.close)
        conn.settimeout(PATIENCE)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return conn

    def ends(self, program, status, out="", err="", seconds=PATIENCE):
        """Comprueba que acaba en ese tiempo, cómo y con qué en la consola."""
        self.assertEqual(program.process.wait(seconds), status)
        self.assertEqual(program.out.new(), out)
        self.assertRegex(program.err.new(), rf"\A{err}\Z")


def read(conn, size=None):
    """Lee `size` bytes de un socket, o hasta que se cierre."""
    data = b""
    while size is None or len(data) < size:
        chunk = conn.recv(65536 if size is None else size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def reset(conn):
    """Corta la conexión con RST, como un programa que muere de mala manera."""
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    conn.close()
