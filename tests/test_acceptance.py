"""Las dos pruebas manuales del ejercicio, con los dos programas de verdad."""

from tests.support import CLOSING, PATIENCE, PROMPT, Case

LOG = """\
Conexión establecida con el cliente {0}
Mensaje recibido: hola servidor
Respuesta enviada al cliente: HOLA SERVIDOR
Mensaje recibido: DESCONEXION
El cliente {0} solicita desconexión.
"""


class AcceptanceTest(Case):
    def test_exercise(self):
        """Un mensaje vuelve en mayúsculas; DESCONEXION cierra en ambos lados."""
        server = self.serve()
        for _ in range(2):  # también para un cliente nuevo
            client = self.start("client.py", server.port)
            greeting = "Se establece una conexión con el servidor.\n"
            self.assertEqual(client.out.until(PROMPT), greeting + PROMPT)
            client.type("hola servidor\n")
            reply = "Respuesta del servidor: HOLA SERVIDOR\n"
            self.assertEqual(client.out.until(PROMPT), reply + PROMPT)
            client.type("DESCONEXION\n")
            self.ends(client, 0, CLOSING)
            log = server.out.until("solicita desconexión.\n")
            address = log.partition("cliente ")[2].partition("\n")[0]
            self.assertRegex(address, r"\A\('127\.0\.0\.1', \d+\)\Z")
            self.assertEqual(log, LOG.format(address))

    def test_default_address(self):
        """Sin argumentos, ambos usan el puerto 5000 de 127.0.0.1."""
        for name, call in ("server", "create_server"), ("client", "create_connection"):
            with self.subTest(name):
                tell = "lambda address, **options: sys.exit(address)"
                code = f"import {name}, socket, sys; socket.{call} = {tell}"
                program = self.start("-c", f"{code}; {name}.main()")
                self.ends(program, 1, err=r"\('127.0.0.1', 5000\)\n")

    def test_arguments(self):
        """-h se entiende, también en una consola ASCII, y el puerto es un número."""
        for name in "server.py", "client.py":
            with self.subTest(name):
                program = self.start(name, "-h", encoding="ascii")
                self.assertEqual(program.process.wait(PATIENCE), 0)
                self.assertRegex(program.out.new(), rf"{name} .*\[puerto\]\n\n\w+ TCP ")
                program = self.start(name, "http")
                self.assertEqual(program.process.wait(PATIENCE), 2)
