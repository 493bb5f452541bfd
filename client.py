"""Cliente TCP que envía cada línea al servidor y muestra su respuesta.

Se conecta al puerto 5000 de 127.0.0.1, o al que se indique.
"""

import argparse
import contextlib
import select
import socket
import sys

# Basta importar readline para que input permita editar y recuperar líneas con las
# flechas. Donde falta (Windows) o falla (el viejo pyreadline), se sigue sin él.
with contextlib.suppress(Exception):
    import readline  # noqa: F401

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 65536  # bytes
TIMEOUT = 10  # segundos, para conectar o para enviar
SILENCE = 0.5  # segundos sin recibir nada
NOTICE_AFTER = 4  # silencios seguidos
GOODBYE = "DESCONEXION"
PROMPT = f"Ingresa mensaje (o '{GOODBYE}' para salir): "
NOTICE = "El servidor aún no responde: quizá atiende a otro cliente. Ctrl+C para salir."


def read_line() -> str:
    """Pide una línea; el final de la entrada equivale a la despedida."""
    try:
        return input(PROMPT).rstrip("\r")  # el \r de un archivo de Windows
    except EOFError:  # Ctrl+D; en Windows, Ctrl+Z y Enter
        print()
        return GOODBYE


def wait_readable(conn: socket.socket) -> bool:
    """Espera a que llegue algo o cierre el servidor; False tras SILENCE segundos."""
    # La espera ha de ser corta: en Windows, Python no ve Ctrl+C hasta que acaba.
    readable, _, _ = select.select([conn], [], [], SILENCE)
    return bool(readable)


def ask(conn: socket.socket, line: str) -> str:
    """Envía `line` y devuelve la respuesta, sin saltos de línea finales.

    Espera sin límite a que la respuesta empiece, y avisa si tarda. La respuesta acaba
    con un salto de línea final, con un silencio o con el fin de la conexión; lo que
    llegue más tarde pasa a la respuesta siguiente.
    Lanza OSError si enviar tarda más de TIMEOUT o la conexión acaba sin respuesta.
    """
    conn.sendall(line.encode() + b"\n")
    silences = 0
    while not wait_readable(conn):
        silences += 1
        if silences == NOTICE_AFTER:
            print(NOTICE, file=sys.stderr, flush=True)
    data = conn.recv(BUFSIZE)
    if not data:  # b"" significa que el servidor cerró
        raise OSError
    reply = data
    with contextlib.suppress(ConnectionError):  # si se corta, vale lo que llegó
        while data and not reply.endswith(b"\n") and wait_readable(conn):
            data = conn.recv(BUFSIZE)
            reply += data
    return reply.decode(errors="replace").rstrip("\r\n")


def main() -> None:
    """Se conecta al servidor y conversa con él hasta la despedida."""
    # Lo ilegible se lee como «�». La entrada de IDLE no tiene reconfigure; la de Thonny
    # lo tiene, pero falla.
    if hasattr(sys.stdin, "reconfigure"):
        with contextlib.suppress(OSError):
            sys.stdin.reconfigure(errors="replace")
    # Lo que la consola no puede mostrar se ve como código (\xf1 por ñ).
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    with socket.socket() as conn:
        conn.settimeout(TIMEOUT)
        try:
            conn.connect((HOST, port))
        except (OSError, OverflowError):  # OverflowError: no existe ese puerto
            sys.exit(f"No hay servidor en {HOST}:{port}: inícialo en ese puerto.")
        print("Se establece una conexión con el servidor.")
        while (line := read_line()) != GOODBYE:
            try:
                reply = ask(conn, line)
            except OSError:
                sys.exit("Se perdió la conexión con el servidor.")
            print("Respuesta del servidor:", reply)
        print("Cerrando conexión con el servidor...")
        with contextlib.suppress(OSError):  # el servidor puede haberse ido ya
            # Sin salto de línea: hay servidores que comparan exactamente con esto.
            conn.sendall(GOODBYE.encode())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print(file=sys.stderr)  # para dejar el cursor en otra línea
        sys.exit(130)  # el código habitual en Unix tras Ctrl+C
