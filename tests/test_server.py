"""El servidor, visto por sus clientes y en su consola."""

import random
import re
import socket
import sys
import threading
import time

from tests.support import (
    HOST,
    PATIENCE,
    SHOWN,
    Case,
    linux_only,
    posix_only,
    read,
    reset,
)

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
    b"hola\n" * 9 + b"DESCO|NEXION\n": b"HOLA\n" * 9 + b"DESCO",
    b"hola|, mundo\nDESCONEXION\n": b"HOLA, MUNDO\n",
    b"\n\nDESCONEXION\n": b"\n\n",
    b"DESCONEXIONES\nDESCONEXION\n": b"DESCONEXIONES\n",
    b"uno\nDESCONEXION\ndos\nDESCONEXION\n": b"UNO\n",
    b"x" * 65536 + b"|DESCONEXION": b"X" * 65536,
    b"x" * 65535 + b"\n|DESCONEXION\n": b"X" * 65535 + b"\n",
    b"x\xc3|DESCONEXION": b"X",
    b"x\xc3|\nDESCONEXION\n": b"X\xc3\n",
}
TEXTS = [
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
    "straße ŉ ﬁ ñandú 😀 \t \x1b[1m \u2028\r\n".encode(),
    # Lo que no es UTF-8 vuelve como llegó, y su ASCII en mayúsculas.
    b"a\x80\xc0\xafb\xff\n",
    b"a\xed\xa0\x80b\xf5\x90\x80\x80c\n",
    b"a\xe2\x82|b\n",
]
PIECES = [*map(str.encode, "ñ😀ß"), b"\xff", b"\xe2\x82", b"\r\nDESCONEXION "]


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


def fill(conn):
    """Envía líneas sin leer hasta que ambos lados se quedan bloqueados."""
    conn.settimeout(0.3)
    try:
        while True:
            conn.sendall(b"hola\n" * 100_000)
    except socket.timeout:
        pass


class ReplyTest(Case):
    def setUp(self):
        self.server = self.serve()

    def test_goodbyes(self):
        """DESCONEXION cierra la conexión, y lo anterior a ella se responde."""
        for conversation, expected in GOODBYES.items():
            with self.subTest(conversation[-40:]), self.connect(self.server) as conn:
                replies = say(conn, conversation) + read(conn)
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

    def test_stream(self):
        """Se responde en el acto, se corte por donde se corte y sin gastar memoria."""
        conn = self.connect(self.server)
        data = "x straße €, 😀\r\nñ ŉ\n".encode()
        for cut in range(len(data)):
            replies = say(conn, data[:cut] + b"|" + data[cut:])
            replies += read(conn, len(upper(data)) - len(replies))
            self.assertEqual(replies, upper(data))
        rng = random.Random(5000)
        peaks = []  # en KiB
        for data in [b"x".join(rng.choices(PIECES, k=5_000)), *[b"x" * 2**20] * 9]:
            sender = threading.Thread(target=conn.sendall, args=(data + b"x",))
            sender.start()
            expected = upper(data + b"x")
            self.assertTrue(read(conn, len(expected)) == expected)
            sender.join()
            if sys.platform == "linux" and sys.implementation.name == "cpython":
                peak = re.search(r"VmHWM:\s+(\d+)", self.server.proc("status"))
                peaks.append(int(peak[1]))
        self.assertLess(peaks[-1] - peaks[1] if peaks else 0, 4096)


class EndTest(Case):
    def setUp(self):
        self.server = self.serve()
        self.conn = self.connect(self.server)

    def survives(self):
        """Comprueba que se dio una conexión por perdida y se atiende a la próxima."""
        self.server.out.until("Se perdió la conexión con el cliente.\n")
        with self.connect(self.server) as conn:
            self.assertEqual(say(conn, b"sigue\n|"), b"SIGUE\n")

    def test_reset(self):
        """Quien corta la conexión, incluso en la cola, solo acaba con la suya."""
        say(self.conn, b"hola\n|")
        waiting = self.connect(self.server)
        waiting.sendall(b"hola\n")
        for conn in waiting, self.conn:
            reset(conn)
        self.survives()
        self.survives()

    def test_reset_with_replies_pending(self):
        """Tampoco molesta quien la corta sin leer sus respuestas."""
        fill(self.conn)
        reset(self.conn)
        self.survives()

    def test_accept_fails(self):
        """Ni si es accept quien falla, como en macOS y Windows."""
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
        self.survives()

    @linux_only
    def test_leaving_without_reading(self):
        """Quien no leyó se despide igual; lo que no se le pudo responder no consta."""
        for last, end in (b"DESCONEXION", "solicita desc"), (b"tarde\n", "Se perdió"):
            self.conn.sendall(b"hola\n")
            self.server.out.until("HOLA\n")
            self.server.signal("SIGSTOP")
            self.conn.sendall(last)
            self.conn.close()  # con algo sin leer, es un corte
            self.server.signal("SIGCONT")
            self.assertNotIn("tarde", self.server.out.until(end))
            self.conn = self.connect(self.server)

    def test_one_at_a_time(self):
        """Los demás esperan en la cola, y lo que enviaron se lee de una vez."""
        conns = [self.conn, *(self.connect(self.server) for _ in range(4))]
        lines = [b"0\n", *(b"%d" % number * 50_000 + b"\n" for number in range(1, 5))]
        for conn, line in zip(conns, lines):
            conn.sendall(line)
        for number, (conn, line) in enumerate(zip(conns, lines)):
            self.assertTrue(read(conn, len(line)) == line)
            say(conn, b"sigo\n|" * 100)  # da tiempo a que se cuele otro
            for waiting in conns[number + 1 :]:
                waiting.setblocking(False)
                self.assertRaises(BlockingIOError, waiting.recv, 1)
                waiting.settimeout(PATIENCE)
            conn.sendall(b"DESCONEXION\n")
            self.assertEqual(read(conn), b"")
            log = self.server.out.until("solicita desconexión.\n")
            self.assertEqual(log.count("Mensaje recibido: "), 102)

    @posix_only
    def test_interrupt(self):
        """Ctrl+C lo para en menos de un segundo y en silencio, haga lo que haga."""
        for state in "sin cliente", "cliente callado", "cliente que no lee":
            with self.subTest(state):
                server = self.serve()
                if state != "sin cliente":
                    conn = self.connect(server)
                    server.out.until("Conexión establecida")
                if state == "cliente que no lee":
                    fill(conn)
                out = server.out.new()
                server.signal("SIGINT")
                self.ends(server, -2, out, seconds=1)

    def test_restart(self):
        """Se puede reiniciar en el acto, aunque tuviera un cliente."""
        say(self.conn, b"hola\n|")
        self.server.process.kill()
        self.server.process.wait()
        self.serve("server.py", self.server.port)

    @linux_only
    def test_waiting_is_free(self):
        """Esperar no gasta procesador, con cliente o cuando ya se ha ido."""
        for event in "Conexión establecida", "se fue sin despedirse":
            self.server.out.until(event)
            times = []  # de procesador, en centésimas de segundo
            for wait in 0.5, 0:
                stat = self.server.proc("stat").rpartition(")")[2].split()
                times.append(int(stat[11]) + int(stat[12]))
                time.sleep(wait)
            self.assertLess(times[1] - times[0], 10)
            self.conn.close()


class ConsoleTest(Case):
    def meet(self, encoding="utf-8"):
        """Conecta un cliente y comprueba que la consola lo anuncia."""
        self.server = self.serve(encoding=encoding)
        self.conn = self.connect(self.server)
        self.address = self.conn.getsockname()
        self.shows(f"Conexión establecida con el cliente {self.address}")

    def shows(self, *lines):
        """Comprueba lo que la consola muestra a continuación."""
        text = "".join(line + "\n" for line in lines)
        encoding = self.server.out.encoding
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        self.assertEqual(self.server.out.until(text), text)

    def exchanges(self, data, received, reply):
        """Comprueba lo que la consola muestra de `data` y de su respuesta."""
        self.conn.sendall(data)
        received = f"Mensaje recibido: {received}"
        self.shows(received, f"Respuesta enviada al cliente: {reply}")

    def test_shown(self):
        """Lo que trae un recv va en una línea, y ningún cliente altera la consola."""
        self.meet()
        for data, shown in SHOWN.items():
            with self.subTest(data):
                self.exchanges(data, shown, shown)

    def test_encodings(self):
        """Lo que la codificación de la consola no tiene va escapado."""
        for encoding in "ascii", "cp1252":
            with self.subTest(encoding):
                self.meet(encoding)
                self.exchanges("ñ € 😀\n".encode(), "ñ € 😀", "Ñ € 😀")
                self.assertEqual(read(self.conn, 12), "Ñ € 😀\n".encode())

    def test_ends(self):
        """La despedida, y quien se va sin ella, se ven; un carácter a medias, no."""
        self.meet()
        self.exchanges("uno\nñ".encode()[:-1], "uno", "UNO")
        self.exchanges("ñ".encode()[1:] + b"\nx\xc3", r"'ñ\nx'", r"'Ñ\nX'")
        self.conn.sendall(b"DESCONEXION")
        goodbye = f"El cliente {self.address} solicita desconexión."
        self.shows("Mensaje recibido: DESCONEXION", goodbye)
        self.meet()
        self.conn.sendall(b"\xc3")
        self.conn.close()
        self.shows(f"El cliente {self.address} se fue sin despedirse.")


class ListenTest(Case):
    def test_only_this_address(self):
        """En las demás direcciones de la máquina no escucha."""
        server = self.serve()
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.2", server.port), 5).close()

    def test_cannot_listen(self):
        """Si no puede escuchar, lo dice en una línea con la dirección y el motivo."""
        taken = self.serve().port
        for port, reason in (taken, "ddress"), (65536, "65535"):
            with self.subTest(port):
                server = self.start("server.py", port)
                self.ends(server, 1, err=rf".*{HOST}:{port}\b.*{reason}.*\n")
