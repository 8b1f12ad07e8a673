"""What service_django.py serves."""

from __future__ import annotations

from burn import burn
from django.http import HttpRequest, HttpResponse
from django.urls import path


def work(request: HttpRequest, milliseconds: int) -> HttpResponse:
    return HttpResponse(burn(milliseconds))


urlpatterns = [path("work/<int:milliseconds>", work)]
