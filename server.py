"""Servidor TCP que devuelve en mayúsculas todo lo que recibe.

Escucha en el puerto 5000 de 127.0.0.1, o en el que se indique. Atiende a un cliente
hasta que este envía DESCONEXION o se va; después, al siguiente. Entiende también a los
clientes que no terminan sus mensajes con un salto de línea.
"""

import argparse
import codecs
import re
import signal
import socket
import sys

HOST = "127.0.0.1"
PORT = 5000

# bytes. Una línea larga, leída de una vez, se responde con un solo envío. Si fueran
# varios, TCP podría retener el último unos 40 milisegundos.
BUFSIZE = 131072

# TCP transporta bytes, no mensajes: un recv puede traer medio mensaje, o tres. Para
# responder da igual: las mayúsculas de los trozos, unidas, son las mayúsculas de todo.
# La despedida, en cambio, es una línea entera, aunque llegue cortada («DESCO» y después
# «NEXION\n»). Con MULTILINE, ^ es el comienzo de una línea y $ es su final, o el final
# de lo que llegó, si falta el salto de línea. Hay clientes que envían \r\n: de ahí \r?.
GOODBYE = re.compile(rb"^DESCONEXION\r?$", re.MULTILINE)


def for_console(text: str) -> str:
    """Devuelve `text` en una línea: tal cual o, si no es imprimible, con repr."""
    text = text.rstrip("\r\n")
    # Un mensaje podría borrar la pantalla ("\x1b[2J") o hacerse pasar por dos ("\n").
    return text if text.isprintable() else repr(text)


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    Lanza OSError si se pierde la conexión.
    """
    # El decodificador guarda un carácter que llegó a medias hasta que llega el resto.
    # Con surrogateescape, un byte que no es UTF-8 (una ñ en otra codificación) se
    # convierte en un carácter reservado, que al codificar vuelve a ser ese byte.
    decoder = codecs.lookup("utf-8").incrementaldecoder("surrogateescape")
    buffer = b""  # el comienzo de la línea sin terminar
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        if data == b"DESCONEXION":
            buffer = b""  # llegó sola: no continúa el «hola» anterior, que no traía \n
        answered = len(buffer)  # bytes: lo que ya se respondió
        buffer += data
        # Con in, que es mucho más rápido, casi nunca hace falta search.
        goodbye = b"DESCONEXION" in buffer and GOODBYE.search(buffer)
        if goodbye:
            buffer = buffer[: goodbye.start()]
        text = decoder.decode(buffer[answered:])
        if text:  # vacío si solo llegó la despedida, o su final, o medio carácter
            reply = text.upper()
            conn.sendall(reply.encode("utf-8", "surrogateescape"))
            # Una sola escritura: con un print por línea, cada mensaje tardaría más.
            print(
                f"Mensaje recibido: {for_console(text)}\n"
                f"Respuesta enviada al cliente: {for_console(reply)}\n",
                end="",
            )
        if goodbye:
            print("Mensaje recibido: DESCONEXION")
            print(f"El cliente {address} solicita desconexión.")
            return
        # Queda la línea sin terminar. Si tiene un byte más que la despedida, ya no es
        # ella: el resto no se guarda, y la memoria no crece.
        buffer = buffer.rsplit(b"\n", 1)[-1]
        buffer = buffer[: len("DESCONEXION\r") + 1]
    print(f"El cliente {address} se fue sin despedirse.")


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro, hasta Ctrl+C."""
    # Con SIG_DFL, es el sistema quien termina el programa si llega Ctrl+C (SIGINT). En
    # Windows, Python no lo vería mientras accept o recv esperan (CPython issue 85609).
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Cada línea sale en el acto, aunque la salida sea un archivo; lo que la consola no
    # puede mostrar se escapa (ñ, como \xf1). IDLE ya lo hace y no tiene reconfigure.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    # Un argumento opcional («?»), que la ayuda (-h) llama puerto.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))  # socket, bind y listen a la vez
    except (OSError, OverflowError) as error:  # OverflowError: no existe ese puerto
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    port = listener.getsockname()[1]  # si se pidió el 0, el que dio el sistema
    print(f"Servidor TCP esperando conexiones en {HOST}:{port}")
    while True:
        try:
            conn, address = listener.accept()
            with conn:  # al salir de aquí, la conexión se cierra
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)
        except OSError:  # de handle; o de accept, si se fue haciendo cola
            print("Se perdió la conexión con el cliente.")


if __name__ == "__main__":
    main()
