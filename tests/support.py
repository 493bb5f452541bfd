"""Lo común a las pruebas: poner en marcha los programas y ver lo que muestran."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest
from subprocess import PIPE, Popen

ROOT = pathlib.Path(__file__).parent.parent
HOST = "127.0.0.1"
PATIENCE = 5  # segundos, que solo se agotan cuando una prueba va a fallar
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
CLOSING = "Cerrando conexión con el servidor...\n"
CONNECTED = "Conexión establecida con el cliente {0}\n"
EXCHANGED = "Mensaje recibido: {}\nRespuesta enviada al cliente: {}\n"
SAID_GOODBYE = """Mensaje recibido: DESCONEXION
El cliente {0} solicita desconexión.
Conexión cerrada con el cliente {0}
"""
ENVIRONMENT = {  # para que lo que se ve no dependa de la máquina en que se prueba
    **{name: value for name, value in os.environ.items() if name[:6] != "PYTHON"},
    "COLUMNS": "80",
    "INPUTRC": os.devnull,
    "PYPY_GC_NURSERY": "1M",  # por omisión, depende de la caché del procesador
    "PYTHON_COLORS": "0",
    "TERM": "xterm",
}

posix_only = unittest.skipIf(os.name == "nt", "Windows no sabe enviar Ctrl+C a otro")

socket.setdefaulttimeout(PATIENCE)
# Si las pruebas van en segundo plano, puede heredarse un Ctrl+C desactivado.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Output:
    """Lo que un programa va escribiendo en un archivo."""

    def __init__(self, program, path):
        self.program = program
        self.path = path
        self.seen = 0  # caracteres ya mirados

    def unseen(self):
        """Devuelve lo que aún no se ha mirado, salvo un carácter a medio escribir."""
        return self.path.read_text(encoding="utf-8", errors="ignore")[self.seen :]

    def watch(self):
        """Da lo que aún no se ha mirado, una y otra vez, mientras pueda cambiar."""
        deadline = time.monotonic() + PATIENCE
        while self.program.process.poll() is None and time.monotonic() < deadline:
            yield self.unseen()
            time.sleep(0.002)
        yield self.unseen()

    def mismatch(self, text):
        unseen = self.unseen()
        same = len(os.path.commonprefix([unseen, text]))  # noqa: RUF071
        at = slice(max(0, same - 40), same + 300)  # cerca de la diferencia
        said = self.program.out.unseen()[-300:] + self.program.err.unseen()[-300:]
        return AssertionError(f"se ve {unseen[at]!r} en lugar de {text[at]!r}\n{said}")

    def until(self, text):
        """Espera a que se vea `text` y devuelve lo que hay antes."""
        for unseen in self.watch():
            if text in unseen:
                before = unseen.partition(text)[0]
                self.seen += len(before + text)
                return before
        raise self.mismatch(text)

    def expect(self, text):
        """Espera a que lo siguiente sea `text`; falla en cuanto es otra cosa."""
        for unseen in self.watch():
            if unseen.startswith(text):
                self.seen += len(text)
                return
            if not text.startswith(unseen):
                break
        raise self.mismatch(text)


class Program:
    """Un programa en marcha; `condition` es una función de conditions.py."""

    def __init__(self, *args, condition=None, encoding="utf-8"):
        launcher = ["tests/conditions.py", condition] if condition else []
        command = [sys.executable, *launcher, *map(str, args)]
        env = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
        self.folder = tempfile.TemporaryDirectory()
        paths = [pathlib.Path(self.folder.name, name) for name in ("out", "err")]
        with paths[0].open("wb") as out, paths[1].open("wb") as err:
            self.process = Popen(
                command, 0, stdin=PIPE, stdout=out, stderr=err, cwd=ROOT, env=env
            )
        self.out, self.err = (Output(self, path) for path in paths)

    def type(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())

    def end(self):
        """Espera a que acabe; devuelve su código (None si no acaba) y lo no mirado."""
        for _ in self.out.watch():
            pass
        return self.process.poll(), self.out.unseen(), self.err.unseen()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        errors = self.err.unseen()
        self.folder.cleanup()
        if "Traceback" in errors:
            raise AssertionError(errors)


class Case(unittest.TestCase):
    """Una prueba que recoge al acabar lo que puso en marcha."""

    @contextlib.contextmanager
    def row(self, *cells):
        """Nombra la fila de una tabla en que falla una prueba, que acaba en ella."""
        try:
            yield
        except (AssertionError, OSError) as error:
            self.fail(f"en la fila {cells!r:.300}: {error!r}")

    def start(self, *args, **options):
        program = Program(*args, **options)
        self.addCleanup(program.stop)
        return program

    def serve(self, port=0, **options):
        """Pone en marcha el servidor; el puerto, por omisión uno libre, es `port`."""
        server = self.start("server.py", port, **options)
        server.out.expect(f"Servidor TCP esperando conexiones en {HOST}:")
        server.port = int(server.out.until("\n"))
        return server

    def connect(self, server):
        conn = socket.create_connection((HOST, server.port))
        self.addCleanup(conn.close)
        return conn


def reset(conn):
    """Corta la conexión con RST, como un programa que muere de mala manera."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
