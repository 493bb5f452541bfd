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
BUFSIZE = 65536  # bytes que se piden a recv, como máximo

# TCP transporta bytes, no mensajes: un recv puede traer medio mensaje, o tres. Para
# responder da igual: las mayúsculas de los trozos, unidas, son las mayúsculas de todo.
# La despedida, en cambio, es una línea entera: va de un \n a otro, o hasta el final de
# lo que llegó ($), porque hay clientes que no envían el \n final, y no se puede saber
# si falta algo. El \r? (un \r, o nada) es para los que terminan sus líneas con \r\n.
GOODBYE = re.compile(rb"\nDESCONEXION\r?(\n|$)")


def for_console(text: str) -> str:
    """Devuelve `text` sin saltos de línea finales; con repr, si no es imprimible."""
    text = text.rstrip("\r\n")
    # Un mensaje podría borrar la pantalla ("\x1b[2J") o hacerse pasar por dos ("\n").
    return text if text.isprintable() else repr(text)


def answer(conn: socket.socket, text: str) -> None:
    """Envía `text` en mayúsculas y muestra ambos textos; si está vacío, no hace nada.

    Lanza OSError si se pierde la conexión.
    """
    if not text:  # solo llegó la despedida, o su final, o parte de un carácter
        return
    reply = text.upper()
    conn.sendall(reply.encode("utf-8", errors="surrogateescape"))
    # Cada escritura en la consola tarda, y con dos print serían dos.
    sys.stdout.write(
        f"Mensaje recibido: {for_console(text)}\n"
        f"Respuesta enviada al cliente: {for_console(reply)}\n"
    )


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va.

    Lanza OSError si se pierde la conexión.
    """
    # Un carácter puede llegar a medias: el decodificador lo guarda hasta que llega el
    # resto. Un byte que no es UTF-8 no es un error: surrogateescape lo conserva dentro
    # del texto, y al codificar la respuesta vuelve a ser el mismo byte.
    decoder_class = codecs.getincrementaldecoder("utf-8")  # devuelve una clase
    decoder = decoder_class(errors="surrogateescape")
    previous = b"\n"  # el final de lo que ya llegó; al empezar, se supone un \n
    while data := conn.recv(BUFSIZE):  # b"" significa que el cliente cerró
        if data == b"DESCONEXION":  # así la envían los clientes que no usan \n
            previous = b"\n"  # como si lo anterior hubiera terminado en \n
        # La despedida pudo llegar cortada: se busca en lo anterior y lo nuevo, unidos.
        received = previous + data
        goodbye = GOODBYE.search(received)
        if goodbye:
            # Falta responder lo nuevo, hasta el \n anterior a DESCONEXION, incluido.
            end = goodbye.start() + 1
            # Si llegó «DESCO», que ya se respondió, y ahora «NEXION», no falta nada:
            # previous es b"\nDESCO" (6 bytes), end es 1, y received[6:1] es b"".
            unanswered = received[len(previous) : end]
            answer(conn, decoder.decode(unanswered))
            print("Mensaje recibido: DESCONEXION")
            print(f"El cliente {address} solicita desconexión.")
            return
        answer(conn, decoder.decode(data))
        # Bastan los últimos bytes, por si son el comienzo de una despedida.
        previous = received[-len(b"\nDESCONEXION") :]
    print(f"El cliente {address} se fue sin despedirse.")


def main() -> None:
    """Escucha en HOST y atiende a los clientes, uno tras otro, hasta Ctrl+C."""
    # Ctrl+C (SIGINT) lo atiende el sistema, que termina el programa, porque en Windows
    # Python no lo ve mientras accept o recv esperan (CPython issue 85609).
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Cada línea se ve en el acto, también en un archivo; lo que la consola no puede
    # mostrar se ve como código (\xf1 por ñ). IDLE no tiene reconfigure ni lo necesita.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    # Un argumento opcional («?»), que en la ayuda (-h) aparece como «puerto».
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))  # socket, bind y listen juntos
    except (OSError, OverflowError) as error:  # OverflowError: no existe ese puerto
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    port = listener.getsockname()[1]  # si se pide el 0, el sistema elige uno
    print(f"Servidor TCP esperando conexiones en {HOST}:{port}")
    while True:
        try:
            conn, address = listener.accept()
            with conn:  # al salir de aquí, la conexión se cierra
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)
        except OSError:  # de handle, o de accept si el cliente ya se había ido
            print("Se perdió la conexión con el cliente.")


if __name__ == "__main__":
    main()
