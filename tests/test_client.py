"""El cliente, visto por sus servidores y por quien lo usa."""

import contextlib
import importlib.util
import socket
import time
import unittest

from tests.support import (
    CLOSING,
    HOST,
    LIKE_IDLE,
    PROMPT,
    Case,
    posix_only,
    read,
    reset,
)

LOST = "Se perdió la conexión con el servidor.\n"
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente.\n"

REPLIES = {  # lo que responde el servidor, por trozos, y lo que se muestra
    b"\n": "",
    b" HOLA \r\n\n": " HOLA ",
    b"H|O|L|A|\n": "HOLA",
    b"A\xc3|\x91\n": "AÑ",
    "A\tB\u00a0C 👩\u200d👧 \\ '\x1b[1m\n".encode(): "A\tB\u00a0C 👩\u200d👧 \\ '\x1b[1m",
    b"\xff A\xc3\n": "\ufffd A\ufffd",
    b"X" * 500_000 + b"\n": "X" * 500_000,
}
FAST_CLOCK = """if True:  # diez veces más rápido
    import select, socket
    wait, settimeout = select.select, socket.socket.settimeout
    select.select = lambda r, w, x, seconds: wait(r, w, x, seconds / 10)
    socket.socket.settimeout = lambda conn, seconds: settimeout(conn, seconds / 10)
"""
INPUT_FAILS = """if True:
    import sys
    class Stdin:
        def readline(self):
            raise OSError("no hay teclado")
    sys.stdin = Stdin()
"""


class ClientCase(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def meet(self, **options):
        """Pone en marcha el cliente, lo acepta y espera a que pida una línea."""
        self.client = self.start("client.py", self.port, **options)
        self.conn = self.own(self.listener.accept()[0])
        self.client.out.until(PROMPT)

    def sends(self, typed, message=None):
        """Comprueba que lo tecleado llega de una vez, como `message` si se da."""
        self.client.type(typed)
        message = typed.encode() if message is None else message
        self.assertEqual(self.conn.recv(1024), message)

    def shows(self, reply):
        """Comprueba que muestra la respuesta y pide otra línea."""
        self.client.out.expect(f"Respuesta del servidor: {reply}\n{PROMPT}")

    @contextlib.contextmanager
    def lasting(self, least, most):
        """Comprueba que el bloque dura entre `least` y `most` segundos."""
        start = time.monotonic()
        yield
        elapsed = time.monotonic() - start
        self.assertTrue(least <= elapsed <= most, f"dura {elapsed:.2f} segundos")


class TalkTest(ClientCase):
    def test_messages(self):
        """Cada línea se envía con un salto, y se muestra su respuesta sin demora."""
        self.meet()
        with self.lasting(0, 3):  # con 0.3 segundos de silencio cada una, serían 9
            for line in ["hola\n", "\n", " ñ 😀 \n", " DESCONEXION \n", "a\tb\n"] * 6:
                self.sends(line)
                self.conn.sendall(b"SI\n")
                self.shows("SI")

    def test_replies(self):
        """La respuesta se espera entera y se muestra como llegó."""
        self.meet()
        for reply, shown in REPLIES.items():
            self.sends("hola\n")
            for piece in reply.split(b"|"):
                self.conn.sendall(piece)
                time.sleep(0.02)  # menos que los 0.3 s que acaban una respuesta
            self.shows(shown)

    def test_silence_ends_a_reply(self):
        """Sin salto de línea, la respuesta acaba tras 0.3 segundos de silencio."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(0.25, 0.9):
            self.conn.sendall(b"HOLA")
            self.shows("HOLA")

    def test_what_came_before(self):
        """Lo que llegó antes de enviar una línea no es su respuesta."""
        self.meet()
        for early in b"Bienvenido\n", b"TARDE\nMAL", b"X" * 400_000:
            self.conn.sendall(early)
            self.sends("hola\n")
            self.conn.sendall(b"HOLA\n")
            self.shows("HOLA")

    def test_public_servers(self):
        """Habla con los servidores para los que un recv es un mensaje."""
        self.meet()
        self.client.type("hola\nñandú\nDESCONEXION\n")
        while (message := self.conn.recv(1024)) != b"DESCONEXION":
            self.conn.sendall(message.decode().strip().upper().encode())
        self.shows("HOLA")
        self.shows("ÑANDÚ")
        self.client.ends(0, CLOSING)

    def test_long_line(self):
        """Una línea de un mebibyte se responde como otra cualquiera."""
        self.client = self.start("client.py", self.serve().port)
        self.client.out.until(PROMPT)
        for line in "x" * 2**20, "ñ" * 2**19, "y":
            self.client.type(line + "\n")
            self.shows(line.upper())

    def test_encodings(self):
        """Lo que no puede leer se convierte en �; lo que no puede mostrar, en código."""
        for options, typed, message, shown in (
            ({}, b"\xff\xc3\n", "\ufffd\ufffd\n", "Ñ€😀"),
            ({"encoding": "ascii"}, b"\xc3\n", "\ufffd\n", r"\xd1\u20ac\U0001f600"),
            ({"encoding": "cp1252"}, b"\xf1\x81\n", "ñ\ufffd\n", r"Ñ€\U0001f600"),
            ({"before": LIKE_IDLE}, "ñ\n", "ñ\n", "Ñ€😀"),
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
        client = self.start("client.py", server.port)
        client.out.until(PROMPT)
        client.type("hola\n")
        with self.lasting(1.8, 2.4):
            client.err.expect(BUSY)
        first.sendall(b"sigo\n")  # que no habla desde hace dos segundos
        self.assertEqual(read(first, 5), b"SIGO\n")
        first.close()
        client.out.expect(f"Respuesta del servidor: HOLA\n{PROMPT}")

    def test_only_one_notice(self):
        """Avisa una vez por línea, y sigue esperando."""
        self.meet(before=FAST_CLOCK)
        for line in "uno\n", "dos\n":
            self.sends(line)
            self.client.err.expect(BUSY)
            time.sleep(0.5)  # cinco segundos de los suyos
            self.conn.sendall(b"YA\n")
            self.shows("YA")
        self.client.type("DESCONEXION\n")
        self.client.ends(0, CLOSING)

    def test_stuck_server(self):
        """Si no cabe más y nadie lee, a los diez segundos la conexión está perdida."""
        self.meet(before=FAST_CLOCK)
        with self.lasting(0.8, 3):
            self.client.type("x" * 2**24 + "\n")
            self.client.ends(1, "", LOST)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C acaba la espera en menos de un segundo."""
        self.meet()
        self.sends("hola\n")
        self.client.signal("SIGINT")
        self.client.ends(130, err="\n", seconds=1)


class EndTest(ClientCase):
    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y acaba, sin esperar."""
        for typed, shown in ("DESCONEXION\n", CLOSING), ("", "\n" + CLOSING):
            self.meet()
            self.client.type(typed)
            self.client.process.stdin.close()
            self.assertEqual(read(self.conn), b"DESCONEXION")
            self.client.ends(0, shown, seconds=1)

    def test_no_server(self):
        """Sin servidor lo dice en una línea, con la dirección y qué hacer."""
        closed = self.own(socket.socket())
        closed.bind((HOST, 0))
        # Con 65536 de más, un puerto que no existe; Linux podría tomarlo por el nuestro.
        for port in closed.getsockname()[1], self.port + 65536, 10**21:
            complaint = f"No hay servidor en {HOST}:{port}: inicia primero server.py.\n"
            self.start("client.py", port).ends(1, err=complaint)

    def test_server_leaves(self):
        """Si el servidor cierra tras responder, se ve en el mensaje siguiente."""
        for typed, end in ("adiós\n", (1, "", LOST)), ("DESCONEXION\n", (0, CLOSING)):
            self.meet()
            self.sends("hola\n")
            self.conn.sendall(b"HO")
            self.conn.close()
            self.shows("HO")
            self.client.type(typed)
            self.client.ends(*end)

    def test_connection_lost(self):
        """Si se corta o se cierra sin respuesta, antes o después de enviar, lo dice."""
        for leave in socket.socket.close, reset:
            for line in "hola\n", "":
                self.meet()
                self.client.type(line)
                self.assertEqual(read(self.conn, len(line)), line.encode())
                leave(self.conn)
                self.client.type("" if line else "hola\n")
                self.client.ends(1, "", LOST)

    def test_goodbye_after_reset(self):
        """Se despide sin quejas de un servidor que ya no está."""
        self.meet()
        reset(self.conn)
        self.client.type("DESCONEXION\n")
        self.client.ends(0, CLOSING)

    def test_other_errors(self):
        """Un error que no es de la conexión no pasa por serlo."""
        client = self.start("client.py", self.port, before=INPUT_FAILS)
        client.err.until("no hay teclado\n")
        client.ends(1, f"Se establece una conexión con el servidor.\n{PROMPT}")


@unittest.skipUnless(importlib.util.find_spec("termios"), "no hay pseudoterminales")
class TerminalTest(ClientCase):
    def test_end_of_input(self):
        """Ctrl+D se despide, en otra línea."""
        self.meet(terminal="dumb")
        self.sends("ñu\r", "ñu\n".encode())
        self.client.out.expect("ñu\n")
        self.conn.sendall(b"HOLA\n")
        self.shows("HOLA")
        self.client.type("\x04")
        self.assertEqual(read(self.conn), b"DESCONEXION")
        self.client.ends(0, "\n" + CLOSING)

    def test_interrupt(self):
        """Ctrl+C en la petición acaba sin despedirse, en otra línea."""
        self.meet(terminal="dumb")
        self.client.type("a medias")
        self.client.out.expect("a medias")  # Ctrl+C descarta lo que no se ha leído
        self.client.type("\x03")
        self.assertEqual(read(self.conn), b"")
        self.client.out.until("\n")  # puede haber ^C antes
        self.client.ends(130)

    @unittest.skipUnless(importlib.util.find_spec("readline"), "no hay readline")
    def test_editing(self):
        """Se puede corregir la línea y recuperar las anteriores."""
        self.meet(terminal="xterm")
        self.sends("uno\r", b"uno\n")
        self.conn.sendall(b"UNO\n")
        self.client.out.until(PROMPT)
        self.sends("\x10\x01dos \r", b"dos uno\n")  # anterior, al principio, dos
