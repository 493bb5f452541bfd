"""Cliente TCP que envía cada línea al servidor y muestra su respuesta.

Se conecta al puerto 5000 de 127.0.0.1, o al que se indique. Entiende también a los
servidores que no terminan sus respuestas con un salto de línea.
"""

import argparse
import contextlib
import select
import socket
import sys

# Basta importar readline para que input permita editar y recuperar líneas con las
# flechas. Windows no lo tiene, ni lo necesita: allí se ignora el error.
with contextlib.suppress(ImportError):
    import readline  # noqa: F401 (para que ruff no diga que sobra)

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 65536  # bytes que se piden a recv, como máximo
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente."


def wait_readable(conn: socket.socket, seconds: float) -> bool:
    """Espera hasta `seconds` segundos y dice si hay algo que leer (o el cierre)."""
    # Las tres listas de select: para leer, para escribir y para los errores.
    readable, _, _ = select.select([conn], [], [], seconds)
    return bool(readable)


def ask(conn: socket.socket, line: str) -> str:
    """Envía `line` y devuelve la respuesta, sin saltos de línea finales.

    Espera sin límite; a los dos segundos, avisa. Lanza OSError si se pierde la conexión
    o el servidor la cierra sin responder, o si el envío tarda más de diez segundos.
    """
    # Lo que llegó antes (un saludo, el resto de otra respuesta) se descarta.
    while wait_readable(conn, 0):
        if not conn.recv(BUFSIZE):  # b"" significa que el servidor cerró
            raise ConnectionError  # que es un OSError
    conn.sendall(line.encode() + b"\n")
    # En Windows, Python no ve Ctrl+C hasta que acaba una espera: por eso son cortas.
    waits = 0
    while not wait_readable(conn, 0.5):
        waits += 1
        if waits == 4:  # dos segundos
            print(BUSY, file=sys.stderr, flush=True)
    reply = conn.recv(BUFSIZE)
    if not reply:  # el servidor cerró sin responder
        raise ConnectionError
    # TCP no dice dónde termina una respuesta. La de server.py termina en un salto de
    # línea; si un servidor no lo envía, la suya termina tras 0.3 segundos de silencio.
    while not reply.endswith(b"\n") and wait_readable(conn, 0.3):
        data = conn.recv(BUFSIZE)
        if not data:  # el servidor cerró: no hay más
            break
        reply += data
    return reply.decode(errors="replace").rstrip("\r\n")


def main() -> None:
    """Se conecta al servidor y conversa con él hasta la despedida."""
    # Lo que no se puede leer se convierte en «�»; lo que la consola no puede mostrar
    # se ve como código (\xf1 por ñ). IDLE no tiene reconfigure ni lo necesita.
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Un argumento opcional («?»), que en la ayuda (-h) aparece como «puerto».
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    with socket.socket() as conn:  # al salir de aquí, la conexión se cierra
        conn.settimeout(10)  # segundos para connect y sendall; ask espera con select
        try:
            # create_connection, en Linux, tomaría 70000 por 4464 (70000 - 65536).
            conn.connect((HOST, port))
        except (OSError, OverflowError):  # OverflowError: no existe ese puerto
            sys.exit(f"No hay servidor en {HOST}:{port}: inicia primero server.py.")
        print("Se establece una conexión con el servidor.")
        try:
            while (line := input(PROMPT)) != "DESCONEXION":
                try:
                    reply = ask(conn, line)
                except OSError:
                    sys.exit("Se perdió la conexión con el servidor.")
                print("Respuesta del servidor:", reply)
        except EOFError:  # Ctrl+D; en Windows, Ctrl+Z y Enter
            print()
        print("Cerrando conexión con el servidor...")
        with contextlib.suppress(OSError):  # el servidor puede haberse ido ya
            # Sin salto de línea: hay servidores que comparan exactamente con esto.
            conn.sendall(b"DESCONEXION")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()  # para dejar el cursor en otra línea
        sys.exit(130)  # el código habitual de un programa terminado con Ctrl+C
