"""Cliente TCP que envía cada línea al servidor y muestra su respuesta.

Se conecta al puerto 5000 de 127.0.0.1, o al que se indique.
"""

import argparse
import contextlib
import io
import os
import select
import socket
import sys
import time
from typing import Optional

with contextlib.suppress(ImportError):  # en Windows no existe
    import readline  # da edición e historial a input

    readline.parse_and_bind("set convert-meta off")  # ni en ASCII se pierde una ñ

HOST = "127.0.0.1"
PORT = 5000
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente."
BUFSIZE = 65536  # bytes
MAX_MESSAGE = 65536  # bytes; con más, ambos podrían bloquearse enviando a la vez

# La consola muestra escapado lo que podría alterarla: los controles, los separadores
# de línea y de párrafo y los controles bidireccionales.
CONTROLS = {*range(0xA0)} - {ord("\\")}  # y el ASCII imprimible, tal cual
SEPARATORS = {0x2028, 0x2029}
BIDI = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CONTROLS | SEPARATORS | BIDI}


def receive(conn: socket.socket, seconds: float) -> Optional[bytes]:
    """Devuelve lo que llega en `seconds` segundos: None si nada, b"" si se cerró."""
    if not select.select([conn], [], [], seconds)[0]:
        return None
    try:
        return conn.recv(BUFSIZE)
    except OSError:
        return b""


def ask(conn: socket.socket, message: bytes) -> bytes:
    """Envía `message` y devuelve la respuesta, o b"" si el servidor ya no está.

    TCP no dice dónde acaba una respuesta. Acaba en su salto de línea o, como hay
    servidores que no lo envían, tras 0,3 segundos de silencio o al cerrarse.
    """
    with contextlib.suppress(OSError):  # si falla, tampoco llegará respuesta
        conn.sendall(message)
    reply = b""
    silences = 0
    while not reply.endswith(b"\n"):
        chunk = receive(conn, 0.3)
        if chunk is None and not reply:
            silences += 1
            if silences == 7:  # algo más de dos segundos
                print(BUSY, file=sys.stderr, flush=True)
        elif chunk:
            reply += chunk
        else:
            break
    return reply


def talk(conn: socket.socket) -> int:
    """Conversa hasta la despedida y devuelve el código de salida: 130 si es Ctrl+C."""
    prompt = PROMPT if os.isatty(0) else ""
    while True:
        try:
            line = input(prompt).removesuffix("\r")  # de un fichero de Windows
        except (EOFError, RuntimeError, KeyboardInterrupt) as end:
            # RuntimeError: está cerrado algún flujo estándar.
            if prompt:
                print()
            return 130 if isinstance(end, KeyboardInterrupt) else 0
        if line == "DESCONEXION":
            return 0
        message = line.encode("utf-8", "surrogateescape")
        if len(message) > MAX_MESSAGE:
            print(f"No enviado: el máximo son {MAX_MESSAGE} bytes.", file=sys.stderr)
            continue
        reply = ask(conn, message + b"\n")
        if not reply:
            sys.exit("El servidor ha cerrado la conexión.")
        text = reply.decode("utf-8", "backslashreplace").rstrip("\r\n")
        print("Respuesta del servidor:", text.translate(ESCAPES))


def say_goodbye(conn: socket.socket) -> None:
    """Se despide y espera a que el servidor cierre, dos segundos como mucho."""
    with contextlib.suppress(OSError):
        conn.sendall(b"DESCONEXION")
        conn.shutdown(socket.SHUT_WR)
    print("Cerrando conexión con el servidor...")
    deadline = time.monotonic() + 2
    while (left := deadline - time.monotonic()) > 0 and receive(conn, left):
        pass


def main() -> None:
    """Se conecta al servidor, conversa y se despide."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        conn = socket.create_connection((HOST, port))
    except (OSError, OverflowError) as error:
        sys.exit(f"No hay servidor en {HOST}:{port} ({error}): inicia antes server.py.")
    with conn:
        print("Se establece una conexión con el servidor.")
        status = talk(conn)
        say_goodbye(conn)
    sys.exit(status)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print(file=sys.stderr)  # tras el ^C que muestra el terminal
        sys.exit(130)
    except OSError as error:  # de la consola; los de la conexión no llegan aquí
        print(f"Error de entrada o salida: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # sin que Python vuelva a intentarlo al salir
