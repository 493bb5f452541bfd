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
PATIENCE = 5  # segundos, que solo se agotan cuando una prueba va a fallar
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
CLOSING = "Cerrando conexión con el servidor...\n"

posix_only = unittest.skipIf(os.name == "nt", "Windows no sabe enviar Ctrl+C a otro")
linux_only = unittest.skipUnless(sys.platform == "linux", "solo se ve en Linux")


class Output:
    """Lo que un programa va escribiendo en un archivo."""

    def __init__(self, program, path, encoding, newline):
        self.program = program
        self.file = path.open(encoding=encoding, errors="replace", newline=newline)
        self.new = ""  # lo que aún no se ha mirado

    def peek(self):
        """Devuelve lo que aún no se ha mirado, que sigue sin mirarse."""
        self.new += self.file.read()
        return self.new

    def wait(self, text, enough):
        """Espera a que lo nuevo cumpla `enough`; falla si el programa acaba antes."""
        deadline = time.monotonic() + PATIENCE
        while not enough(self.peek()):
            ended = self.program.process.poll() is not None
            if time.monotonic() > deadline or (ended and not enough(self.peek())):
                self.fail(text)
            time.sleep(0.005)

    def fail(self, text):
        came = f"se ve {self.new[: len(text) + 80]!r:.300} en lugar de {text!r:.200}"
        raise AssertionError(f"{came}\n{self.program.err.peek()}")

    def expect(self, text):
        """Comprueba que lo siguiente es `text`; falla en cuanto es otra cosa."""
        self.wait(text, lambda new: len(new) >= len(text) or not text.startswith(new))
        if not self.new.startswith(text):
            self.fail(text)
        self.new = self.new[len(text) :]

    def until(self, text):
        """Espera a que se vea `text` y devuelve lo que hay antes."""
        self.wait(text, lambda new: text in new)
        before, _, self.new = self.new.partition(text)
        return before


class Program:
    """Un programa en marcha; `condition` es una función de conditions.py."""

    def __init__(self, *args, condition=None, encoding="utf-8", term="dumb"):
        command = [sys.executable, *map(str, args)]
        if condition:
            command[1:1] = [str(ROOT / "tests" / "conditions.py"), condition]
        # Lo que se ve no depende del entorno en que se prueba.
        personal = ("PYTHON", "LC_", "LANG")
        env = {k: v for k, v in os.environ.items() if not k.startswith(personal)}
        env.update(PYTHONIOENCODING=encoding, TERM=term, INPUTRC=os.devnull)
        # Windows y los terminales añaden un \r a cada \n; None lo quita.
        newline = None if os.name == "nt" or condition == "terminal" else ""
        self.folder = tempfile.TemporaryDirectory()
        paths = [pathlib.Path(self.folder.name, name) for name in ("out", "err")]
        with paths[0].open("wb") as out, paths[1].open("wb") as err:
            pipes = {"stdin": subprocess.PIPE, "stdout": out, "stderr": err}
            options = {"bufsize": 0, "cwd": ROOT, "env": env, **pipes}
            self.process = subprocess.Popen(command, **options)
        self.out, self.err = (Output(self, path, encoding, newline) for path in paths)

    def type(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())

    def ends(self, code, out="", err=""):
        """Comprueba que acaba, con ese código y esa salida."""
        came = [self.process.wait(PATIENCE), self.out.peek(), self.err.peek()]
        if came != [code, out, err]:
            came = f"acaba con {came!r:.300}"
            raise AssertionError(f"{came} en lugar de {[code, out, err]!r:.300}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        errors = self.err.peek()
        for file in self.process.stdin, self.out.file, self.err.file:
            file.close()
        self.folder.cleanup()
        if "Traceback" in errors:
            raise AssertionError(errors)


class Case(unittest.TestCase):
    """Una prueba que recoge al acabar lo que puso en marcha."""

    @classmethod
    def setUpClass(cls):
        socket.setdefaulttimeout(PATIENCE)
        # Si las pruebas van en segundo plano, puede heredarse un Ctrl+C desactivado.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(self, result=None):
        # Un fallo basta: si el servidor no responde, esperarían en vano casi todas.
        result.failfast = True
        return super().run(result)

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
        return self.ready(socket.create_connection((HOST, server.port)))

    def ready(self, conn):
        """Devuelve `conn`, que no agrupará envíos y se cerrará al acabar."""
        self.addCleanup(conn.close)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return conn


def receive(conn, size=None):
    """Lee `size` bytes de un socket, o hasta que se cierre."""
    data = b""
    try:
        while size is None or len(data) < size:
            chunk = conn.recv(65536 if size is None else size - len(data))
            if not chunk:
                break
            data += chunk
    except socket.timeout:
        data += b" (y nada, ni siquiera el final)"
    return data


def reset(conn):
    """Corta la conexión con RST, como un programa que muere de mala manera."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
