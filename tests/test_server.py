"""El servidor, visto por sus clientes y en su consola."""

import os
import random
import re
import socket
import threading
import time

from tests.support import Case, fill, needs_proc, posix_only, read, reset

# En las conversaciones, | separa lo que trae un recv de lo que trae el siguiente.
GOODBYES = {  # y lo que se responde antes
    b"DESCONEXION\n": b"",
    b"DESCONEXION\r\n": b"",
    b"DESCONEXION": b"",
    b"DESCONEXION\r": b"",
    b"DESCO|NEXION\n": b"DESCO",
    b"DESCO|NEXION\r\n": b"DESCO",
    b"DESCO|NEXION": b"DESCO",
    b"D|E|S|C|O|N|E|X|I|O|N": b"DESCONEXIO",
    b"hola\nDESCONEXION": b"HOLA\n",
    b"hola\r\nDESCONEXION\r\n": b"HOLA\r\n",
    b"hola\n|DESCONEXION\n": b"HOLA\n",
    b"hola|DESCONEXION": b"HOLA",
    b"hola|DESCONEXION\r": b"HOLA",
    b"hola|\nDESCONEXION\n": b"HOLA\n",
    b"hola\nDESCO|NEXION\n": b"HOLA\nDESCO",
    b"\n\nDESCONEXION\n": b"\n\n",
    b"DESCONEXIONES\nDESCONEXION\n": b"DESCONEXIONES\n",
    b"uno\nDESCONEXION\ndos\nDESCONEXION\n": b"UNO\n",
    b"x" * 65536 + b"|DESCONEXION": b"X" * 65536,
    b"x" * 65535 + b"\n|DESCONEXION\n": b"X" * 65535 + b"\n",
    b"x\xc3|DESCONEXION": b"X\xc3",
    b"x\xc3|\nDESCONEXION\n": b"X\xc3\n",
}
TEXTS = [
    b"",
    b"\n",
    b"desconexion\n",
    b" DESCONEXION\n",
    b"DESCONEXION \n",
    b"DESCONEXION\r\r\n",
    b"DESCONEXION\r\r",
    b"DESCONEXION\rx|\n",
    b"DESCONEXIONES\n",
    b"DESCO|NEXIONES|\n",
    b"no DESCONEXION aun\n",
    b"hola|DESCONEXION\n",
    b"hola|DESCONEXION\r\n",
    b"hola|DESCO|NEXION",
    b"hola\rDESCONEXION\n",
    b"x" * 65536 + b"|DESCONEXION\n",
    b"x" * 65536 + b"|DESCO|NEXION",
    "DESCONEXIÓN\n".encode(),
    "straße ŉ ﬁ ñandú 😀 \t \x1b[1m \u2028\r\n".encode(),
    # Lo que no es UTF-8 vuelve como llegó, y su ASCII en mayúsculas.
    b"a\xffb\xfe\n",
    b"a\x80\xc0\xafb\n",
    b"a\xed\xa0\x80b\xf5\x90\x80\x80c\n",
    b"a\xe2\x82b\n",
    b"a\xe2\x82|b\n",
    b"a\xe2\x82",
    b"a\xf0\x9f\x98",
]


def upper(data):
    text = data.decode("utf-8", "surrogateescape").upper()
    return text.encode("utf-8", "surrogateescape")


def say(conn, conversation):
    """Envía cada parte cuando se ha respondido la anterior; devuelve las respuestas."""
    replies = b""
    *parts, last = conversation.split(b"|")
    for part in parts:
        conn.sendall(part)
        replies += read(conn, len(part.decode(errors="ignore").upper().encode()))
    conn.sendall(last)
    return replies


class ReplyTest(Case):
    def setUp(self):
        self.server = self.serve()

    def test_goodbyes(self):
        """DESCONEXION cierra la conexión, y lo anterior a ella se responde."""
        for conversation, expected in GOODBYES.items():
            with self.subTest(conversation[-40:]), self.connect(self.server) as conn:
                replies = say(conn, conversation)
                try:
                    replies += read(conn)
                except ConnectionError:  # quien envió algo tras despedirse
                    self.assertIn(b"dos", conversation)
                self.assertTrue(replies == expected, replies[-40:])
                self.server.out.until("solicita desconexión.\n")

    def test_texts(self):
        """Todo lo demás se responde, y quien cierra su lado lo recibe entero."""
        for conversation in TEXTS:
            with self.subTest(conversation[-40:]), self.connect(self.server) as conn:
                replies = say(conn, conversation)
                conn.shutdown(socket.SHUT_WR)
                replies += read(conn)
                expected = upper(conversation.replace(b"|", b""))
                self.assertTrue(replies == expected, replies[-40:])
                self.server.out.until("se fue sin despedirse.\n")

    def test_every_cut(self):
        """Cada trozo se responde en cuanto llega, se corte por donde se corte."""
        data = "x straße €, 😀\r\nñ ŉ\n".encode()
        with self.connect(self.server) as conn:
            for cut in range(len(data)):
                replies = say(conn, data[:cut] + b"|" + data[cut:])
                replies += read(conn, len(upper(data)) - len(replies))
                self.assertEqual(replies, upper(data))

    def test_stream(self):
        """Las respuestas, unidas, son las mayúsculas de lo enviado, unido."""
        rng = random.Random(5000)
        pieces = [
            "ñ".encode(),
            "😀".encode(),
            "ß".encode(),
            b"\xff",
            b"\xe2\x82",
            b"\n",
        ]
        pieces += [b"hola", b"DESCONEXIO", b"\r\n", b" DESCONEXION "]
        data = b"x" + b"".join(rng.choices(pieces, k=20_000)) + b"x"
        cuts = sorted(rng.sample(range(len(data)), k=100))

        def send():
            for start, end in zip([0, *cuts], [*cuts, len(data)]):
                conn.sendall(data[start:end])
            conn.shutdown(socket.SHUT_WR)

        with self.connect(self.server) as conn:
            sender = threading.Thread(target=send)
            sender.start()
            replies = read(conn)
            sender.join()
        self.assertTrue(replies == upper(data))


class EndTest(Case):
    def setUp(self):
        self.server = self.serve()

    def is_alive(self):
        with self.connect(self.server) as conn:
            conn.sendall(b"sigue\n")
            self.assertEqual(read(conn, 6), b"SIGUE\n")

    def lost(self, conn):
        return f"Se perdió la conexión con el cliente {conn.getsockname()}.\n"

    def test_reset(self):
        """Un cliente que corta la conexión solo acaba con su conversación."""
        conn = self.connect(self.server)
        conn.sendall(b"hola\n")
        read(conn, 5)
        lost = self.lost(conn)
        reset(conn)
        self.server.out.until(lost)
        self.is_alive()

    def test_reset_with_replies_pending(self):
        """Tampoco si el servidor estaba bloqueado al enviarle respuestas."""
        conn = self.connect(self.server)
        fill(conn)
        lost = self.lost(conn)
        reset(conn)
        self.server.out.until(lost)
        self.is_alive()

    def test_reset_in_the_queue(self):
        """Ni quien la corta mientras espera su turno."""
        first, second, third = (self.connect(self.server) for _ in range(3))
        first.sendall(b"uno\n")
        read(first, 4)
        second.sendall(b"dos\n")
        reset(second)
        third.sendall(b"tres\n")
        first.close()
        self.assertEqual(read(third, 5), b"TRES\n")

    def test_accept_fails(self):
        """Ni siquiera si es accept quien falla, como en macOS y Windows."""
        program = """if True:
            import runpy, socket
            accept = socket.socket.accept
            def fail_once(listener):
                socket.socket.accept = accept
                raise OSError(57, "Socket is not connected")
            socket.socket.accept = fail_once
            runpy.run_path("server.py", run_name="__main__")
        """
        self.server = self.serve("-c", program, 0)
        self.is_alive()

    def test_one_at_a_time(self):
        """Los demás esperan en la cola y se les atiende por orden."""
        conns = [self.connect(self.server) for _ in range(5)]
        for number, conn in enumerate(conns):
            conn.sendall(b"soy %d\n" % number)
        for number, conn in enumerate(conns):
            self.assertEqual(read(conn, 6), b"SOY %d\n" % number)
            for waiting in conns[number + 1 :]:
                waiting.setblocking(False)
                self.assertRaises(BlockingIOError, waiting.recv, 1)
                waiting.settimeout(None)
            conn.sendall(b"DESCONEXION\n")
            self.assertEqual(read(conn), b"")

    @needs_proc
    def test_memory(self):
        """La memoria no crece con lo que llega, aunque no haya saltos de línea."""

        conn = self.connect(self.server)
        data = b"x" * 2**20
        peaks = []  # en KiB
        for _ in range(32):
            sender = threading.Thread(target=conn.sendall, args=(data,))
            sender.start()
            self.assertEqual(len(read(conn, len(data))), len(data))
            sender.join()
            with open(f"/proc/{self.server.process.pid}/status") as status:
                peaks.append(int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]))
        self.assertLess(peaks[-1] - peaks[0], 8192)


SHOWN = {  # lo que alteraría la consola va escapado, y nada más
    "€ 😀 \\ \u200d \xa0".encode(): "€ 😀 \\ \u200d \xa0",
    b"\x1b[2-\x07\x00\x7f\t\x0b": r"\x1b[2-\x07\x00\x7f\t\x0b",
    b"1\r2": r"1\r2",
    "\x80\x85\x9b\x9f".encode(): r"\x80\x85\x9b\x9f",
    "\u2028\u2029".encode(): r"\u2028\u2029",
    "\u061c\u200e\u200f\u202a\u202e\u2066\u2069".encode(): (
        r"\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    ),
    b"\x80 \xff \xe2\x82": r"\x80 \xff \xe2\x82",
    b"": "",
}


class ConsoleTest(Case):
    def talk(self, encoding="utf-8"):
        """Conecta un cliente, que devuelve, y comprueba que la consola lo anuncia."""
        self.server = self.serve(encoding=encoding)
        conn = self.connect(self.server)
        self.address = conn.getsockname()
        line = f"Conexión establecida con el cliente {self.address}\n"
        line = line.encode(encoding, "backslashreplace").decode(encoding)
        self.assertEqual(self.server.out.until("\n"), line)
        return conn

    def shows(self, received, sent, *others):
        """Comprueba lo que la consola muestra a continuación."""
        lines = [f"Mensaje recibido: {line}\n" for line in received]
        lines += [f"Respuesta enviada al cliente: {line}\n" for line in sent]
        text = "".join([*lines, *(f"{line}\n" for line in others)])
        self.assertEqual(self.server.out.until(text), text)

    def test_transcript(self):
        """Lo que trae un recv se muestra junto: lo recibido y luego lo enviado."""
        conn = self.talk()
        conn.sendall("uno\r\n\nañ".encode()[:-1])
        self.shows(["uno", "", "a"], ["UNO", "", "A"])
        conn.sendall("ñ".encode()[1:] + b"\nx\xc3")
        self.shows(["ñ", "x"], ["Ñ", "X"])
        conn.sendall(b"DESCONEXION")
        end = f"El cliente {self.address} solicita desconexión."
        self.shows([r"\xc3", "DESCONEXION"], [r"\xc3"], end)

    def test_leaving(self):
        """Quien se va sin despedirse se ve, y también lo que dejó a medias."""
        conn = self.talk()
        conn.sendall(b"\xc3")
        conn.close()
        end = f"El cliente {self.address} se fue sin despedirse."
        self.shows([r"\xc3"], [r"\xc3"], end)

    def test_escapes(self):
        """Un cliente no puede alterar la consola."""
        conn = self.talk()
        for message, shown in SHOWN.items():
            with self.subTest(message):
                conn.sendall(message + b"\n")
                self.shows([shown], [shown])

    def test_encodings(self):
        """Lo que la codificación de la consola no tiene va escapado."""
        for encoding, received, sent in (
            ("ascii", r"\xf1 \u20ac \U0001f600", r"\xd1 \u20ac \U0001f600"),
            ("cp1252", r"ñ € \U0001f600", r"Ñ € \U0001f600"),
        ):
            with self.subTest(encoding):
                conn = self.talk(encoding)
                conn.sendall("ñ € 😀\n".encode())
                self.shows([received], [sent])
                self.assertEqual(read(conn, 12), "Ñ € 😀\n".encode())


class StartTest(Case):
    def test_only_this_address(self):
        """En las demás direcciones de la máquina no escucha."""
        server = self.serve()
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.2", server.port), 5).close()

    def test_help(self):
        """-h se entiende, también en una consola ASCII."""
        server = self.start("server.py", "-h", encoding="ascii")
        self.assertEqual(server.end(), 0)
        self.assertIn("puerto", server.out.rest())

    def test_cannot_listen(self):
        """Si no puede escuchar, lo dice en una línea con la dirección y el motivo."""
        taken = self.serve().port
        for port, reason in (taken, "ddress"), (65536, "65535"), (-1, "65535"):
            with self.subTest(port):
                server = self.start("server.py", port)
                self.assertEqual(server.end(), 1)
                error = server.err.rest()
                self.assertRegex(error, rf"\ANo se puede .*127.0.0.1:{port}.*\n\Z")
                self.assertIn(reason, error)

    def test_restart(self):
        """Se puede reiniciar en el acto, aunque tuviera un cliente."""
        server = self.serve()
        conn = self.connect(server)
        conn.sendall(b"hola\n")
        read(conn, 5)
        server.process.kill()
        server.end()
        self.assertEqual(self.serve("server.py", server.port).port, server.port)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C lo para en menos de un segundo y en silencio, haga lo que haga."""
        for state in "sin cliente", "cliente callado", "cliente que no lee":
            with self.subTest(state):
                server = self.serve()
                if state != "sin cliente":
                    conn = self.connect(server)
                    server.out.until(f"el cliente {conn.getsockname()}\n")
                if state == "cliente que no lee":
                    fill(conn)
                server.interrupt()
                with self.lasting(0, 1):
                    server.end()
                self.assertEqual(server.err.rest(), "")
                if state != "cliente que no lee":
                    self.assertEqual(server.out.rest(), "")

    @needs_proc
    def test_waiting_is_free(self):
        """Esperar no gasta procesador, con cliente, sin él y cuando se ha ido."""

        def cpu():
            with open(f"/proc/{server.process.pid}/stat") as stat:
                times = stat.read().rpartition(")")[2].split()[11:13]
            return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

        server = self.serve()
        conn = self.connect(server)
        for event in "Conexión establecida", "se fue sin despedirse":
            server.out.until(event)
            before = cpu()
            time.sleep(0.5)
            self.assertLess(cpu() - before, 0.1)
            conn.close()
