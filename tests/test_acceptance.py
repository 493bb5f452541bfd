"""Las dos pruebas manuales del ejercicio, con los dos programas de verdad."""

from tests.support import CLOSING, GREETING, Case


class AcceptanceTest(Case):
    def setUp(self):
        self.server = self.serve()
        self.client = self.start("client.py", self.server.port)
        self.client.out.until(GREETING)
        self.server.out.until("Conexión establecida con el cliente ")
        self.address = self.server.out.until("\n").strip()

    def test_1_message(self):
        """Prueba 1: el servidor responde a un mensaje con el mensaje en mayúsculas."""
        self.client.type("hola servidor\n")
        reply = "Respuesta del servidor: HOLA SERVIDOR\n"
        self.assertEqual(self.client.out.until("\n"), reply)
        log = (
            "Mensaje recibido: hola servidor\n"
            "Respuesta enviada al cliente: HOLA SERVIDOR\n"
        )
        self.assertEqual(self.server.out.until("HOLA SERVIDOR\n"), log)

    def test_2_goodbye(self):
        """Prueba 2: DESCONEXION cierra en ambos lados y el servidor sigue."""
        self.client.type("DESCONEXION\n")
        self.assertEqual(self.client.end(), 0)
        self.assertEqual(self.client.out.rest(), CLOSING)
        self.assertEqual(self.client.err.rest(), "")
        log = (
            "Mensaje recibido: DESCONEXION\n"
            f"El cliente {self.address} solicita desconexión.\n"
        )
        self.assertEqual(self.server.out.until("solicita desconexión.\n"), log)
        another = self.start("client.py", self.server.port)
        another.type("de nuevo por aquí\n")
        another.out.until(GREETING + "Respuesta del servidor: DE NUEVO POR AQUÍ\n")


class AddressTest(Case):
    def test_default_address(self):
        """Sin argumentos, ambos usan el puerto 5000 de 127.0.0.1."""
        for name, call in ("server", "create_server"), ("client", "create_connection"):
            with self.subTest(name):
                tell = f"import {name}, socket, sys; socket.{call} = sys.exit;"
                program = self.start("-c", f"{tell} {name}.main()")
                self.assertEqual(program.err.rest(), "('127.0.0.1', 5000)\n")
