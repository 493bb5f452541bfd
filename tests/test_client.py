"""El cliente, visto por sus servidores y por quien lo usa."""

import contextlib
import importlib.util
import signal
import socket
import time
import unittest

from tests.support import CLOSING, HOST, PROMPT, Case, posix_only, receive, reset

LOST = "Se perdió la conexión con el servidor.\n"
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente.\n"
REPLIES = {  # lo que responde el servidor, por trozos, y lo que se muestra
    b"\n": "",
    b" HOLA \r\n\n": " HOLA ",
    b"\nHOLA\n": "\nHOLA",
    b"H|O|L|A|\n": "HOLA",
    b"A\xc3|\x91\n": "AÑ",
    "\ufeff\t\u00a0 👩\u200d👧\x1b[1mx\n".encode(): "\ufeff\t\u00a0 👩\u200d👧\x1b[1mx",
    b"\xff A\xc3\n": "\ufffd A\ufffd",
    b"X" * 500_000 + b"\n": "X" * 500_000,
}


class ClientCase(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def meet(self, **options):
        """Pone en marcha el cliente, espera a que pida una línea y lo acepta."""
        self.client = self.start("client.py", self.port, **options)
        self.client.out.until(PROMPT)
        self.conn = self.ready(self.listener.accept()[0])

    def sends(self, typed, message=None):
        """Comprueba que lo tecleado llega de una vez, como `message` si se da."""
        self.client.type(typed)
        message = typed.encode() if message is None else message
        self.assertEqual(self.conn.recv(1024), message)

    def shows(self, text):
        """Comprueba que muestra la respuesta y pide otra línea."""
        self.client.out.expect(f"Respuesta del servidor: {text}\n{PROMPT}")

    @contextlib.contextmanager
    def lasting(self, least, most):
        """Comprueba que el bloque dura entre `least` y `most` segundos."""
        start = time.monotonic()
        yield
        elapsed = time.monotonic() - start
        self.assertTrue(least <= elapsed <= most, f"dura {elapsed:.2f} segundos")


class TalkTest(ClientCase):
    def test_messages(self):
        """Cada línea se envía con un \\n, y su respuesta se ve sin esperas."""
        self.meet(condition="slow_clock")
        for line in "hola\n", "\n", " ñ 😀 \n", " DESCONEXION \n", "desconexion\n":
            self.sends(line)
            self.conn.sendall(b"SI\n")
            self.shows("SI")

    def test_replies(self):
        """La respuesta se espera entera y se muestra como llegó."""
        self.meet(condition="slow_clock")
        for reply, shown in REPLIES.items():
            self.sends("hola\n")
            for piece in reply.split(b"|"):
                self.conn.sendall(piece)
                time.sleep(0.02)  # para que lleguen por separado
            self.shows(shown)

    def test_reply_without_newline(self):
        """Sin salto de línea, la respuesta acaba tras medio segundo de silencio."""
        self.meet()
        with self.lasting(0.9, 2.5):
            for line in "hola", "ñandú":
                self.sends(line + "\n")
                self.conn.sendall(line.upper().encode())
                self.shows(line.upper())

    def test_long_line(self):
        """Una línea de un mebibyte se responde entera, aun con una consola lenta."""
        server = self.serve(condition="slow_console")
        self.client = self.start("client.py", server.port)
        self.client.out.until(PROMPT)
        for line in "x" * 2**20, "y":
            self.client.type(line + "\n")
            self.shows(line.upper())

    def test_consoles(self):
        """Lo que no puede leer es �, y lo que no puede mostrar, código."""
        for options, typed, message, shown in (
            ({}, b"\xff\xc3\n", "\ufffd\ufffd\n", "Ñ€😀"),
            ({"encoding": "ascii"}, b"\xc3\n", "\ufffd\n", r"\xd1\u20ac\U0001f600"),
            ({"encoding": "cp1252"}, b"\xf1\x81\n", "ñ\ufffd\n", r"Ñ€\U0001f600"),
            ({"condition": "like_idle"}, "ñ\n", "ñ\n", "Ñ€😀"),
            ({"condition": "old_readline"}, "ñ\n", "ñ\n", "Ñ€😀"),
        ):
            self.meet(**options)
            self.sends(typed, message.encode())
            self.conn.sendall("Ñ€😀\n".encode())
            self.shows(shown)


class WaitTest(ClientCase):
    def test_busy_server(self):
        """A los dos segundos sin respuesta avisa; responde cuando le llega el turno."""
        server = self.serve()
        first = self.connect(server)
        self.client = self.start("client.py", server.port)
        self.client.out.until(PROMPT)
        self.client.type("hola\n")
        with self.lasting(1.8, 2.4):
            self.client.err.expect(BUSY)
        first.sendall(b"sigo\n")  # tras dos segundos de silencio
        self.assertEqual(receive(first, 5), b"SIGO\n")
        first.close()
        self.shows("HOLA")

    def test_only_one_notice(self):
        """Avisa una vez por línea, y sigue esperando."""
        self.meet(condition="fast_clock")
        for line in "uno\n", "dos\n":
            self.sends(line)
            self.client.err.expect(BUSY)
            time.sleep(0.3)  # otros tres segundos, para él
            self.conn.sendall(b"YA\n")
            self.shows("YA")
        self.assertEqual(self.client.err.peek(), "")

    def test_stuck_server(self):
        """Si no cabe más y nadie lee, a los diez segundos la conexión está perdida."""
        self.meet(condition="fast_clock")
        with self.lasting(0.8, 3):
            self.client.type("x" * 2**24 + "\n")
            self.client.ends(1, "", LOST)


class EndTest(ClientCase):
    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y acaba, sin esperar."""
        for typed, shown in ("DESCONEXION\n", CLOSING), ("", "\n" + CLOSING):
            self.meet()
            with self.lasting(0, 1):
                self.client.type(typed)
                self.client.process.stdin.close()
                self.assertEqual(receive(self.conn), b"DESCONEXION")
                self.client.ends(0, shown)

    def test_no_server(self):
        """Sin servidor lo dice en una línea, con la dirección y qué hacer."""
        with socket.socket() as bound:
            bound.bind((HOST, 0))  # sin listen
            # Los otros puertos no existen, aunque podría tomarse uno por self.port.
            for port in bound.getsockname()[1], self.port + 65536, 10**21:
                told = f"{HOST}:{port}: inicia server.py {port}.\n"
                self.start("client.py", port).ends(1, err=f"No hay servidor en {told}")

    def test_lost(self):
        """Si el servidor se va, o corta la conexión, media respuesta no vale."""
        for leave in socket.socket.close, reset:
            for reply in b"", b"MITA":
                self.meet()
                self.sends("hola\n")
                self.conn.sendall(reply)
                leave(self.conn)
                self.client.ends(1, "", LOST)

    def test_lost_before(self):
        """La ausencia del servidor se nota en el mensaje siguiente."""
        for leave in socket.socket.close, reset:
            for typed, *end in ("hola\n", 1, "", LOST), ("DESCONEXION\n", 0, CLOSING):
                self.meet()
                leave(self.conn)
                self.client.type(typed)
                self.client.ends(*end)

    def test_other_errors(self):
        """Un error que no es de la conexión se muestra como lo que es."""
        client = self.start("client.py", self.port, condition="no_keyboard")
        client.err.until("OSError: no se puede\n")

    @posix_only
    def test_interrupt(self):
        """Ctrl+C acaba sin despedirse, y sin escribir en una salida ya cerrada."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(0, 1):
            self.client.process.send_signal(signal.SIGINT)
            self.assertEqual(receive(self.conn), b"")
            self.client.ends(130, "", "\n")


@unittest.skipUnless(importlib.util.find_spec("termios"), "no hay pseudoterminales")
class TerminalTest(ClientCase):
    @unittest.skipUnless(importlib.util.find_spec("readline"), "no hay readline")
    def test_editing(self):
        """Se recuperan y corrigen las líneas anteriores; Ctrl+D se despide."""
        self.meet(condition="terminal", term="xterm")
        self.sends("uno\r", b"uno\n")
        self.conn.sendall(b"HOLA\n")
        self.client.out.until("Respuesta del servidor: HOLA\n")
        self.client.out.until(PROMPT)
        self.sends("\x10\x01dos \r", b"dos uno\n")  # anterior, al principio, dos
        self.conn.sendall(b"HOLA\n")
        self.client.out.until(PROMPT)
        self.client.type("\x04")
        self.assertEqual(receive(self.conn), b"DESCONEXION")
        self.client.out.until(CLOSING)
        self.client.ends(0)

    def test_interrupt(self):
        """Ctrl+C, al pedir o al esperar, acaba sin despedirse, en otra línea."""
        for typed, echo, sent in ("a", "a", b""), ("a\r", "a\n", b"a\n"):
            self.meet(condition="terminal")
            self.client.type(typed)
            self.client.out.expect(echo)  # antes, Ctrl+C descartaría lo tecleado
            self.assertEqual(receive(self.conn, len(sent)), sent)
            with self.lasting(0, 1):
                self.client.type("\x03")
                self.assertEqual(receive(self.conn), b"")
            self.client.out.until("\n")  # puede haber ^C antes
            self.client.ends(130)
