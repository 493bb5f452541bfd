"""Servidor TCP que devuelve en mayúsculas todo lo que recibe.

Escucha en el puerto 5000 de 127.0.0.1, o en el que se indique (0: uno libre), y
atiende a un cliente hasta que envía DESCONEXION o se va; después, al siguiente.
"""

import argparse
import codecs
import io
import re
import signal
import socket
import sys

HOST = "127.0.0.1"
PORT = 5000
BUFSIZE = 16384  # bytes

# TCP transporta bytes, no mensajes: un recv puede traer medio mensaje, o tres. Para
# responder da igual, porque las mayúsculas de cada trozo, unidas, son las del todo.
# Para despedirse no: DESCONEXION ha de ser una línea entera o, ya que hay clientes
# que no envían saltos de línea, lo último (o lo único) que trae un recv.
GOODBYE = re.compile(rb"\nDESCONEXION\r?(\n|\Z)")
BARE_GOODBYES = (b"DESCONEXION", b"DESCONEXION\r")

# La consola muestra escapado lo que podría alterarla: los controles, los separadores
# de línea y de párrafo, los controles bidireccionales y los bytes que no son UTF-8.
CONTROLS = {*range(0xA0)} - {ord("\n"), ord("\\")}  # y el ASCII imprimible, tal cual
SEPARATORS = {0x2028, 0x2029}
BIDI = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CONTROLS | SEPARATORS | BIDI}
ESCAPES |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}


def console_lines(label: str, text: str) -> str:
    """Devuelve `text` para la consola: escapado y con `label` ante cada línea."""
    if not text:
        return ""
    text = text.replace("\r\n", "\n").removesuffix("\n").translate(ESCAPES)
    return label + text.replace("\n", "\n" + label) + "\n"


def handle(conn: socket.socket, address: tuple[str, int]) -> None:
    """Responde a un cliente hasta que se despide o se va. No cierra `conn`."""
    # Un carácter partido espera a su final; lo que no es UTF-8 vuelve como llegó.
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    line = b"\n"  # la línea en curso, desde el salto que la precede
    while True:
        try:
            data = conn.recv(BUFSIZE)
            if data in BARE_GOODBYES:
                line = b"\n"
            seen = line + data
            goodbye = GOODBYE.search(seen)
            if goodbye:
                data = seen[len(line) : goodbye.start() + 1]
            received = decode(data, final=not data)
            sent = received.upper()
            conn.sendall(sent.encode("utf-8", "surrogateescape"))
        except OSError:
            print(f"Se perdió la conexión con el cliente {address}.")
            return
        line = seen[seen.rindex(b"\n") :][:20]  # más larga, ya no es DESCONEXION
        log = console_lines("Mensaje recibido: ", received)
        if goodbye:
            log += "Mensaje recibido: DESCONEXION\n"
        log += console_lines("Respuesta enviada al cliente: ", sent)
        sys.stdout.write(log)  # y no print, que escribiría dos veces
        if goodbye:
            print(f"El cliente {address} solicita desconexión.")
            return
        if not data:
            print(f"El cliente {address} se fue sin despedirse.")
            return


def main() -> None:
    """Escucha en HOST y atiende a los clientes por orden de llegada hasta Ctrl+C."""
    # Que Ctrl+C lo atienda el sistema: en Windows, un accept o un recv bloqueado
    # impide que lo vea Python (https://github.com/python/cpython/issues/85609).
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="puerto")
    port = parser.parse_args().port
    try:
        listener = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        sys.exit(f"No se puede escuchar en {HOST}:{port}: {error}")
    with listener:
        port = listener.getsockname()[1]
        print(f"Servidor TCP esperando conexiones en {HOST}:{port}")
        while True:
            try:
                conn, address = listener.accept()
            except OSError:  # en macOS y Windows: se fue mientras esperaba
                continue
            with conn:
                print(f"Conexión establecida con el cliente {address}")
                handle(conn, address)


if __name__ == "__main__":
    main()
