"""Pruebas del servidor y del cliente: python3 -m unittest.

Ponen en marcha los programas de verdad y miran lo que se ve. Para conocerlas, conviene
leer primero test_acceptance.py y, después, las tablas de test_server.py (GOODBYES y
TEXTS), que son la especificación del servidor en forma de datos.
"""
