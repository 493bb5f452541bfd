"""Pruebas del servidor y del cliente: python3 -m unittest."""
