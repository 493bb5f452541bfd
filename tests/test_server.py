"""El servidor, visto por sus clientes y en su consola."""

import itertools
import pathlib
import signal
import socket
import sys
import unittest

from tests.support import CONNECTED, EXCHANGED, SAID_GOODBYE, Case, posix_only, reset

# Donde hay un |, se espera a lo que se responde hasta ahí antes de enviar lo siguiente:
# es lo que trae un recv y lo que trae otro.
GOODBYES = {  # y lo que se responde antes
    b"DESCONEXION\n": b"",
    b"DESCONEXION": b"",
    b"DESCONEXION\r": b"",
    b"DESCO|NEXION": b"DESCO",
    b"D|E|S|C|O|N|E|X|I|O|N\r\n": b"D|E|S|C|O|N|E|X|I|O",
    b"hola\rDESCO|NEXION\n": b"HOLA\rDESCO",
    "hola|DESCONEXION\nmás\n".encode(): b"HOLA",
    b"hola, mundo\nDESCONEXIO|N\n": b"HOLA, MUNDO\nDESCONEXIO",
    b"uno\nDESCONEXION\ndos\nDESCONEXION\n": b"UNO\n",
    b"x\xc3|DESCONEXION": b"X",
    b"\xff\xf4\xff\xfd\x06|DESCONEXION\r\n": b"\xff\xf4\xff\xfd\x06",
}
TEXTS = {  # que no son despedidas, y su respuesta
    b"\na\n" * 100: b"\nA\n" * 100,
    b"desconexion\n DESCONEXION\n": b"DESCONEXION\n DESCONEXION\n",
    b"DESCONEXION \nDESCONEXION\x0c\n": b"DESCONEXION \nDESCONEXION\x0c\n",
    b"DESCONEXIONx|\nDESCONEXIOx|N\n": b"DESCONEXIONX|\nDESCONEXIOX|N\n",
    b"xDESCONEXION|\n": b"XDESCONEXION|\n",
    b"x" * 100 + b"|DESCO|NEXION\n": b"X" * 100 + b"|DESCO|NEXION\n",
    "DESCONEXIÓN\n".encode(): "DESCONEXIÓN\n".encode(),
    "\ufeffß ﬁ 😀 \u2028\r\n".encode(): "\ufeffSS FI 😀 \u2028\r\n".encode(),
    "n\u0303 \x00\t\x1b\r\n".encode(): "N\u0303 \x00\t\x1b\r\n".encode(),
    # La línea que un cliente deja a medias no la continúa el siguiente.
    b"DESCO": b"DESCO",
    b"NEXION\n": b"NEXION\n",
    # Un carácter a medias espera al resto; si no llega, no se responde.
    b"a\xc3|\xb1\xf0\x9f|\x98\x80\r|\n": b"A|\xc3\x91|\xf0\x9f\x98\x80\r|\n",
    b"a\xe2\x82": b"A",
    # Lo que no es UTF-8 vuelve como llegó, y su ASCII en mayúsculas.
    b"a\x80\xc0\xafb\n\xffDESCONEXION\n": b"A\x80\xc0\xafB\n\xffDESCONEXION\n",
    b"a\xe2\x82|b\n": b"A|\xe2\x82B\n",
}
UNPRINTABLE = "\x00\t\x7f\x85\x9b\u00a0\u2028\u200d\u202e\ufeff"  # uno de cada clase
# Lo que llega de una vez, y los mensajes que muestra la consola, en mayúsculas porque
# su respuesta ha de verse igual. Las filas las envía en orden un solo cliente.
SHOWN = {
    b" HOLA \r\n\n": [" HOLA ", ""],
    b"UNO\nDOS\rTRES\r\nCUATRO": ["UNO", "DOS", "TRES", "CUATRO"],
    "€ Ñ 😀 \\ 'X'\n".encode(): ["€ Ñ 😀 \\ 'X'"],
    b"\x1b[2J\\\n": [r"'\x1b[2J\\'"],
    **{f"{char}\n".encode(): [repr(char)] for char in UNPRINTABLE},
    b"\xff\n": [r"'\udcff'"],
    b"X\x0cDESCONEXION\n": [r"'X\x0cDESCONEXION'"],
    b"UNO\n\xc3": ["UNO"],  # y un carácter a medias
    b"\x91\n": ["Ñ"],  # el resto
    b"X" * 1000 + b"\n" + b"X" * 1001 + b"\n": ["X" * 1000, "X" * 1000 + "…"],
    b"\t" * 3000: ["'" + r"\t" * 1000 + "…'"],
}
GONE = "Se perdió la conexión con el cliente.\n"

linux_only = unittest.skipUnless(sys.platform == "linux", "solo se ve en Linux")


class ServerTest(Case):
    def setUp(self):
        self.server = self.serve()

    def talk(self, conn, messages, replies):
        """Comprueba que cada mensaje se responde, y de una vez."""
        parts = messages.split(b"|"), replies.split(b"|")
        for message, reply in itertools.zip_longest(*parts, fillvalue=b""):
            conn.sendall(message)
            if reply:
                self.assertEqual(conn.recv(1024), reply)

    def test_goodbyes(self):
        """DESCONEXION cierra la conexión, y lo anterior a ella se responde."""
        for messages, replies in GOODBYES.items():
            with self.row(messages), self.connect(self.server) as conn:
                self.talk(conn, messages, replies)
                self.assertEqual(conn.recv(1024), b"")
                self.server.out.until(SAID_GOODBYE.format(conn.getsockname()))

    def test_texts(self):
        """Todo lo demás se responde, hasta que el cliente cierra su lado."""
        for messages, replies in TEXTS.items():
            with self.row(messages), self.connect(self.server) as conn:
                self.talk(conn, messages, replies)
                conn.shutdown(socket.SHUT_WR)
                self.assertEqual(conn.recv(1024), b"")
                self.assertNotIn("solicita", self.server.out.until("Conexión cerrada"))

    @linux_only
    def test_endless_line(self):
        """Una línea de muchos megabytes se responde, sin guardarla."""
        piece, reply = "€ñ😀".encode() * 10_000, "€Ñ😀".encode() * 10_000
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status")
        peaks = []  # de memoria, en KiB
        with self.connect(self.server).makefile("rwb") as file:
            for _ in range(200):
                file.write(piece)
                file.flush()
                self.assertEqual(file.read(len(piece)), reply)
                peaks.append(int(status.read_text().split("VmHWM:")[1].split()[0]))
        self.assertLess(peaks[-1] - peaks[0], 16_384)  # y se han enviado 18 megabytes

    def test_one_at_a_time(self):
        """Los demás esperan en la cola, y se les atiende en orden y hasta el final."""
        conns = [self.connect(self.server) for _ in range(12)]
        for conn in conns:
            conn.sendall(b"a\n")
        for conn in conns:
            self.assertEqual(conn.recv(1024), b"A\n")
            conn.sendall(b"b\nDESCONEXION")
            conn.shutdown(socket.SHUT_WR)
            self.assertEqual(conn.recv(1024), b"B\n")
            log = CONNECTED + (EXCHANGED * 2).format("a", "A", "b", "B") + SAID_GOODBYE
            self.server.out.expect(log.format(conn.getsockname()))

    @linux_only
    def test_reset(self):
        """Quien corta la conexión, esté donde esté, solo acaba con la suya."""
        conn = self.connect(self.server)
        logs = []
        # Consta la despedida, pero no el mensaje al que ya no se puede responder.
        for message, log in (b"", GONE), (b"a\n", GONE), (b"DESCONEXION", SAID_GOODBYE):
            waiting = self.connect(self.server)
            waiting.sendall(message)
            logs.append((CONNECTED + log).format(waiting.getsockname()))
            reset(waiting)
        conn.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            conn.sendall(b"x" * 2**26)  # sin leer, hasta que ambos lados se bloquean
        reset(conn)
        self.server.out.until(GONE)
        for log in logs:
            self.server.out.expect(log)
        self.talk(self.connect(self.server), b"sigue\n", b"SIGUE\n")

    def test_accept_fails(self):
        """Si falla accept, se atiende al siguiente, aunque calle cuanto quiera."""
        server = self.serve(condition="accept_fails_once")
        server.out.expect(GONE)
        conn = self.connect(server)
        server.out.expect(CONNECTED.format(conn.getsockname()))
        self.talk(conn, b"sigue\n", b"SIGUE\n")

    def test_shown(self):
        """Cada línea es un mensaje, y ningún cliente altera la consola."""
        conn = self.connect(self.server)
        self.server.out.expect(CONNECTED.format(conn.getsockname()))
        for data, messages in SHOWN.items():
            with self.row(data):
                conn.sendall(data)
                for message in messages:
                    self.server.out.expect(EXCHANGED.format(message, message))

    def test_consoles(self):
        """Lo que la consola no puede mostrar va como código, y nada se retiene."""
        for options, received, reply in (
            ({"encoding": "ascii"}, r"\xf1 \u20acx", r"\xd1 \u20acX"),
            ({"condition": "like_idle"}, "ñ €x", "Ñ €X"),
        ):
            with self.row(options):
                server = self.serve(**options)
                self.connect(server).sendall("ñ €x\n".encode())
                server.out.until(EXCHANGED.format(received, reply))

    def test_listening(self):
        """Escucha solo en su dirección, y se puede reiniciar en el acto."""
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.2", self.server.port))
        self.talk(self.connect(self.server), b"hola\n", b"HOLA\n")
        self.server.process.kill()
        self.server.process.wait()
        self.serve(self.server.port)

    @posix_only
    def test_server_interrupted(self):
        """Ctrl+C lo para en silencio, con un cliente o sin él."""
        busy = self.serve()
        conn = self.connect(busy)
        busy.out.expect(CONNECTED.format(conn.getsockname()))
        for server in self.server, busy:
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.end(), (-signal.SIGINT, "", ""))
