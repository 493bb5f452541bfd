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
MAX_SHOWN = 1000  # caracteres


def for_console(message: str) -> str:
    """Devuelve el mensaje como se muestra: en una línea y, si es largo, recortado."""
    text = message.rstrip("\r\n")
    # Una consola lenta tardaría en mostrar un megabyte, y lo siguiente esperaría.
    shown = text[:MAX_SHOWN]
    # Sin repr, "\x1b[2J" borraría la pantalla.
    if not text.isprintable():
        shown = repr(shown)
    if len(text) > MAX_SHOWN:
        shown += "…"
    return shown


def respond(conn: socket.socket, messages: list[str]) -> None:
    """Envía los mensajes en mayúsculas y después muestra cada uno con su respuesta.

    Lanza OSError si se pierde la conexión.
    """
    if messages:  # sin nada que enviar, sendall también falla si el cliente se fue
        reply = "".join(messages).upper()
        # Un solo envío: TCP retrasa el segundo hasta que se confirma el primero.
        conn.sendall(reply.encode(errors="surrogateescape"))
    for message in messages:
        print(
            f"Mensaje recibido: {for_console(message)}\n"
            f"Respuesta enviada al cliente: {for_console(message.upper())}\n",
            end="",  # así es una sola escritura, que tarda menos
        )


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    Lanza OSError si se pierde la conexión.
    """
    # Un recv puede cortar un carácter: el decodificador guarda sus bytes hasta que
    # llega el resto. Con surrogateescape, los que no son UTF-8 vuelven como llegaron.
    utf8 = codecs.lookup("utf-8")
    decoder = utf8.incrementaldecoder(errors="surrogateescape")
    # TCP transporta bytes, no mensajes: un recv puede traer media línea, o tres. Cada
    # trozo se responde en el acto: sus mayúsculas, unidas, son las de la línea. Pero
    # para reconocer la despedida hay que juntar los trozos.
    line_start = b""  # lo que llegó de la línea actual, o su comienzo
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        # «hola» y «DESCONEXION», sin saltos de línea, no son «holaDESCONEXION»: si recv
        # trajo solo la despedida, es una línea nueva.
        if data.splitlines() == [GOODBYE]:
            line_start = b""
        messages: list[str] = []
        for piece in data.splitlines(keepends=True):
            if GOODBYE.startswith(line_start):  # aún puede ser la despedida
                line_start += piece.rstrip(b"\r\n")
            if line_start == GOODBYE:  # sin esperar al \n, que quizá no llegue
                respond(conn, messages)
                print(f"Mensaje recibido: {GOODBYE.decode()}")
                print(f"El cliente {address} solicita desconexión.")
                return
            if piece.endswith((b"\r", b"\n")):
                line_start = b""
            message = decoder.decode(piece)
            if message:  # "" significa que solo llegó parte de un carácter
                messages.append(message)
        respond(conn, messages)


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro, hasta Ctrl+C."""
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
    # issue 85609): así lo atiende el sistema, que termina el programa.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
