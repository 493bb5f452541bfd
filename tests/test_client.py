"""El cliente, visto por sus servidores y por quien lo usa."""

import contextlib
import importlib.util
import os
import socket
import time
import unittest

from tests.support import (
    CLOSING,
    HOST,
    PATIENCE,
    PROMPT,
    SHOWN,
    Case,
    posix_only,
    read,
    reset,
)

LOST = "Se perdió la conexión con el servidor.\n"
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente.\n"

REPLIES = {  # lo que responde el servidor, por trozos, y lo que se muestra
    **SHOWN,
    b"H|O|L|A|\n": "HOLA",
    b"A\xc3|\x91\n": "AÑ",
    b"X" * 500_000 + b"\n": "X" * 500_000,
}


class ClientCase(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.addCleanup(self.listener.close)
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]

    def meet(self, *args, **options):
        """Pone en marcha el cliente, lo acepta y espera a que pida una línea."""
        self.client = self.start(*(args or ("client.py",)), self.port, **options)
        self.conn = self.own(self.listener.accept()[0])
        self.client.out.until(PROMPT)

    def sends(self, typed, message=None):
        """Comprueba que lo tecleado llega al servidor como `message`."""
        self.client.type(typed)
        message = typed.encode() if message is None else message
        self.assertEqual(read(self.conn, len(message)), message)

    def shows(self, reply):
        """Comprueba que muestra la respuesta y pide otra línea."""
        shown = self.client.out.until(PROMPT)
        expected = f"Respuesta del servidor: {reply}\n{PROMPT}"
        self.assertTrue(shown == expected, shown[:100])

    @contextlib.contextmanager
    def lasting(self, least, most):
        """Comprueba que el bloque dura entre `least` y `most` segundos."""
        start = time.monotonic()
        yield
        elapsed = time.monotonic() - start
        self.assertTrue(least <= elapsed <= most, elapsed)


class TalkTest(ClientCase):
    def test_messages(self):
        """Cada línea se envía con un salto, y se muestra su respuesta sin demora."""
        self.meet()
        with self.lasting(0, 3):  # con 0,3 segundos de silencio cada una, serían 6
            for line in ["hola\n", "\n", " ñ 😀 \n", "desconexion\n"] * 5:
                self.sends(line)
                self.conn.sendall(b"SI\n")
                self.shows("SI")

    def test_replies(self):
        """La respuesta se espera entera y se muestra en una línea, escapada."""
        self.meet()
        for reply, shown in REPLIES.items():
            with self.subTest(reply[:40]):
                self.sends("hola\n")
                for piece in reply.split(b"|"):
                    self.conn.sendall(piece)
                    time.sleep(0.02)  # menos que los 0,3 s que acaban una respuesta
                self.shows(shown)

    def test_silence_ends_a_reply(self):
        """Sin salto de línea, la respuesta acaba tras 0,3 segundos de silencio."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(0.25, 2):
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
        for strip in False, True:
            with self.subTest(strip=strip):
                self.meet()
                self.client.type("hola\nñandú\nDESCONEXION\n")
                while True:
                    text = self.conn.recv(1024).decode()
                    text = text.strip() if strip else text
                    if text == "DESCONEXION":
                        break
                    self.conn.sendall(text.upper().encode())
                self.shows("HOLA")
                self.shows("ÑANDÚ")
                self.ends(self.client, 0, CLOSING)

    def test_long_line(self):
        """Una línea de un mebibyte se responde como otra cualquiera."""
        self.client = self.start("client.py", self.serve().port)
        self.client.out.until(PROMPT)
        for line in "x" * 2**20, "ñ" * 2**19, "y":
            self.client.type(line + "\n")
            self.shows(line.upper())

    def test_encodings(self):
        """Ni lo que lee ni lo que recibe lo detiene, sea cual sea la codificación."""
        for encoding, typed, message, shown in (
            ("utf-8", b"\xff\xc3\n", b"\xff\xc3\n", "Ñ€😀"),
            ("ascii", b"\xc3\xb1\n", b"\xc3\xb1\n", r"\xd1\u20ac\U0001f600"),
            ("cp1252", b"\xf1\x81\n", b"\xc3\xb1\x81\n", r"Ñ€\U0001f600"),
        ):
            with self.subTest(encoding):
                self.meet(encoding=encoding)
                self.sends(typed, message)
                self.conn.sendall("Ñ€😀\n".encode())
                self.shows(shown)


class WaitTest(ClientCase):
    def test_notice(self):
        """A los dos segundos sin respuesta avisa, una vez, y sigue esperando."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(1.8, 2.4):
            self.client.err.until(BUSY)
        time.sleep(2.2)  # lo que tardaría un segundo aviso
        self.assertEqual(self.client.err.new(), "")
        self.conn.sendall(b"HOLA\n")
        self.shows("HOLA")

    @posix_only
    def test_interrupt(self):
        """Ctrl+C acaba la espera en menos de un segundo."""
        self.meet()
        self.sends("hola\n")
        self.client.signal("SIGINT")
        self.ends(self.client, 130, err="\n", seconds=1)


class EndTest(ClientCase):
    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y acaba, sin esperar."""
        for typed, shown in ("DESCONEXION\n", CLOSING), ("", "\n" + CLOSING):
            with self.subTest(typed):
                self.meet()
                self.client.type(typed)
                self.client.process.stdin.close()
                self.assertEqual(read(self.conn), b"DESCONEXION")
                self.ends(self.client, 0, shown, seconds=1)

    def test_no_server(self):
        """Sin servidor lo dice en una línea, con la dirección y qué hacer."""
        with socket.socket() as closed:
            closed.bind((HOST, 0))
            port = closed.getsockname()[1]
            client = self.start("client.py", port)
            self.ends(client, 1, err=rf".*{HOST}:{port}\b.*server\.py.*\n")

    def test_server_gone(self):
        """Si el servidor se va, muestra lo que llegó; si no llegó nada, lo dice."""
        for leave in socket.socket.close, reset:
            for typed, *end in ("hola\n", 1, "", LOST), ("DESCONEXION\n", 0, CLOSING):
                with self.subTest(leave.__name__, typed=typed):
                    self.meet()
                    self.sends("hola\n")
                    self.conn.sendall(b"HOLA")
                    time.sleep(0.1)  # menos que los 0,3 s que acaban una respuesta
                    leave(self.conn)
                    self.shows("HOLA")
                    self.client.type(typed)
                    self.ends(self.client, *end)
            for before, after in ("hola\n", ""), ("", "hola\n"):
                with self.subTest(leave.__name__, before=before):
                    self.meet()
                    self.sends(before)
                    leave(self.conn)
                    self.client.type(after)
                    self.ends(self.client, 1, "", LOST)

    def test_stuck_server(self):
        """Si no cabe más y nadie lee, a los diez segundos la conexión está perdida."""
        program = """if True:  # con un reloj diez veces más rápido
            import runpy, socket
            connect = socket.create_connection
            def hurry(address, timeout):
                return connect(address, timeout / 10)
            socket.create_connection = hurry
            runpy.run_path("client.py", run_name="__main__")
        """
        self.meet("-c", program)
        with self.lasting(0.8, 4):
            self.client.type("x" * 2**24 + "\n")
            self.ends(self.client, 1, "", LOST)

    def test_nobody_reads(self):
        """Si nadie lee ya su salida, no culpa al servidor."""
        reading, writing = os.pipe()
        client = self.start("client.py", self.port, stdout=writing)
        os.close(writing)
        conn = self.own(self.listener.accept()[0])
        os.close(reading)
        client.type("hola\n")
        self.assertEqual(read(conn, 5), b"hola\n")
        conn.sendall(b"HOLA\n")
        client.process.stdin.close()
        client.process.wait(PATIENCE)
        self.assertNotIn(LOST, client.err.new())


@unittest.skipUnless(importlib.util.find_spec("termios"), "no hay pseudoterminales")
class TerminalTest(ClientCase):
    def meet(self, terminal="dumb"):
        super().meet(terminal=terminal)

    def test_end_of_input(self):
        """Ctrl+D se despide, en otra línea."""
        self.meet()
        self.sends("ñu\r", "ñu\n".encode())
        self.conn.sendall(b"HOLA\n")
        shown = f"ñu\nRespuesta del servidor: HOLA\n{PROMPT}"
        self.assertEqual(self.client.out.until(PROMPT), shown)
        self.client.type("\x04")
        self.assertEqual(read(self.conn), b"DESCONEXION")
        self.ends(self.client, 0, "\n" + CLOSING)

    def test_interrupt(self):
        """Ctrl+C en la petición acaba sin despedirse, en otra línea."""
        self.meet()
        self.client.type("a medias")
        self.client.out.until("a medias")  # lo que no se ha leído, Ctrl+C lo descarta
        self.client.type("\x03")
        self.assertEqual(read(self.conn), b"")
        self.assertEqual(self.client.process.wait(PATIENCE), 130)
        self.assertRegex(self.client.out.new(), r"\A(\^C)?\n\Z")

    @unittest.skipUnless(importlib.util.find_spec("readline"), "no hay readline")
    def test_editing(self):
        """Se puede corregir la línea y recuperar las anteriores."""
        self.meet("xterm")
        self.sends("uno\r", b"uno\n")
        self.conn.sendall(b"UNO\n")
        self.client.out.until(PROMPT)
        self.sends("\x10\x01dos \r", b"dos uno\n")  # anterior, al principio, dos
