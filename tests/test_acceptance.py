"""Las dos pruebas manuales del ejercicio, y cómo se llama a los programas."""

from tests.support import CLOSING, HOST, PATIENCE, PROMPT, Case

LOG = """\
Mensaje recibido: hola servidor
Respuesta enviada al cliente: HOLA SERVIDOR
Mensaje recibido: DESCONEXION
El cliente ('127.0.0.1', {0}) solicita desconexión.
"""
NO_NETWORK = """if True:
    import socket
    def fail(*args):
        raise OSError(1, "no hay red")
    socket.socket.bind = socket.socket.connect = fail
"""


class AcceptanceTest(Case):
    def test_exercise(self):
        """Un mensaje vuelve en mayúsculas; DESCONEXION cierra en ambos lados."""
        server = self.serve()
        for _ in range(2):  # también para un cliente nuevo
            client = self.start("client.py", server.port)
            client.out.expect(f"Se establece una conexión con el servidor.\n{PROMPT}")
            client.type("hola servidor\n")
            client.out.expect(f"Respuesta del servidor: HOLA SERVIDOR\n{PROMPT}")
            client.type("DESCONEXION\n")
            client.ends(0, CLOSING)
            server.out.expect("Conexión establecida con el cliente ('127.0.0.1', ")
            port = server.out.until(")\n")
            server.out.expect(LOG.format(port))

    def test_default_address(self):
        """Sin argumentos, ambos usan el puerto 5000 de 127.0.0.1."""
        for name in "server.py", "client.py":
            program = self.start(name, prepare=NO_NETWORK)
            program.err.until(f" en {HOST}:5000: ")

    def test_arguments(self):
        """-h se entiende, también en una consola ASCII, y el puerto es un número."""
        for name in "server.py", "client.py":
            program = self.start(name, "-h", encoding="ascii")
            self.assertEqual(program.process.wait(PATIENCE), 0)
            self.assertRegex(program.out.peek(), rf"{name} .*\[puerto\]\n\n\w+ TCP ")
            program = self.start(name, "http")
            self.assertEqual(program.process.wait(PATIENCE), 2)
