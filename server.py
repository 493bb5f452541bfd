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
MAX_SHOWN = 1000  # caracteres; mostrar más retrasaría la respuesta siguiente


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    TCP transporta bytes, no mensajes: un recv puede traer media línea, o tres. Lo que
    trae se responde en el acto, porque hay clientes que no envían saltos de línea.
    Lanza OSError si se pierde la conexión.
    """
    # El decodificador guarda los bytes de un carácter cortado hasta que llega el resto.
    # Con surrogateescape, aquí y en respond, lo que no es UTF-8 no cambia.
    decoder_class = codecs.getincrementaldecoder("utf-8")
    decoder = decoder_class(errors="surrogateescape")
    line = b""  # lo que ha llegado de la línea actual
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        text = ""  # a lo que se va a responder
        for piece in data.splitlines(keepends=True):
            content = piece.rstrip(b"\r\n")
            line += content
            # Si llega cortada («DESCO» y «NEXION»), la despedida es line; si un recv la
            # trae entera, y otro trajo antes «hola» sin salto de línea, es content.
            if line == GOODBYE or content == GOODBYE:
                respond(conn, text)
                print(f"Mensaje recibido: {GOODBYE.decode()}")
                print(f"El cliente {address} solicita desconexión.")
                return  # lo que siga a la despedida se descarta
            if piece.endswith((b"\r", b"\n")):
                line = b""
            text += decoder.decode(piece)
        respond(conn, text)
        line = line[:BUFSIZE]  # para no crecer sin fin: tan larga, ya no es GOODBYE


def respond(conn: socket.socket, text: str) -> None:
    """Envía `text` en mayúsculas y después muestra sus líneas, enteras o no.

    Lanza OSError si se pierde la conexión.
    """
    if text:  # aun sin nada que enviar, sendall puede fallar si el cliente ya cortó
        conn.sendall(text.upper().encode(errors="surrogateescape"))
    for line in text.splitlines():
        print(
            f"Mensaje recibido: {for_console(line)}\n"
            f"Respuesta enviada al cliente: {for_console(line.upper())}\n",
            end="",  # print escribiría su \n aparte, y tardaría más
        )


def for_console(line: str) -> str:
    """Devuelve `line` como se muestra: imprimible y, si es larga, recortada."""
    shown = line if len(line) <= MAX_SHOWN else line[:MAX_SHOWN] + "…"
    # Sin repr, "\x1b[2J" borraría la pantalla.
    return shown if shown.isprintable() else repr(shown)


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro."""
    # Cada línea se ve en el acto, también en un archivo; lo que la consola no puede
    # mostrar se ve como código (\xf1 por ñ). IDLE no tiene reconfigure ni lo necesita.
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
        except OSError:  # en handle, o en accept si el cliente ya se había ido
            print("Se perdió la conexión con el cliente.")


if __name__ == "__main__":
    # En Windows, Python no ve Ctrl+C (SIGINT) mientras accept o recv esperan (CPython
    # issue 85609). Con SIG_DFL lo atiende el sistema, que termina el programa.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
