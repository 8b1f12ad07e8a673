"""The live page: the footprint in a browser, asked for over gRPC with the reader's own credential.

``asked`` is what an address asks for, a ``view`` answers it with a value of ``shown``; views are pure but for the questions that
they put to the client that they are given.
"""
