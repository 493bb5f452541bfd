"""Servidor TCP que devuelve en mayúsculas cada mensaje que recibe.

Escucha en el puerto 5000 de 127.0.0.1, o en el que se indique. Atiende a un cliente
hasta que este envía DESCONEXION o se va; después, al siguiente.
"""

import argparse
import codecs
import signal
import socket
import sys

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 65536  # bytes
GOODBYE = b"DESCONEXION"
KEEP_INVALID = "surrogateescape"  # para devolver sin cambios lo que no es UTF-8
MAX_SHOWN = 1000  # caracteres; mostrar más retrasaría la respuesta siguiente


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    TCP transporta bytes, no mensajes: un recv puede traer media línea, o tres. Lo que
    trae se responde en el acto, porque hay clientes que no envían saltos de línea.
    Lanza OSError si se pierde la conexión.
    """
    decoder_class = codecs.getincrementaldecoder("utf-8")
    # Guarda un carácter cortado hasta que llega más; si antes se cierra, lo pierde.
    decoder = decoder_class(errors=KEEP_INVALID)
    line = b""  # lo recibido de la línea actual, o su comienzo
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        texts: list[str] = []  # líneas, enteras o no, aún sin responder
        for piece in data.splitlines(keepends=True):
            content = piece.rstrip(b"\r\n")
            line += content
            # line es la línea hasta ahora, aunque llegue cortada («DESCO» y «NEXION»);
            # content, lo que este recv trae de ella. Tras «hola» sin salto de línea,
            # «DESCONEXION» sola es una despedida: más probable que «holaDESCONEXION».
            if line == GOODBYE or content == GOODBYE:
                respond(conn, texts)
                print(f"Mensaje recibido: {GOODBYE.decode()}")
                print(f"El cliente {address} solicita desconexión.")
                return  # lo que siga a la despedida se descarta
            if piece.endswith((b"\r", b"\n")):
                line = b""
            text = decoder.decode(piece)
            if text:  # "" si la pieza solo es parte de un carácter
                texts.append(text)
        respond(conn, texts)
        # Que no crezca sin fin; el byte de más distingue «DESCONEXIONES» de GOODBYE.
        line = line[: len(GOODBYE) + 1]


def respond(conn: socket.socket, texts: list[str]) -> None:
    """Envía los textos en mayúsculas, de una vez, y después muestra cada uno.

    Lanza OSError si se pierde la conexión.
    """
    if texts:  # sendall(b"") también puede fallar, y la despedida no se mostraría
        conn.sendall("".join(texts).upper().encode(errors=KEEP_INVALID))
    for text in texts:
        message = text.rstrip("\r\n")
        received, reply = for_console(message), for_console(message.upper())
        log = f"Mensaje recibido: {received}\nRespuesta enviada al cliente: {reply}\n"
        print(log, end="")  # una sola escritura: con otra para el \n, tardaría más


def for_console(text: str) -> str:
    """Devuelve `text` como se muestra: imprimible y, si es largo, recortado."""
    shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    # Sin repr, "\x1b[2J" borraría la pantalla.
    return shown if shown.isprintable() else repr(shown)


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro."""
    # Cada línea se ve en el acto, también en un archivo; lo que la consola no puede
    # mostrar, como código (\xf1 por ñ). La de IDLE no tiene reconfigure ni lo necesita.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:  # OverflowError: no existe ese puerto
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    actual_port = listener.getsockname()[1]  # si se pide el 0, el sistema elige uno
    print(f"Servidor TCP esperando conexiones en {HOST}:{actual_port}")
    while True:
        try:
            conn, address = listener.accept()
            with conn:  # al salir de aquí, la conexión se cierra
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)
            print(f"Conexión cerrada con el cliente {address}")
        except OSError:  # accept también puede fallar, si el cliente ya se fue
            print("Se perdió la conexión con el cliente.")


if __name__ == "__main__":
    # En Windows, Python no ve Ctrl+C (SIGINT) mientras accept o recv esperan (CPython
    # issue 85609). Con SIG_DFL lo atiende el sistema, que termina el programa.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
