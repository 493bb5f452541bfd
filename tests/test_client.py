"""El cliente, visto por sus servidores y por quien lo usa."""

import importlib.util
import os
import socket
import sys
import time
import unittest

from tests.support import (
    CLOSING,
    GREETING,
    HOST,
    PATIENCE,
    PROMPT,
    Case,
    needs_terminal,
    posix_only,
    read,
    reset,
)

GONE = "El servidor ha cerrado la conexión.\n"
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente.\n"

REPLIES = {  # lo que responde el servidor, y lo que se muestra
    b"HOLA\n": "HOLA",
    b"HOLA\r\n": "HOLA",
    b"\n": "",
    b"HOLA": "HOLA",
    b"H|O|L|A|\n": "HOLA",
    b"HO|LA": "HOLA",
    "A\u00d1".encode()[:-1] + b"|" + "\u00d1\n".encode()[1:]: "AÑ",
    b"UNO\nDOS\n": r"UNO\nDOS",
    b"\x1b[2J\t\x07\x00\x7f1\r2\n": r"\x1b[2J\t\x07\x00\x7f1\r2",
    "\x85\u2028\u202e\u2066\u061c\n".encode(): r"\x85\u2028\u202e\u2066\u061c",
    "€ 😀 \\ \u200d\n".encode(): "€ 😀 \\ \u200d",
    b"\xff \xe2\x82\n": r"\xff \xe2\x82",
}


class ClientCase(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.listener.settimeout(PATIENCE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def meet(self, **options):
        """Pone en marcha el cliente, lo acepta y lo anota con su conexión."""
        self.client = self.start("client.py", self.port, **options)
        self.client.out.until(GREETING)
        self.conn = self.own(self.listener.accept()[0])

    def sends(self, typed, message=None):
        """Comprueba que lo tecleado llega al servidor como `message`."""
        self.client.type(typed)
        message = typed.encode() if message is None else message
        received = read(self.conn, len(message))
        self.assertTrue(received == message, received[:100])

    def shows(self, reply):
        line = f"Respuesta del servidor: {reply}\n"
        self.assertEqual(self.client.out.until("\n"), line)

    def ends(self, status, out="", err=""):
        self.assertEqual(self.client.end(), status)
        self.assertEqual(self.client.out.rest(), out)
        self.assertEqual(self.client.err.rest(), err)


class TalkTest(ClientCase):
    def test_messages(self):
        """Cada línea se envía con un solo salto, y una vacía es una más."""
        self.meet()
        for line in "hola\n", "\n", " ñ 😀 \n", "desconexion\n", "DESCONEXION \n":
            self.sends(line)
            self.conn.sendall(b"SI\n")
            self.shows("SI")
        self.sends("de un fichero de Windows\r\n", b"de un fichero de Windows\n")

    def test_replies(self):
        """La respuesta se espera entera y se muestra en una línea, escapada."""
        self.meet()
        for reply, shown in REPLIES.items():
            with self.subTest(reply):
                self.sends("hola\n")
                for piece in reply.split(b"|"):
                    self.conn.sendall(piece)
                    time.sleep(0.05)  # menos que los 0,3 s que acaban una respuesta
                self.shows(shown)

    def test_long_reply(self):
        """Una respuesta larga se muestra entera."""
        self.meet()
        self.sends("hola\n")
        self.conn.sendall(b"X" * 200_000 + b"\n")
        self.assertEqual(self.client.out.until("\n").count("X"), 200_000)

    def test_silence_ends_a_reply(self):
        """Sin salto de línea, la respuesta acaba tras 0,3 segundos de silencio."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(0.2, 1):
            self.conn.sendall(b"HOLA")
            self.shows("HOLA")

    def test_public_servers(self):
        """Habla con los servidores para los que un recv es un mensaje."""
        for strip in False, True:
            with self.subTest(strip=strip):
                self.meet()
                self.client.type("hola\nñandú\nDESCONEXION\n")
                while True:
                    text = self.conn.recv(1024).decode()
                    if (text.strip() if strip else text) == "DESCONEXION":
                        break
                    reply = text.strip() if strip else text
                    self.conn.sendall(reply.upper().encode())
                self.conn.close()
                lines = [f"Respuesta del servidor: {r}\n" for r in ("HOLA", "ÑANDÚ")]
                self.ends(0, "".join(lines) + CLOSING)

    def test_longest_message(self):
        """Un mensaje de 64 KiB se envía; uno mayor no, y el siguiente sí."""
        client = self.start("client.py", self.serve().port)
        client.out.until(GREETING)
        for line in "x" * 65536, "ñ" * 32768:
            client.type(line + "\n")
            self.assertIn(line.upper(), client.out.until("\n"))
        for line in "x" * 65537, "ñ" * 32769:
            client.type(line + "\n")
            self.assertIn("65536 bytes", client.err.until("\n"))
        client.type("y\n")
        self.assertEqual(client.out.until("\n"), "Respuesta del servidor: Y\n")

    def test_encodings(self):
        """Ni lo que lee ni lo que recibe lo detiene, sea cual sea la codificación."""
        for encoding, typed, message, shown in (
            ("utf-8", b"\xff\xc3", b"\xff\xc3", "Ñ€😀"),
            ("ascii", "ñ".encode(), "ñ".encode(), r"\xd1\u20ac\U0001f600"),
            ("cp1252", b"\xf1\x81", "ñ".encode() + b"\x81", r"Ñ€\U0001f600"),
        ):
            with self.subTest(encoding):
                self.meet(encoding=encoding)
                self.sends(typed + b"\n", message + b"\n")
                self.conn.sendall("Ñ€😀\n".encode())
                self.shows(shown)


class WaitTest(ClientCase):
    def test_notice(self):
        """A los dos segundos sin respuesta avisa, una vez, y sigue esperando."""
        self.meet()
        self.sends("hola\n")
        with self.lasting(1.8, 3):
            self.client.err.until(BUSY)
        time.sleep(2.5)  # lo que tardaría un segundo aviso
        self.conn.sendall(b"HOLA\n")
        self.client.out.until("HOLA\n")
        self.client.input.close()
        self.conn.close()
        self.ends(0, CLOSING)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C acaba esa espera en menos de un segundo."""
        self.meet()
        self.sends("hola\n")
        self.client.interrupt()
        with self.lasting(0, 1):
            self.client.end()
        self.ends(130, err="\n")


class EndTest(ClientCase):
    def says_goodbye(self):
        self.client.out.until(CLOSING)
        self.assertEqual(read(self.conn), b"DESCONEXION")

    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y espera al servidor."""
        for typed in "DESCONEXION\n", "DESCONEXION\r\n", "DESCONEXION", "":
            with self.subTest(typed):
                self.meet()
                self.client.type(typed)
                self.client.input.close()
                self.says_goodbye()
                self.assertIsNone(self.client.process.poll())
                self.conn.sendall(b"ADIOS\n")
                with self.lasting(0, 1):
                    self.conn.close()
                    self.ends(0)

    def test_goodbye_is_brief(self):
        """Espera dos segundos como mucho, aunque el servidor no pare de hablar."""
        self.meet()
        self.client.type("DESCONEXION\n")
        self.says_goodbye()
        with self.lasting(1.5, 3):
            self.ends(0)
        self.meet()
        self.client.type("DESCONEXION\n")
        start = time.monotonic()
        with self.assertRaises(OSError):
            while time.monotonic() < start + 4:
                self.conn.sendall(b"x")
                time.sleep(0.01)
        self.ends(0, CLOSING)

    def test_no_server(self):
        """Sin servidor lo dice en una línea, con la dirección y qué hacer."""
        self.listener.close()
        closed = self.own(socket.socket())
        closed.bind((HOST, 0))
        for port in closed.getsockname()[1], -1, 10**30:
            with self.subTest(port):
                client = self.start("client.py", port)
                self.assertEqual(client.end(), 1)
                self.assertEqual(client.out.rest(), "")
                error = client.err.rest()
                self.assertRegex(error, rf"\A.*{HOST}:{port} .* server\.py\.\n\Z")

    def test_server_gone(self):
        """Si el servidor se va, lo dice en una línea, salvo al despedirse."""
        ends = {"hola\n": (1, "", GONE), "DESCONEXION\n": (0, CLOSING)}
        for leave in socket.socket.close, reset:
            for typed, end in ends.items():
                with self.subTest(leave.__name__, typed=typed):
                    self.meet()
                    self.sends("hola\n")
                    self.conn.sendall(b"HOLA")
                    leave(self.conn)
                    self.shows("HOLA")
                    self.client.type(typed)
                    self.ends(*end)
            self.meet()
            self.sends("hola\n")
            leave(self.conn)
            self.ends(1, err=GONE)

    @posix_only
    @unittest.skipIf(sys.implementation.name == "pypy", "PyPy no importa readline")
    def test_closed_streams(self):
        """Sin entrada o con la salida cerrada acaba sin un volcado de errores."""
        close = "import os, sys; os.close({}); os.execv(sys.executable, sys.argv)"
        for fd, out in (0, GREETING + CLOSING), (1, ""):
            with self.subTest(fd):
                command = "-c", close.format(fd), "client.py", self.port
                self.client = self.start(*command)
                self.conn = self.own(self.listener.accept()[0])
                self.assertEqual(read(self.conn), b"DESCONEXION")
                self.conn.close()
                self.ends(0, out)

    def test_nobody_reads(self):
        """Si nadie lee ya su salida lo dice en una línea."""
        reading, writing = os.pipe()
        client = self.start("client.py", self.port, stdout=writing)
        os.close(writing)
        self.assertEqual(os.read(reading, 100).strip(), GREETING.strip().encode())
        os.close(reading)
        client.type("hola\n")
        self.own(self.listener.accept()[0]).sendall(b"HOLA\n")
        self.assertEqual(client.end(), 1)
        self.assertRegex(client.err.rest(), r"\AError de entrada o salida: .*\n\Z")


@needs_terminal
class TerminalTest(ClientCase):
    def meet(self, **options):
        super().meet(terminal=True, **options)
        self.client.out.until(PROMPT)

    def press_ctrl_c(self):
        """Pulsa Ctrl+C, y otra vez si nada ocurre.

        Entre mostrar la petición y esperar teclas, readline no ve la señal.
        """
        for _ in range(4):
            self.client.type("\x03")
            if self.client.out.find(CLOSING, 4):
                break

    def test_prompt(self):
        """En un terminal pide cada mensaje, y Ctrl+D se despide en otra línea."""
        self.meet()
        self.sends("ñu\r", "ñu\n".encode())
        self.conn.sendall(b"HOLA\n")
        shown = f"ñu\nRespuesta del servidor: HOLA\n{PROMPT}"
        self.assertEqual(self.client.out.until(PROMPT), shown)
        self.client.type("\x04")
        self.assertEqual(read(self.conn), b"DESCONEXION")
        self.conn.close()
        self.ends(0, "\n" + CLOSING, err="\n" + CLOSING)

    def test_interrupt(self):
        """Ctrl+C en la petición se despide, en otra línea, y sale con 130."""
        self.meet()
        self.client.type("a medias")
        self.client.out.until("a medias")  # lo que no se ha leído, Ctrl+C lo descarta
        self.press_ctrl_c()
        self.assertEqual(read(self.conn), b"DESCONEXION")
        self.conn.close()
        self.assertEqual(self.client.end(), 130)
        self.assertRegex(self.client.out.rest(), rf"\n{CLOSING}\Z")

    def test_interrupt_twice(self):
        """Otro Ctrl+C mientras espera al servidor acaba sin un volcado de errores."""
        self.meet()
        self.press_ctrl_c()
        self.client.out.until(CLOSING)
        self.client.type("\x03")
        self.assertEqual(self.client.end(), 130)
        self.assertRegex(self.client.out.rest(), r"\A(\^C)?\n\Z")

    @unittest.skipUnless(importlib.util.find_spec("readline"), "no hay readline")
    def test_editing(self):
        """Se puede corregir la línea y recuperar las anteriores."""
        self.meet(term="xterm")
        self.sends("uno\r", b"uno\n")
        self.conn.sendall(b"UNO\n")
        self.client.out.until(PROMPT)
        self.sends("\x10\x01dos \r", b"dos uno\n")  # anterior, al principio, dos
