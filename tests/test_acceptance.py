"""Las dos pruebas manuales del ejercicio, y cómo se llama a los programas."""

from tests.support import CLOSING, HOST, PATIENCE, PROMPT, Case

LOG = """\
Mensaje recibido: hola servidor
Respuesta enviada al cliente: HOLA SERVIDOR
Mensaje recibido: DESCONEXION
El cliente ('127.0.0.1', {0}) solicita desconexión.
Conexión cerrada con el cliente ('127.0.0.1', {0})
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

    def test_arguments(self):
        """Sin puerto es el 5000; -h se entiende; y lo que no es un número no vale."""
        for name in "server.py", "client.py":
            program = self.start(name, condition="no_network")
            program.err.until(f" en {HOST}:5000: ")
            program = self.start(name, "-h", encoding="ascii")
            program.out.until(f"{name} [-h] [puerto]\n\n")
            program.out.until(" TCP ")
            self.assertEqual(self.start(name, "http").process.wait(PATIENCE), 2)
