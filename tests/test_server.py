"""El servidor, visto por sus clientes y en su consola."""

import pathlib
import re
import signal
import socket
import threading

from tests.support import HOST, Case, linux_only, posix_only, receive, reset

# Donde hay un |, se espera a lo que se responde hasta ahí antes de enviar lo siguiente:
# es lo que trae un recv y lo que trae otro.
GOODBYES = {  # y lo que se responde antes
    b"DESCONEXION\n": b"",
    b"DESCONEXION": b"",
    b"DESCONEXION\r": b"",
    b"DESCO|NEXION\n": b"DESCO|",
    b"DESCO|NEXION": b"DESCO|",
    b"D|E|S|C|O|N|E|X|I|O|N\r": b"D|E|S|C|O|N|E|X|I|O|",
    b"hola\nDESCONEXION": b"HOLA\n",
    b"hola\rDESCONEXION\n": b"HOLA\r",
    b"hola|DESCONEXION": b"HOLA|",
    b"hola|DESCONEXION\r\n": b"HOLA|",
    b"hola, mundo\nDESCONEXIO|N\r\n": b"HOLA, MUNDO\nDESCONEXIO|",
    b"DESCONEXIONES\nDESCONEXION\n": b"DESCONEXIONES\n",
    b"uno\nDESCONEXION\ndos\nDESCONEXION\n": b"UNO\n",
    b"DESCO|NEXION\nDESCONEXION": b"DESCO|",
    b"x" * 65536 + b"|DESCONEXION\n": b"X" * 65536 + b"|",
    b"x" * 65535 + b"\n|DESCONEXION\n": b"X" * 65535 + b"\n|",
    b"x\xc3|DESCONEXION": b"X|",
    b"x\xc3|\nDESCONEXION\n": b"X|\xc3\n",
    b"\xff\xf4\xff\xfd\x06|DESCONEXION\r\n": b"\xff\xf4\xff\xfd\x06|",
}
TEXTS = {  # que no son despedidas, y su respuesta
    b"": b"",
    b"\n": b"\n",
    b"desconexion\n": b"DESCONEXION\n",
    b" DESCONEXION\n": b" DESCONEXION\n",
    b"DESCONEXION \n": b"DESCONEXION \n",
    b"DESCONEXIONx\n": b"DESCONEXIONX\n",
    b"DESCONEXIONES|\n": b"DESCONEXIONES|\n",
    b"hola DESCONEXION|\n": b"HOLA DESCONEXION|\n",
    b"hola|DESCONEXION\n\n": b"HOLA|DESCONEXION\n\n",
    b"x\x0cDESCONEXION\n": b"X\x0cDESCONEXION\n",
    "DESCONEXIÓN\n".encode(): "DESCONEXIÓN\n".encode(),
    "ß ﬁ \ufeff😀 \x1b \u2028\r\n".encode(): "SS FI \ufeff😀 \x1b \u2028\r\n".encode(),
    # Lo que no es UTF-8 vuelve como llegó, y su ASCII en mayúsculas.
    b"a\x80\xc0\xafb\xff\n": b"A\x80\xc0\xafB\xff\n",
    b"a\xe2\x82|b\n": b"A|\xe2\x82B\n",
    b"a\xe2\x82": b"A",  # salvo medio carácter al final
}
STREAM = "x straße €, 😀\r\nñ ŉ\n"
STREAM_UPPER = "X STRASSE €, 😀\r\nÑ \u02bcN\n"
SHOWN = {  # lo que llega de una vez, y los mensajes que muestra la consola
    b"HOLA": ["HOLA"],
    b"\n": [""],
    b" HOLA \r\n\n": [" HOLA ", ""],
    b"UNO\nDOS\rTRES\r\nCUATRO": ["UNO", "DOS", "TRES", "CUATRO"],
    b"A\x0cB\n": [r"'A\x0cB'"],
    "€ Ñ 😀 \\ 'X'\n".encode(): ["€ Ñ 😀 \\ 'X'"],
    b"\x1b[2J\\\x07\x00\x7f\t\n": [r"'\x1b[2J\\\x07\x00\x7f\t'"],
    "\ufeff\x9b\u2028\u202e\n".encode(): [r"'\ufeff\x9b\u2028\u202e'"],
    b"\x80 \xff \xe2\x82\n": [r"'\udc80 \udcff \udce2\udc82'"],
    b"UNO\n\xc3": ["UNO"],  # y un carácter a medias
    b"\x91\n": ["Ñ"],  # el resto
    b"X" * 1000 + b"\n": ["X" * 1000],
    b"X" * 1001 + b"\n": ["X" * 1000 + "…"],
    b"X" * 1000 + b"\t\n": ["'" + "X" * 1000 + "'…"],
    b"\t" * 50_000: ["'" + r"\t" * 1000 + "'…"],
}
LOST = "Se perdió la conexión con el cliente.\n"


def connected(conn):
    return f"Conexión establecida con el cliente {conn.getsockname()}\n"


def exchanged(message, reply):
    return f"Mensaje recibido: {message}\nRespuesta enviada al cliente: {reply}\n"


def closed(conn):
    return f"Conexión cerrada con el cliente {conn.getsockname()}\n"


def said_goodbye(conn):
    end = f"El cliente {conn.getsockname()} solicita desconexión.\n"
    return f"Mensaje recibido: DESCONEXION\n{end}{closed(conn)}"


def fill(conn):
    """Envía sin leer hasta que ambos lados se quedan bloqueados."""
    conn.settimeout(0.3)
    try:
        while True:
            conn.sendall(b"x" * 65536)
    except socket.timeout:
        pass


class ServerCase(Case):
    def setUp(self):
        self.server = self.serve()

    def asks(self, conn, message, reply):
        """Envía un mensaje y comprueba su respuesta."""
        conn.sendall(message)
        self.assertEqual(receive(conn, len(reply)), reply, f"a {message[-60:]}")

    def talks(self, conn, conversation, replies):
        for message, reply in zip(conversation.split(b"|"), replies.split(b"|")):
            self.asks(conn, message, reply)

    def survives(self):
        """Comprueba que se dio una conexión por perdida y se atiende a la próxima."""
        self.server.out.until(LOST)
        with self.connect(self.server) as conn:
            self.asks(conn, b"sigue\n", b"SIGUE\n")


class ReplyTest(ServerCase):
    def test_goodbyes(self):
        """DESCONEXION cierra la conexión, y lo anterior a ella se responde."""
        for conversation, replies in GOODBYES.items():
            with self.connect(self.server) as conn:
                self.talks(conn, conversation, replies)
                self.assertEqual(receive(conn), b"", f"a {conversation[-60:]}")
                self.server.out.until(said_goodbye(conn))

    def test_texts(self):
        """Todo lo demás se responde, y quien cierra su lado lo recibe entero."""
        for conversation, replies in TEXTS.items():
            with self.connect(self.server) as conn:
                self.talks(conn, conversation, replies)
                conn.shutdown(socket.SHUT_WR)
                self.assertEqual(receive(conn), b"", f"a {conversation[-60:]}")
                self.assertNotIn("solicita", self.server.out.until(closed(conn)))

    def test_cuts(self):
        """Se corte por donde se corte, cada trozo se responde en el acto."""
        data = STREAM.encode()
        for cut in range(1, len(data)):
            with self.connect(self.server) as conn:
                # «ignore» quita el carácter a medias del final.
                whole = data[:cut].decode(errors="ignore").upper().encode()
                rest = STREAM_UPPER.encode()[len(whole) :]
                self.talks(conn, data[:cut] + b"|" + data[cut:], whole + b"|" + rest)

    def test_one_send(self):
        """Lo que llega junto se responde de una vez."""
        conn = self.connect(self.server)
        for _ in range(20):
            conn.sendall(b"a\nb\nc\n")
            self.assertEqual(conn.recv(100), b"A\nB\nC\n")

    @linux_only
    def test_endless_line(self):
        """Una línea de muchos megabytes se responde, sin gastar memoria."""
        conn = self.connect(self.server)
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status")
        peaks = []  # en KiB
        for length in 100_000, 2_000_000:
            data = "€ñ😀".encode() * length
            sender = threading.Thread(target=conn.sendall, args=(data,))
            sender.start()
            self.assertTrue(receive(conn, len(data)) == "€Ñ😀".encode() * length)
            sender.join()
            peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            peaks.append(int(peak[1]))
        self.assertLess(peaks[1] - peaks[0], 8192)


class QueueTest(ServerCase):
    def setUp(self):
        super().setUp()
        self.conn = self.connect(self.server)

    def test_one_at_a_time(self):
        """Los demás esperan en la cola, y se les atiende en orden."""
        conns = [self.conn, *(self.connect(self.server) for _ in range(11))]
        for conn in conns:
            conn.sendall(b"hola\n")
        for conn in conns:
            self.assertEqual(receive(conn, 5), b"HOLA\n")
            for _ in range(20):
                self.asks(conn, b"x\n", b"X\n")
            self.asks(conn, b"DESCONEXION", b"")
            log = exchanged("hola", "HOLA") + exchanged("x", "X") * 20
            self.server.out.expect(connected(conn) + log + said_goodbye(conn))

    def test_reset(self):
        """Quien corta la conexión, esté donde esté, solo acaba con la suya."""
        for message in b"", b"hola\n":
            waiting = self.connect(self.server)
            waiting.sendall(message)
            reset(waiting)
        fill(self.conn)  # con respuestas sin leer
        reset(self.conn)
        for _ in range(3):
            self.survives()

    def test_accept_fails(self):
        """Si falla accept, como puede en macOS y Windows, se atiende al siguiente."""
        self.server = self.serve(condition="accept_fails_once")
        self.survives()

    @linux_only
    def test_gone(self):
        """De quien ya se fue consta su despedida, pero no lo que no se le responde."""
        lines = exchanged("a", "A") + exchanged("b", "B")
        logs = [said_goodbye(self.conn)]
        for data, leave, shown, end in (
            (b"DESCONEXION\n", reset, "", said_goodbye),
            (b"a\nb\nDESCONEXION\n", socket.socket.close, lines, said_goodbye),
            (b"tarde\n", reset, LOST, lambda conn: ""),
        ):
            conn = self.connect(self.server)
            conn.sendall(data)
            logs.append(connected(conn) + shown + end(conn))
            leave(conn)
        self.server.out.expect(connected(self.conn))
        self.conn.sendall(b"DESCONEXION")
        for log in logs:
            self.server.out.expect(log)


class ConsoleTest(ServerCase):
    def test_shown(self):
        """Cada línea es un mensaje, y ningún cliente altera la consola."""
        conn = self.connect(self.server)
        self.server.out.expect(connected(conn))
        for data, messages in SHOWN.items():
            conn.sendall(data)
            for message in messages:
                self.server.out.expect(exchanged(message, message))

    def test_encodings(self):
        """Lo que la consola no puede mostrar va como código, y nada se retiene."""
        for options, received, reply in (
            ({"encoding": "ascii"}, r"\xf1 \u20ac", r"\xd1 \u20ac"),
            ({"encoding": "cp1252"}, "ñ €", "Ñ €"),
            ({"condition": "like_idle"}, "ñ €", "Ñ €"),
            ({"condition": "in_thread"}, "ñ €", "Ñ €"),
        ):
            server = self.serve(**options)
            self.connect(server).sendall("ñ €\n".encode())
            server.out.until(exchanged(received, reply))

    def test_no_console(self):
        """Sin consola responde igual."""
        self.server = self.serve(condition="no_console")
        self.asks(self.connect(self.server), b"hola\n", b"HOLA\n")


class StartTest(ServerCase):
    def test_cannot_listen(self):
        """Si no puede escuchar, lo dice en una línea con la dirección y el motivo."""
        for port, reason in (self.server.port, r"\[.*ddress"), (65536, ".*65535"):
            server = self.start("server.py", port)
            server.err.expect(f"No se puede escuchar en {HOST}:{port}: ")
            self.assertRegex(server.err.until("\n"), rf"\A{reason}")
            server.ends(1)

    @linux_only
    def test_only_this_address(self):
        """En las demás direcciones de la máquina no escucha."""
        with socket.socket() as conn:
            self.assertTrue(conn.connect_ex(("127.0.0.2", self.server.port)))

    def test_restart(self):
        """Se puede reiniciar en el acto, aunque tuviera un cliente."""
        self.asks(self.connect(self.server), b"hola\n", b"HOLA\n")
        self.server.process.kill()
        self.server.process.wait()
        self.serve(self.server.port)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C lo para en menos de un segundo y en silencio, haga lo que haga."""
        for state in "sin cliente", "con un cliente callado", "con uno que no lee":
            server = self.serve()
            if state != "sin cliente":
                conn = self.connect(server)
                server.out.expect(connected(conn))
            if state == "con uno que no lee":
                fill(conn)
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.wait(1), -signal.SIGINT, state)
            self.assertEqual(server.err.peek(), "", state)
            if state != "con uno que no lee":  # a ese aún le respondía
                self.assertEqual(server.out.peek(), "", state)
