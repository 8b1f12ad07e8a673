"""Sorting and hash tables for kernels (see ``ext/greencloud/_tables.pyx``); nothing of it is for Python."""
