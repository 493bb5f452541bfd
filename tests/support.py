"""Lo común a las pruebas: poner en marcha los programas y ver lo que muestran."""

import os
import pathlib
import reprlib
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
PATIENCE = 8  # segundos, que solo se agotan cuando una prueba va a fallar
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
CLOSING = "Cerrando conexión con el servidor...\n"

IN_TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
PREPARED = """{}
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LIKE_IDLE = """if True:  # sin reconfigure en la consola, y sin el módulo readline
    import sys
    from types import SimpleNamespace
    sys.stdout.reconfigure(line_buffering=True)
    stdin, stdout = sys.stdin, sys.stdout
    sys.stdin = SimpleNamespace(readline=stdin.readline)
    sys.stdout = SimpleNamespace(write=stdout.write, flush=stdout.flush)
    sys.modules["readline"] = None  # import readline lanza ImportError
"""

posix_only = unittest.skipIf(os.name == "nt", "Windows no tiene señales")
linux_only = unittest.skipUnless(sys.platform == "linux", "solo se ve en Linux")

brief = reprlib.Repr()  # repr, pero sin los kilobytes del medio
brief.maxstring = 200


class Output:
    """Lo que un programa va escribiendo en un archivo."""

    def __init__(self, path, encoding, newline):
        self.file = path.open(encoding=encoding, errors="replace", newline=newline)
        self.new = ""  # lo que aún no se ha mirado

    def peek(self):
        """Devuelve lo que aún no se ha mirado, que sigue sin mirarse."""
        self.new += self.file.read()
        return self.new

    def wait(self, enough):
        """Espera a que lo nuevo cumpla `enough`, o a que se acabe la paciencia."""
        deadline = time.monotonic() + PATIENCE
        while not enough(self.peek()) and time.monotonic() < deadline:
            time.sleep(0.005)

    def expect(self, text):
        """Comprueba que lo siguiente es `text`; falla en cuanto es otra cosa."""
        self.wait(lambda new: len(new) >= len(text) or not text.startswith(new))
        if not self.new.startswith(text):
            came = brief.repr(self.new[: len(text) + 80])
            raise AssertionError(f"se ve {came} en lugar de {brief.repr(text)}")
        self.new = self.new[len(text) :]

    def until(self, text):
        """Espera a que se vea `text` y devuelve lo que hay antes."""
        self.wait(lambda new: text in new)
        if text not in self.new:
            raise AssertionError(f"no está {text!r} en {brief.repr(self.new)}")
        before, _, self.new = self.new.partition(text)
        return before


class Program:
    """Un programa en marcha, con su salida en dos archivos.

    Si se da `prepare`, es código que se ejecuta antes; si se da `term`, está en un
    terminal de ese tipo.
    """

    def __init__(self, *args, encoding="utf-8", prepare="", term=""):
        command = [sys.executable, *map(str, args)]
        if prepare:
            command[1:1] = ["-c", PREPARED.format(prepare)]
        if term:
            command = [sys.executable, "-c", IN_TERMINAL, *command]
        # Lo que se ve no depende del entorno en que se prueba.
        personal = ("PYTHON", "LC_", "LANG")
        env = {k: v for k, v in os.environ.items() if not k.startswith(personal)}
        env.update(PYTHONIOENCODING=encoding, TERM=term, INPUTRC=os.devnull)
        newline = None if term or os.name == "nt" else ""  # None: \r\n se lee \n
        self.folder = tempfile.TemporaryDirectory()
        paths = [pathlib.Path(self.folder.name, name) for name in ("out", "err")]
        with paths[0].open("wb") as out, paths[1].open("wb") as err:
            pipes = {"stdin": subprocess.PIPE, "stdout": out, "stderr": err}
            self.process = subprocess.Popen(
                command, bufsize=0, cwd=ROOT, env=env, **pipes
            )
        self.out, self.err = (Output(path, encoding, newline) for path in paths)

    def type(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())

    def ends(self, code, out="", err="", seconds=PATIENCE):
        """Comprueba que acaba a tiempo, con ese código y esa salida."""
        came = [self.process.wait(seconds), self.out.peek(), self.err.peek()]
        if came != [code, out, err]:
            came = brief.repr(came)
            raise AssertionError(f"acaba con {came} en lugar de {[code, out, err]}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        for file in self.process.stdin, self.out.file, self.err.file:
            file.close()
        self.folder.cleanup()


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
        return self.prepared(socket.create_connection((HOST, server.port)))

    def prepared(self, conn):
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
