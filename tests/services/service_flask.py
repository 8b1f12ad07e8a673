"""Flask behind waitress, unchanged: service_flask.py PORT"""

from __future__ import annotations

import sys

from burn import burn
from flask import Flask
from waitress import serve

app = Flask(__name__)


@app.get("/work/<int:milliseconds>")
def work(milliseconds: int) -> str:
    return burn(milliseconds)


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4)
