"""Servidor TCP que devuelve en mayúsculas lo que envía cada cliente, hasta DESCONEXION.

Escucha en el puerto 5000 de 127.0.0.1, o en el que se indique.
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
KEEP_INVALID = "surrogateescape"  # así decode y encode conservan lo que no es UTF-8
MAX_SHOWN = 1000  # caracteres; un mensaje más largo se muestra recortado


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))  # hace bind y listen
    except (OSError, OverflowError) as error:  # OverflowError: puerto no válido
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    host, port = listener.getsockname()  # si se pide el puerto 0, el sistema elige otro
    print(f"Servidor TCP esperando conexiones en {host}:{port}")
    while True:
        try:
            conn, address = listener.accept()
            with conn:
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)
            print(f"Conexión cerrada con el cliente {address}")
        except OSError:  # puede venir de handle o, si el cliente ya se fue, de accept
            print("Se perdió la conexión con el cliente.")


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    TCP transporta bytes, no mensajes: un recv puede traer media línea o tres. Aquí es
    un mensaje cada línea o, si llega cortada, cada trozo. No se espera al salto de
    línea, porque hay clientes que no lo envían. Lanza OSError si se pierde la conexión.
    """
    line = b""  # la línea actual, por si es una despedida que llega cortada
    # Una «ñ» son dos bytes: si llega uno, decoder lo guarda hasta que llega el otro.
    decoder_class = codecs.getincrementaldecoder("utf-8")
    decoder = decoder_class(errors=KEEP_INVALID)
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        texts: list[str] = []  # los mensajes de este recv, decodificados
        for piece in data.splitlines(keepends=True):  # el salto vuelve al cliente
            content = piece.rstrip(b"\r\n")  # sin el salto
            # 1. ¿Se despide? Hacen falta las dos comparaciones:
            # - «DESCO», ya respondido, y en otro recv «NEXION»: solo coincide line.
            # - «hola» sin salto y en otro recv «DESCONEXION»: solo coincide content.
            #   (El precio: «holaDESCONEXION» cortada tras «hola» también desconecta).
            line += content
            if line == GOODBYE or content == GOODBYE:
                respond(conn, texts)  # lo anterior en este recv, si lo hay
                print(f"Mensaje recibido: {GOODBYE.decode()}")
                print(f"El cliente {address} solicita desconexión.")
                return  # lo que siga a la despedida se descarta

            # 2. Si no, es texto al que responder.
            if text := decoder.decode(piece):  # "" si el carácter está a medias
                texts.append(text)

            # 3. ¿Acaba aquí la línea?
            if piece.endswith((b"\r", b"\n")):
                line = b""

        respond(conn, texts)
        # Así line no crece sin fin. Vale cualquier límite mayor que len(GOODBYE).
        line = line[:100]


def respond(conn: socket.socket, texts: list[str]) -> None:
    """Envía juntos los textos en mayúsculas; después muestra cada uno y su respuesta.

    Juntos, por si el cliente hace un solo recv. Lanza OSError si se pierde la conexión.
    """
    if texts:  # está vacía si solo llegó la despedida o medio carácter
        conn.sendall("".join(texts).upper().encode(errors=KEEP_INVALID))
    for text in texts:
        message = text.rstrip("\r\n")
        print(f"Mensaje recibido: {for_console(message)}")
        print(f"Respuesta enviada al cliente: {for_console(message.upper())}")


def for_console(text: str) -> str:
    """Devuelve `text` recortado si es largo, y con repr si no es imprimible."""
    shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    # Sin repr, "\x1b[2J" puede borrar la pantalla.
    return shown if shown.isprintable() else repr(shown)


def prepare_console() -> None:
    """Hace que print muestre cada línea en el acto y no falle por ningún carácter."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # en IDLE no lo es, ni hace falta
        sys.stdout.reconfigure(
            errors="backslashreplace",  # si no se puede mostrar €, se ve \u20ac
            line_buffering=True,  # también si la salida va a un archivo
        )


if __name__ == "__main__":
    # En Windows, Python no ve Ctrl+C (SIGINT) mientras accept o recv esperan (CPython
    # issue 85609). Con SIG_DFL, el sistema atiende SIGINT y termina el programa.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    prepare_console()
    main()
