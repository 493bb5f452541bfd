"""Cliente TCP que envía cada línea al servidor y muestra su respuesta.

Se conecta al puerto 5000 de 127.0.0.1, o al que se indique.
"""

import argparse
import contextlib
import io
import select
import socket
import sys

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 65536  # bytes
TIMEOUT = 10  # segundos para conectar o enviar
SILENCE = 0.5  # segundos que dura un silencio
NOTICE_AFTER = 4  # silencios seguidos antes de avisar
GOODBYE = "DESCONEXION"
PROMPT = f"Ingresa mensaje (o '{GOODBYE}' para salir): "
NOTICE = "El servidor aún no responde: quizá atiende a otro cliente. Ctrl+C para salir."


def main() -> None:
    """Se conecta al servidor y conversa con él hasta la despedida."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    with socket.socket() as conn:  # por omisión, TCP sobre IPv4
        conn.settimeout(TIMEOUT)
        try:
            conn.connect((HOST, port))
        except (OSError, OverflowError) as error:  # OverflowError: puerto no válido
            sys.exit(
                f"No se puede conectar con {HOST}:{port}: {error}\n"
                "¿Has iniciado el servidor?"
            )
        print("Se establece una conexión con el servidor.")
        while (line := read_line()) != GOODBYE:
            try:
                reply = ask(conn, line)
            except OSError:
                sys.exit("Se perdió la conexión con el servidor.")
            print("Respuesta del servidor:", reply)
        print("Cerrando conexión con el servidor...")
        with contextlib.suppress(OSError):  # el servidor puede haberse ido ya
            # Sin \n: algún servidor no lo quita; el que lo espera ve el cierre.
            conn.sendall(GOODBYE.encode())


def read_line() -> str:
    """Pide una línea; el final de la entrada equivale a la despedida."""
    try:
        return input(PROMPT).rstrip("\r")  # en Unix, un archivo con \r\n deja el \r
    except EOFError:  # Ctrl+D; en Windows, Ctrl+Z y Enter
        print()
        return GOODBYE


def ask(conn: socket.socket, line: str) -> str:
    """Envía `line` y devuelve la respuesta, sin saltos de línea finales.

    Espera sin límite a que la respuesta empiece y avisa si tarda. La da por completa
    si lo recibido acaba en salto de línea, si hay silencio o si acaba la conexión; lo
    que llegue más tarde pasa a la respuesta siguiente.
    Lanza OSError si enviar tarda más de TIMEOUT o la conexión acaba sin respuesta.
    """
    conn.sendall(line.encode() + b"\n")  # hay servidores que leen hasta el \n
    silences = 0
    while not wait_readable(conn):
        silences += 1
        if silences == NOTICE_AFTER:
            print(NOTICE, file=sys.stderr)
    reply = b""
    with contextlib.suppress(ConnectionError):  # si se corta, vale lo que llegó
        while data := conn.recv(BUFSIZE):  # b"" significa que el servidor cerró
            reply += data
            if reply.endswith(b"\n"):
                break
            if not wait_readable(conn):  # silencio: hay servidores que no envían \n
                break
    if not reply:
        raise OSError("la conexión acabó sin respuesta")
    return reply.decode(errors="replace").rstrip("\r\n")


def wait_readable(conn: socket.socket) -> bool:
    """Espera a que llegue algo o se cierre la conexión; False tras SILENCE segundos."""
    # La espera ha de ser corta: en Windows, Python no ve Ctrl+C hasta que acaba.
    readable, _, _ = select.select([conn], [], [], SILENCE)
    return bool(readable)


def prepare_console() -> None:
    """Permite usar las flechas y evita que un carácter detenga el programa."""
    # Basta importar readline para que input permita usar las flechas. Si falta (en
    # Windows) o falla (el viejo pyreadline, con AttributeError), se sigue sin él.
    with contextlib.suppress(ImportError, AttributeError):
        import readline  # noqa: F401
    # En IDLE y Thonny, stdin y stdout son de otras clases, y reconfigure sobra.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # lo ilegible se lee como «�»
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Si no se puede mostrar €, se ve \u20ac.
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    try:
        prepare_console()
        main()
    except KeyboardInterrupt:
        print(file=sys.stderr)  # para dejar el cursor en otra línea
        sys.exit(130)  # el código habitual en Unix tras Ctrl+C
