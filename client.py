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
    import readline  # noqa: F401 (que ruff no avise de que no se usa)

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 131072  # bytes
PROMPT = "Ingresa mensaje (o 'DESCONEXION' para salir): "
BUSY = "El servidor aún no responde: puede que esté atendiendo a otro cliente."


def wait_readable(conn: socket.socket, seconds: float) -> bool:
    """Espera hasta `seconds` segundos y dice si llegó algo, o si `conn` se cerró."""
    # Las tres listas de select: para leer, para escribir y para los errores.
    readable, _, _ = select.select([conn], [], [], seconds)
    return bool(readable)


def ask(conn: socket.socket, line: str) -> str:
    """Envía `line` y devuelve la respuesta, o "" si se perdió la conexión."""
    try:
        # Lo que llegó antes (un saludo, el resto de otra respuesta) se descarta.
        while wait_readable(conn, 0):
            if not conn.recv(BUFSIZE):  # b"" significa que el servidor cerró
                return ""
        # El salto de línea volverá al final de la respuesta. surrogateescape conserva
        # los bytes ilegibles, como los de un archivo en otra codificación.
        conn.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
    except OSError:
        return ""
    # En Windows, Python no ve Ctrl+C hasta que acaba una espera: por eso son cortas.
    waits = 0
    while not wait_readable(conn, 0.5):
        waits += 1
        if waits == 4:  # dos segundos; flush muestra el aviso en el acto
            print(BUSY, file=sys.stderr, flush=True)
    # TCP no dice dónde termina una respuesta. La de server.py termina en un salto de
    # línea; si un servidor no lo envía, la suya termina tras 0,3 segundos de silencio.
    reply = b""
    with contextlib.suppress(OSError):  # si la conexión se corta, queda lo que llegó
        while not reply.endswith(b"\n") and wait_readable(conn, 0.3):
            data = conn.recv(BUFSIZE)
            if not data:
                break
            reply += data
    return reply.decode("utf-8", "surrogateescape")


def for_console(text: str) -> str:
    """Devuelve `text` en una línea: tal cual o, si no es imprimible, con repr."""
    text = text.rstrip("\r\n")
    # Un mensaje podría borrar la pantalla ("\x1b[2J") o hacerse pasar por dos ("\n").
    return text if text.isprintable() else repr(text)


def main() -> None:
    """Se conecta al servidor y conversa con él hasta la despedida."""
    # Los bytes ilegibles se conservan también al leer la entrada; lo que la consola no
    # puede mostrar se escapa (ñ, como \xf1). IDLE ya lo hace y no tiene reconfigure.
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Un argumento opcional («?»), que la ayuda (-h) llama puerto.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        # timeout: segundos para conectar y, después, para cada envío.
        conn = socket.create_connection((HOST, port), timeout=10)
    except OSError:
        sys.exit(f"No hay servidor en {HOST}:{port}: inicia antes server.py.")
    with conn:  # al salir de aquí, la conexión se cierra
        print("Se establece una conexión con el servidor.")
        try:
            while (line := input(PROMPT)) != "DESCONEXION":
                reply = ask(conn, line)
                if not reply:
                    sys.exit("Se perdió la conexión con el servidor.")
                print("Respuesta del servidor:", for_console(reply))
        except EOFError:  # Ctrl+D; en Windows, Ctrl+Z y Enter
            print()
        print("Cerrando conexión con el servidor...")
        with contextlib.suppress(OSError):  # el servidor puede haberse ido ya
            # Sin salto de línea: hay servidores que comparan lo que llega tal cual.
            conn.sendall(b"DESCONEXION")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print(file=sys.stderr)  # para dejar el cursor en otra línea
        sys.exit(130)  # el código habitual de un programa terminado con Ctrl+C
