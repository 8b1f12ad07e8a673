"""Django behind waitress, settings, views and all: DJANGO_SETTINGS_MODULE=service_django service_django.py PORT"""

from __future__ import annotations

import sys

SECRET_KEY = "of an example that keeps no secrets"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "service_django_urls"
MIDDLEWARE: list[str] = []

if __name__ == "__main__":
    from django.core.wsgi import get_wsgi_application
    from waitress import serve

    serve(get_wsgi_application(), host="127.0.0.1", port=int(sys.argv[1]), threads=4)
