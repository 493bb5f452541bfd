"""El cliente, visto por sus servidores y por quien lo usa."""

import importlib.util
import os
import signal
import socket
import time
import unittest

from tests.support import CLOSING, HOST, PROMPT, Case, posix_only, reset

LOST = "Se perdió la conexión con el servidor.\n"
NOTICE = """\
El servidor aún no responde: quizá atiende a otro cliente. Ctrl+C para salir.
"""
# Se teclean, y se envían como son.
LINES = ["", " ñ 😀 ", "desconexion", "DESCONEXIÓN", "DESCONEXION ", " DESCONEXION"]
REPLIES = {  # lo que se responde, y lo que se muestra
    b"\n": "",
    b"\n HOLA x\r\r\n\n": "\n HOLA x",
    b"DESCONEXION\n": "DESCONEXION",  # la respuesta a «desconexion»
    "\ufeff\t\u00a0👩\u200d👧\x1b[1m \n".encode(): "\ufeff\t\u00a0👩\u200d👧\x1b[1m ",
    b"\xff A\xc3\n": "\ufffd A\ufffd",
    ("X" + "Ñ" * 250_000 + "\n").encode(): "X" + "Ñ" * 250_000,  # en muchos trozos
}


class ClientTest(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.addCleanup(self.listener.close)

    def start_client(self, typed="", **options):
        """Pone en marcha el cliente, espera a que pida una línea y lo acepta."""
        self.client = self.start("client.py", self.listener.getsockname()[1], **options)
        self.client.type(typed)
        self.client.out.until(PROMPT)
        self.conn, _ = self.listener.accept()
        self.addCleanup(self.conn.close)

    def sends(self, typed, message):
        """Comprueba que lo tecleado llega de una vez como `message`."""
        self.client.type(typed)
        self.assertEqual(self.conn.recv(1024), message)

    def shows(self, reply, shown):
        """Comprueba que muestra la respuesta y pide otra línea."""
        self.conn.sendall(reply)
        self.client.out.expect(f"Respuesta del servidor: {shown}\n{PROMPT}")

    def test_conversation(self):
        """Cada línea se envía con un \\n, y su respuesta se muestra como llegó."""
        self.start_client()
        for line in LINES:
            with self.row(line):
                self.sends(f"{line}\n", f"{line}\n".encode())
                self.shows(b"SI\n", "SI")
        for reply, shown in REPLIES.items():
            with self.row(reply):
                self.sends(b"\xff\xc3\r\n", "\ufffd\ufffd\n".encode())
                self.shows(reply, shown)

    def test_no_newline(self):
        """Sin un salto de línea al final, la respuesta acaba con un silencio."""
        self.start_client()
        self.conn.sendall(b"TARDE\n")  # pasa a la respuesta siguiente
        self.sends("hola\n", b"hola\n")
        self.shows(b"", "TARDE")
        for reply in "HOLA", "UNO\nDOS\r":
            with self.row(reply):
                self.sends("hola\n", b"hola\n")
                start = time.monotonic()
                self.shows(reply.encode(), reply.rstrip("\r"))
                self.assertAlmostEqual(time.monotonic() - start, 0.9, delta=0.45)

    def test_consoles(self):
        """Lo que no puede leer es �, y lo que no puede mostrar, código."""
        for options, typed, message, shown in (
            ({"encoding": "ascii"}, "ñ\n", "\ufffd\ufffd\n", r"\xd1\u20ac\U0001f600"),
            ({"condition": "like_idle"}, "ñ\n", "ñ\n", "Ñ€😀"),
            ({"condition": "like_thonny", "typed": "x\n"}, "ñ\n", "ñ\n", "Ñ€😀"),
        ):
            with self.row(options):
                self.start_client(**options)
                self.sends(typed, message.encode())
                self.shows("Ñ€😀\n".encode(), shown)

    def test_no_reply(self):
        """A los dos segundos avisa, una vez por línea, y espera sin límite."""
        self.start_client(condition="like_idle")  # no retiene los errores, ni en PyPy
        normal = self.client
        self.start_client(condition="short_waits")
        self.sends("hola\n", b"hola\n")
        start = time.monotonic()
        normal.type("hola\n")
        self.client.err.expect(NOTICE)
        normal.err.expect(NOTICE)
        self.assertAlmostEqual(time.monotonic() - start, 2.6, delta=0.8)  # 2 s o más
        # El segundo ha esperado más de treinta segundos de los suyos.
        self.assertEqual(self.client.err.unseen(), "")
        self.shows(b"HOLA\n", "HOLA")
        self.sends("otra\n", b"otra\n")
        self.client.err.expect(NOTICE)

    def test_nobody_reads(self):
        """Si no cabe más y nadie lee, el plazo de la conexión acaba con ella."""
        self.start_client(condition="short_waits")
        self.sends("hola\n", b"hola\n")
        self.shows(b"HOLA\n", "HOLA")
        self.client.type("x" * 2**24 + "\n")
        start = time.monotonic()
        self.assertEqual(self.client.end(), (1, "", LOST))
        self.assertAlmostEqual(time.monotonic() - start, 0.9, delta=0.45)  # 0,5 o más

    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y acaba, sin esperar."""
        for typed, line in ("DESCONEXION\n", ""), ("DESCONEXION\r\n", ""), ("", "\n"):
            with self.row(typed):
                self.start_client()
                self.client.type(typed)
                self.client.process.stdin.close()
                self.assertEqual(self.client.end(), (0, line + CLOSING, ""))
                self.assertEqual(self.conn.recv(1024), b"DESCONEXION")
                self.assertEqual(self.conn.recv(1024), b"")

    def test_server_gone(self):
        """Si el servidor se va, vale lo que respondió; para despedirse, no importa."""
        answer = f"Respuesta del servidor: HOLA\n{PROMPT}"
        for leave in socket.socket.close, reset:
            for message, reply, next_message, end in (
                (b"hola\n", b"", "", (1, "", LOST)),
                (b"hola\n", b"HOLA", "otra\n", (1, answer, LOST)),
                (b"", b"", "hola\n", (1, "", LOST)),
                (b"", b"", "DESCONEXION\n", (0, CLOSING, "")),
            ):
                if reply and leave is reset and os.name == "nt":
                    continue  # Windows puede perder lo que llegó antes
                with self.row(leave.__name__, message, reply, next_message):
                    self.start_client()
                    if message:
                        self.sends(message, message)
                    self.conn.sendall(reply)
                    leave(self.conn)
                    self.client.type(next_message)
                    self.assertEqual(self.client.end(), end)

    @posix_only
    def test_client_interrupted(self):
        """Ctrl+C acaba sin despedirse, y sin escribir en la salida."""
        self.start_client()
        self.sends("hola\n", b"hola\n")
        self.client.process.send_signal(signal.SIGINT)
        self.assertEqual(self.client.end(), (130, "", "\n"))
        self.assertEqual(self.conn.recv(1024), b"")

    @posix_only
    @unittest.skipUnless(importlib.util.find_spec("readline"), "no hay readline")
    def test_terminal(self):
        """En un terminal, las líneas se recuperan y corrigen; Ctrl+C acaba en otra."""
        self.start_client(condition="terminal")
        # Los caracteres de control piden la línea anterior, e ir a su comienzo.
        for typed, message in ("uno\r", b"uno\n"), ("\x10\x01dos \r", b"dos uno\n"):
            self.sends(typed, message)
            self.conn.sendall(b"HOLA\n")
            self.client.out.until("Respuesta del servidor: HOLA\n")
            self.client.out.until(PROMPT)
        self.client.type("\x0c")  # Ctrl+L, para que la línea se escriba de nuevo
        self.client.out.until(PROMPT)  # antes, tampoco Ctrl+C se vería
        self.client.type("\x03")
        self.assertEqual(self.conn.recv(1024), b"")
        self.client.out.until("\n")
        code, *shown = self.client.end()
        self.assertEqual(code, 130, shown)
