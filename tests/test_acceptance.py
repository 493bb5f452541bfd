"""Las dos pruebas manuales del ejercicio, y cómo se llama a los programas."""

import socket

from tests.support import CLOSING, HOST, PROMPT, Case

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
            self.assertEqual(client.end(), (0, CLOSING, ""))
            server.out.expect("Conexión establecida con el cliente ('127.0.0.1', ")
            port = server.out.until(")\n")
            server.out.expect(LOG.format(port))

    def test_arguments(self):
        """Sin argumento es el puerto 5000; con -h se sabe qué se puede indicar."""
        for name, title in ("server.py", "Servidor TCP"), ("client.py", "Cliente TCP"):
            program = self.start(name, condition="no_network")
            program.err.until(f" en {HOST}:5000: ")
            program = self.start(name, "-h", encoding="ascii")
            program.out.until(f"{name} [-h] [puerto]\n\n{title} ")

    def test_unusable_port(self):
        """Si el puerto no sirve, cada programa lo dice en una línea."""
        server = self.serve()
        with socket.socket() as taken:
            taken.bind((HOST, 0))  # sin listen: ni libre ni con servidor
            # El segundo no existe, aunque podría tomarse por el de `server`.
            for port in taken.getsockname()[1], server.port + 65536:
                with self.subTest(port):
                    code, out, err = self.start("server.py", port).end()
                    self.assertEqual((code, out), (1, ""))
                    told = f"No se puede escuchar en {HOST}:{port}: "
                    self.assertRegex(err, rf"\A{told}(\[|.+65535).+\n\Z")
                    end = self.start("client.py", port).end()
                    told = f"{HOST}:{port}: inícialo en ese puerto.\n"
                    self.assertEqual(end, (1, "", f"No hay servidor en {told}"))
