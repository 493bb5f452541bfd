"""El cliente, visto por sus servidores y por quien lo usa."""

import importlib.util
import signal
import socket
import time
import unittest

from tests.support import CLOSING, HOST, PROMPT, Case, posix_only, reset

LOST = "Se perdió la conexión con el servidor.\n"
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente.\n"
LINES = {  # lo que se teclea, y lo que se envía
    b"hola\n": b"hola\n",
    b"\n": b"\n",
    " ñ 😀 \n".encode(): " ñ 😀 \n".encode(),
    b" DESCONEXION \n": b" DESCONEXION \n",
    b"desconexion\n": b"desconexion\n",
    b"\xff\xc3\n": "\ufffd\ufffd\n".encode(),
    b"archivo de Windows\r\n": b"archivo de Windows\n",
}
REPLIES = {  # lo que se responde, y lo que se muestra
    b"\n": "",
    b" HOLA \r\r\n\n": " HOLA ",
    b"\nHOLA x\n": "\nHOLA x",
    "\ufeff\t\u00a0 👩\u200d👧\x1b[1m\n".encode(): "\ufeff\t\u00a0 👩\u200d👧\x1b[1m",
    b"\xff A\xc3\n": "\ufffd A\ufffd",
    ("X" + "Ñ" * 250_000 + "\n").encode(): "X" + "Ñ" * 250_000,  # en muchos trozos
}


class ClientTest(Case):
    def setUp(self):
        self.listener = socket.create_server((HOST, 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def start_client(self, typed="", **options):
        """Pone en marcha el cliente, espera a que pida una línea y lo acepta."""
        self.client = self.start("client.py", self.port, **options)
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
        for typed, message in LINES.items():
            with self.subTest(typed):
                self.sends(typed, message)
                self.shows(b"SI\n", "SI")
        for reply, shown in REPLIES.items():
            with self.subTest(reply[:60]):
                self.sends("hola\n", b"hola\n")
                self.shows(reply, shown)

    def test_no_newline(self):
        """Sin salto de línea, la respuesta acaba con un silencio o con la conexión."""
        self.start_client()
        self.sends("hola\n", b"hola\n")
        start = time.monotonic()
        self.shows(b"HOLA", "HOLA")
        self.assertGreater(time.monotonic() - start, 0.4)
        self.sends("otra\n", b"otra\n")
        self.conn.sendall(b"OTRA")
        self.conn.close()
        self.client.out.expect(f"Respuesta del servidor: OTRA\n{PROMPT}")
        self.client.type("la última\n")
        self.assertEqual(self.client.end(), (1, "", LOST))

    def test_at_once(self):
        """Una línea de un mebibyte, y muchas seguidas, se responden sin esperas."""
        client = self.start("client.py", self.serve().port)
        client.out.until(PROMPT)
        lines = ["x" * 2**20] + ["y"] * 20  # a medio segundo cada una, serían diez
        client.type("\n".join(lines) + "\n")
        shown = [f"Respuesta del servidor: {line.upper()}\n{PROMPT}" for line in lines]
        client.out.expect("".join(shown))

    def test_consoles(self):
        """Lo que no puede leer es �, y lo que no puede mostrar, código."""
        for options, typed, message, shown in (
            ({"encoding": "ascii"}, b"\xc3\n", "\ufffd\n", r"\xd1\u20ac\U0001f600"),
            ({"condition": "like_idle"}, "ñ\n", "ñ\n", "Ñ€😀"),
            ({"condition": "like_thonny", "typed": "x\n"}, "ñ\n", "ñ\n", "Ñ€😀"),
        ):
            with self.subTest(**options):
                self.start_client(**options)
                self.sends(typed, message.encode())
                self.shows("Ñ€😀\n".encode(), shown)

    def test_busy_server(self):
        """A los dos segundos avisa, una vez; responde cuando le llega el turno."""
        server = self.serve()
        first = self.connect(server)
        client = self.start("client.py", server.port)
        client.out.until(PROMPT)
        start = time.monotonic()
        client.type("hola\n")
        client.err.expect(BUSY)
        self.assertGreater(time.monotonic() - start, 1.8)
        time.sleep(1)  # y no vuelve a avisar
        first.close()
        client.out.expect(f"Respuesta del servidor: HOLA\n{PROMPT}")
        self.assertEqual(client.err.unseen(), "")

    def test_nobody_reads(self):
        """Si no cabe más y nadie lee, a los diez segundos la conexión está perdida."""
        self.start_client(condition="short_timeouts")
        start = time.monotonic()
        self.client.type("x" * 2**24 + "\n")
        self.assertEqual(self.client.end(), (1, "", LOST))
        self.assertGreater(time.monotonic() - start, 0.8)

    def test_goodbye(self):
        """Con DESCONEXION o al acabar la entrada se despide y acaba, sin esperar."""
        for typed in "DESCONEXION\n", "DESCONEXION\r\n", "":
            shown = CLOSING if typed else "\n" + CLOSING
            with self.subTest(typed):
                self.start_client()
                self.client.type(typed)
                self.client.process.stdin.close()
                self.assertEqual(self.client.end(), (0, shown, ""))
                self.assertEqual(self.conn.recv(1024), b"DESCONEXION")
                self.assertEqual(self.conn.recv(1024), b"")

    def test_server_gone(self):
        """Si el servidor se va sin responder, se nota; para despedirse, no importa."""
        lost, closing = (1, "", LOST), (0, CLOSING, "")
        for leave in socket.socket.close, reset:
            for when, message, next_message, end in (
                ("sin responder", "hola\n", "", lost),
                ("antes del mensaje", "", "hola\n", lost),
                ("antes de la despedida", "", "DESCONEXION\n", closing),
            ):
                with self.subTest(when, leave=leave.__name__):
                    self.start_client()
                    if message:
                        self.sends(message, message.encode())
                    leave(self.conn)
                    self.client.type(next_message)
                    self.assertEqual(self.client.end(), end)

    @posix_only
    def test_client_interrupted(self):
        """Ctrl+C acaba sin despedirse, y sin escribir en una salida ya cerrada."""
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
        self.client.type("a")
        self.client.out.until("a")  # antes, Ctrl+C no se vería
        self.client.type("\x03")
        self.assertEqual(self.conn.recv(1024), b"")
        self.client.out.until("\n")
        self.assertEqual(self.client.end()[0], 130)
