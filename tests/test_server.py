"""El servidor, visto por sus clientes y en su consola."""

import codecs
import pathlib
import re
import signal
import socket
import threading

from tests.support import HOST, LIKE_IDLE, Case, linux_only, posix_only, receive, reset

# En las conversaciones, | separa lo que trae un recv de lo que trae el siguiente.
GOODBYES = {  # y lo que se responde antes
    b"DESCONEXION\n": b"",
    b"DESCONEXION\r\n": b"",
    b"DESCONEXION": b"",
    b"DESCONEXION\r": b"",
    b"DESCO|NEXION\n": b"DESCO",
    b"DESCO|NEXION\r\n": b"DESCO",
    b"DESCO|NEXION": b"DESCO",
    b"D|E|S|C|O|N|E|X|I|O|N\r": b"DESCONEXIO",
    b"hola\nDESCONEXION": b"HOLA\n",
    b"hola\r\nDESCONEXION\r\n": b"HOLA\r\n",
    b"hola\n|DESCONEXION\r": b"HOLA\n",
    b"hola|DESCONEXION": b"HOLA",
    b"hola|\nDESCONEXION\n": b"HOLA\n",
    b"hola|, mundo\nDESCONEXION\n": b"HOLA, MUNDO\n",
    b"hola, mundo\nDESCONEXIO|N\r\n": b"HOLA, MUNDO\nDESCONEXIO",
    b"\n\nDESCONEXION\n": b"\n\n",
    b"desconexion\nDESCONEXION\n": b"DESCONEXION\n",
    b"DESCONEXIONES\nDESCONEXION\n": b"DESCONEXIONES\n",
    b"uno\nDESCONEXION\ndos\nDESCONEXION\n": b"UNO\n",
    b"DESCO|NEXION\nDESCONEXION": b"DESCO",
    b"x" * 65536 + b"|DESCONEXION": b"X" * 65536,
    b"x" * 65535 + b"\n|DESCONEXION\n": b"X" * 65535 + b"\n",
    b"x\xc3|DESCONEXION": b"X",
    b"x\xc3|\nDESCONEXION\n": b"X\xc3\n",
}
STREAM = "x straße €, 😀\r\nñ ŉ\n".encode()
TEXTS = [  # cuya respuesta son sus mayúsculas
    b"",
    b"\n",
    b"desconexion\n",
    b" DESCONEXION\n",
    b"DESCONEXION \n",
    b"DESCONEXION\r\r\n",
    b"DESCONEXION\rx|\n",
    b"DESCONEXIONES\n",
    b"DESCO|NEXIONES|\n",
    b"no DESCONEXION aun\n",
    b"hola DESCONEXION|\n",
    b"hola|DESCONEXION\n",
    b"hola|DESCONEXION\r",
    b"hola|DESCO|NEXION",
    b"hola\rDESCONEXION\n",
    b"x" * 65536 + b"|DESCONEXION\n",
    "DESCONEXIÓN\n".encode(),
    "\ufeffstraße ŉ ﬁ ñandú 😀 \t \x1b[1m \u2028\r\n".encode(),
    # Lo que no es UTF-8 vuelve como llegó, y su ASCII en mayúsculas.
    b"a\x80\xc0\xafb\xff\n",
    b"a\xed\xa0\x80b\xf5\x90\x80\x80c\n",
    b"a\xe2\x82|b\n",
    b"a\xe2\x82",  # salvo medio carácter al final
    # Se corte por donde se corte, cada trozo se responde en el acto.
    *(STREAM[:cut] + b"|" + STREAM[cut:] for cut in range(len(STREAM))),
]
SHOWN = {  # lo que llega de una vez, y cómo lo muestra la consola
    b"HOLA": "HOLA",
    b"\n": "",
    b" HOLA \r\n\n": " HOLA ",
    "€ Ñ 😀 \\ 'X'\n".encode(): "€ Ñ 😀 \\ 'X'",
    "\nUÑO\nDOS\n".encode(): r"'\nUÑO\nDOS'",
    b"\x1b[2J\\\x07\x00\x7f\t1\r2\n": r"'\x1b[2J\\\x07\x00\x7f\t1\r2'",
    "\ufeff\x9b\u2028\u202e\n".encode(): r"'\ufeff\x9b\u2028\u202e'",
    b"\x80 \xff \xe2\x82\n": r"'\udc80 \udcff \udce2\udc82'",
    b"UNO\n\xc3": "UNO",  # y un carácter a medias, que se verá cuando llegue el resto
    b"\x91\n": "Ñ",
}
ACCEPT_FAILS_ONCE = """if True:
    import socket
    accept = socket.socket.accept
    def fail_once(listener):
        socket.socket.accept = accept
        raise OSError(57, "Socket is not connected")
    socket.socket.accept = fail_once
"""
LOST = "Se perdió la conexión con el cliente.\n"


def connected(conn):
    return f"Conexión establecida con el cliente {conn.getsockname()}\n"


def exchanged(message, reply):
    return f"Mensaje recibido: {message}\nRespuesta enviada al cliente: {reply}\n"


def said_goodbye(conn):
    end = f"El cliente {conn.getsockname()} solicita desconexión.\n"
    return f"Mensaje recibido: DESCONEXION\n{end}"


def upper(data):
    text, _ = codecs.utf_8_decode(data, "surrogateescape", False)
    return text.upper().encode("utf-8", "surrogateescape")


def ask(conn, message):
    """Envía `message` y devuelve su respuesta."""
    conn.sendall(message)
    return receive(conn, len(upper(message)))


def say(conn, conversation):
    """Pregunta cada parte y envía la última; devuelve las respuestas anteriores."""
    *parts, last = conversation.split(b"|")
    replies = b"".join(ask(conn, part) for part in parts)
    conn.sendall(last)
    return replies


def fill(conn):
    """Envía líneas sin leer hasta que ambos lados se quedan bloqueados."""
    conn.settimeout(0.3)
    try:
        while True:
            conn.sendall(b"hola\n" * 1000)
    except socket.timeout:
        pass


class ReplyTest(Case):
    def setUp(self):
        self.server = self.serve()

    def test_goodbyes(self):
        """DESCONEXION cierra la conexión, y lo anterior a ella se responde."""
        for conversation, expected in GOODBYES.items():
            with self.connect(self.server) as conn:
                replies = say(conn, conversation) + receive(conn)
                self.assertEqual(replies, expected, conversation[-40:])
                self.server.out.until(said_goodbye(conn))

    def test_texts(self):
        """Todo lo demás se responde, y quien cierra su lado lo recibe entero."""
        for conversation in TEXTS:
            with self.connect(self.server) as conn:
                replies = say(conn, conversation)
                conn.shutdown(socket.SHUT_WR)
                replies += receive(conn)
                expected = upper(conversation.replace(b"|", b""))
                self.assertEqual(replies, expected, conversation[-40:])
                left = f"El cliente {conn.getsockname()} se fue sin despedirse.\n"
                self.server.out.until(left)

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
            replies = receive(conn, len(data))
            sender.join()
            self.assertEqual(replies, upper(data))
            peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            peaks.append(int(peak[1]))
        self.assertLess(peaks[1] - peaks[0], 8192)


class QueueTest(Case):
    def setUp(self):
        self.server = self.serve()
        self.conn = self.connect(self.server)

    def survives(self):
        """Comprueba que se dio una conexión por perdida y se atiende a la próxima."""
        self.server.out.until(LOST)
        with self.connect(self.server) as conn:
            self.assertEqual(ask(conn, b"sigue\n"), b"SIGUE\n")

    def test_one_at_a_time(self):
        """Los demás esperan en la cola, y se les atiende en orden."""
        conns = [self.conn, *(self.connect(self.server) for _ in range(11))]
        for conn in conns:
            conn.sendall(b"hola\n")
        for conn in conns:
            replies = receive(conn, 5) + say(conn, b"sigo\n|" * 20 + b"DESCONEXION")
            self.assertEqual(replies + receive(conn), b"HOLA\n" + b"SIGO\n" * 20)
            log = exchanged("hola", "HOLA") + exchanged("sigo", "SIGO") * 20
            self.server.out.expect(connected(conn) + log + said_goodbye(conn))

    def test_long_message(self):
        """Un mensaje largo que esperaba en la cola se lee de una vez."""
        with self.connect(self.server) as conn:
            conn.sendall(b"x" * 50_000)
            self.conn.close()
            self.server.out.until(connected(conn))
            self.server.out.expect(exchanged("x" * 50_000, "X" * 50_000))

    def test_reset(self):
        """Quien corta la conexión, incluso en la cola, solo acaba con la suya."""
        ask(self.conn, b"hola\n")
        waiting = self.connect(self.server)
        waiting.sendall(b"hola\n")
        for conn in waiting, self.conn:
            reset(conn)
        self.survives()
        self.survives()

    def test_reset_with_replies_pending(self):
        """Quien corta la conexión sin leer sus respuestas solo acaba con la suya."""
        fill(self.conn)
        reset(self.conn)
        self.survives()

    def test_accept_fails(self):
        """Si falla accept, como puede en macOS y Windows, se atiende al siguiente."""
        self.server = self.serve(prepare=ACCEPT_FAILS_ONCE)
        self.survives()

    @linux_only
    def test_leaving_without_reading(self):
        """Quien no leyó se despide igual; lo que no se le pudo responder no consta."""
        for last, end in (b"DESCONEXION", said_goodbye(self.conn)), (b"tarde\n", LOST):
            self.conn.sendall(b"hola\n")
            self.server.out.until(exchanged("hola", "HOLA"))
            self.server.process.send_signal(signal.SIGSTOP)
            self.conn.sendall(last)
            self.conn.close()  # con algo sin leer, es un corte
            self.server.process.send_signal(signal.SIGCONT)
            self.server.out.expect(end)
            self.conn = self.connect(self.server)


class ConsoleTest(Case):
    def test_shown(self):
        """Lo que trae un recv va en una línea, y ningún cliente altera la consola."""
        server = self.serve()
        conn = self.connect(server)
        server.out.expect(connected(conn))
        for data, shown in SHOWN.items():
            conn.sendall(data)
            server.out.expect(exchanged(shown, shown))

    def test_encodings(self):
        """Lo que la consola no puede mostrar va como código, y nada se retiene."""
        for options, received, reply in (
            ({"encoding": "ascii"}, r"\xf1 \u20ac", r"\xd1 \u20ac"),
            ({"encoding": "cp1252"}, "ñ €", "Ñ €"),
            ({"prepare": LIKE_IDLE}, "ñ €", "Ñ €"),
        ):
            server = self.serve(**options)
            self.connect(server).sendall("ñ €\n".encode())
            server.out.until(exchanged(received, reply))


class StartTest(Case):
    def test_cannot_listen(self):
        """Si no puede escuchar, lo dice en una línea con la dirección y el motivo."""
        taken = self.serve().port
        for port, reason in (taken, r"\[.*ddress"), (65536, ".*65535"):
            server = self.start("server.py", port)
            server.err.expect(f"No se puede escuchar en {HOST}:{port}: ")
            self.assertRegex(server.err.until("\n"), rf"\A{reason}")
            server.ends(1)

    @linux_only
    def test_only_this_address(self):
        """En las demás direcciones de la máquina no escucha."""
        server = self.serve()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", server.port)).close()

    def test_restart(self):
        """Se puede reiniciar en el acto, aunque tuviera un cliente."""
        server = self.serve()
        ask(self.connect(server), b"hola\n")
        server.stop()
        self.serve(server.port)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C lo para en menos de un segundo y en silencio, haga lo que haga."""
        for state in "sin cliente", "con un cliente callado", "con uno que no lee":
            server = self.serve()
            if state != "sin cliente":
                conn = self.connect(server)
                server.out.until(connected(conn))
            if state == "con uno que no lee":
                fill(conn)
            out = server.out.peek()
            server.process.send_signal(signal.SIGINT)
            server.ends(-signal.SIGINT, out, seconds=1)
