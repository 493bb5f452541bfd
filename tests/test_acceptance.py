"""Las dos pruebas manuales del ejercicio, y cómo se usan los programas juntos."""

import socket

from tests.support import CLOSING, EXCHANGED, HOST, PROMPT, SAID_GOODBYE, Case

TAKEN = r"No se puede escuchar en {}: \[.+"  # la razón la dice el sistema
NO_SERVER = r"No se puede conectar con {}: %s.+\n¿Has iniciado el servidor\?"


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
            server.out.expect("Conexión establecida con el cliente ")
            address = server.out.until("\n")
            server.out.expect(EXCHANGED.format("hola servidor", "HOLA SERVIDOR"))
            server.out.expect(SAID_GOODBYE.format(address))

    def test_arguments(self):
        """Sin argumento es el puerto 5000; con -h se sabe qué se puede indicar."""
        for name, title in ("server.py", "Servidor TCP"), ("client.py", "Cliente TCP"):
            self.start(name, condition="no_network").err.until(f" {HOST}:5000: ")
            program = self.start(name, "-h", encoding="ascii")
            program.out.until(f"{name} [-h] [puerto]\n\n{title} ")

    def test_at_once(self):
        """Una línea de un mebibyte, y muchas seguidas, se responden sin esperas."""
        client = self.start("client.py", self.serve().port)
        client.out.until(PROMPT)
        lines = ["x" * 2**20] + ["y"] * 20  # a medio segundo cada una, serían diez
        client.type("\n".join(lines) + "\n")
        shown = [f"Respuesta del servidor: {line.upper()}\n{PROMPT}" for line in lines]
        client.out.expect("".join(shown))

    def test_unusable_port(self):
        """Si el puerto no sirve, cada programa dice cuál es y por qué."""
        server = self.serve()
        with socket.socket() as taken:
            taken.bind((HOST, 0))  # sin listen: ni libre ni con servidor
            taken_port = taken.getsockname()[1]
            for name, port, told in (
                ("server.py", server.port, TAKEN),
                ("server.py", 65536, "No se puede escuchar en {}: .+65535.*"),
                ("client.py", taken_port, NO_SERVER % r"\["),
                # No existe, aunque podría tomarse por el de `server`.
                ("client.py", server.port + 65536, NO_SERVER % ".+65535"),
            ):
                with self.row(name, port):
                    code, out, err = self.start(name, port).end()
                    self.assertRegex(err, rf"\A{told}\n\Z".format(f"{HOST}:{port}"))
                    self.assertEqual((code, out), (1, ""))
