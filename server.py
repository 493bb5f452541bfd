"""Servidor TCP que devuelve en mayúsculas cada mensaje que recibe.

Escucha en el puerto 5000 de 127.0.0.1, o en el que se indique. Atiende a un cliente
hasta que este envía DESCONEXION o se va; después, al siguiente.
"""

import argparse
import codecs
import io
import signal
import socket
import sys

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 65536  # bytes
GOODBYE = b"DESCONEXION"
KEEP_INVALID = "surrogateescape"  # para devolver sin cambios lo que no es UTF-8
MAX_SHOWN = 1000  # caracteres; un mensaje más largo se muestra recortado


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:  # OverflowError: no existe ese puerto
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    host, port = listener.getsockname()  # si se pide el puerto 0, el sistema elige otro
    print(f"Servidor TCP esperando conexiones en {host}:{port}")
    while True:
        try:
            conn, address = listener.accept()
            with conn:  # al salir de aquí, la conexión se cierra
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)
            print(f"Conexión cerrada con el cliente {address}")
        except OSError:  # puede venir de handle o, si el cliente ya se fue, de accept
            print("Se perdió la conexión con el cliente.")


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    TCP transporta bytes, no mensajes: un recv puede traer media línea, o tres. Lo que
    trae se responde en el acto, porque hay clientes que no envían saltos de línea.
    Lanza OSError si se pierde la conexión.
    """
    line = b""  # la línea actual hasta ahora, o parte de ella si es muy larga
    # Este decodificador une los dos bytes de una «ñ» aunque lleguen en dos recv.
    decoder = codecs.lookup("utf-8").incrementaldecoder(errors=KEEP_INVALID)
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        texts: list[str] = []  # líneas de este recv, enteras o no
        for piece in data.splitlines(keepends=True):
            content = piece.rstrip(b"\r\n")  # lo que este recv trae de la línea

            # 1. ¿Se despide? Hacen falta las dos comparaciones:
            # - «DESCO» y, en otro recv, «NEXION»: solo line es la despedida.
            # - «hola» sin salto y, en otro recv, «DESCONEXION»: solo content lo es.
            line += content
            if line == GOODBYE or content == GOODBYE:
                respond(conn, texts)
                print(f"Mensaje recibido: {GOODBYE.decode()}")
                print(f"El cliente {address} solicita desconexión.")
                return  # lo que siga a la despedida se descarta

            # 2. Si no, es texto al que responder.
            text = decoder.decode(piece)
            if text:  # "" si la pieza es solo parte de un carácter
                texts.append(text)

            # 3. ¿Acaba aquí la línea?
            if piece.endswith((b"\r", b"\n")):
                line = b""

        respond(conn, texts)
        # Se corta para que no crezca sin fin: con 100 bytes ya no puede ser GOODBYE.
        line = line[:100]


def respond(conn: socket.socket, texts: list[str]) -> None:
    """Envía de una vez los textos en mayúsculas, y muestra cada uno y su respuesta.

    Lanza OSError si se pierde la conexión.
    """
    if texts:  # puede no haber ninguno, y sendall(b"") podría fallar
        conn.sendall("".join(texts).upper().encode(errors=KEEP_INVALID))
    for text in texts:
        message = text.rstrip("\r\n")
        print(f"Mensaje recibido: {for_console(message)}")
        print(f"Respuesta enviada al cliente: {for_console(message.upper())}")


def for_console(text: str) -> str:
    """Devuelve `text` recortado si es largo y con repr si podría alterar la consola."""
    shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    return shown if shown.isprintable() else repr(shown)


def prepare_console() -> None:
    """Hace que print muestre cada línea en el acto y no falle por ningún carácter."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # en IDLE no lo es, ni hace falta
        sys.stdout.reconfigure(
            errors="backslashreplace",  # si no se puede mostrar €, se ve \u20ac
            line_buffering=True,  # también si la salida va a un archivo
        )


if __name__ == "__main__":
    # En Windows, Python no ve la señal de Ctrl+C mientras accept o recv esperan
    # (CPython issue 85609). Con SIG_DFL la atiende el sistema, que termina el programa.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    prepare_console()
    main()
