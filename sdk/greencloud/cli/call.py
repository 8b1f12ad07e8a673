"""``greencloud call``: any method of the API, request and answer in JSON, by the messages that come with the client."""

from __future__ import annotations

import sys
from typing import Any

import click

from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, server_options

__all__ = ["command"]

_SERVICES = ("footprint", "allocation", "goal", "facility", "identity")


@click.command(name="call")
@click.argument("method", shell_complete=lambda _ctx, _parameter, text: _completed(text))
@click.argument("request_json", metavar="[JSON]", default="{}")
@server_options
@output_options("json")
def command(*, method: str, request_json: str, source: Source, output: Output) -> None:
    """Call METHOD, as FootprintService.QueryFootprint, with a request in JSON ("-" reads it from standard input).

    One page is one call: put the nextPageToken of an answer into the pageToken of the next request.

    \b
    Examples:
      greencloud call GetCallerIdentity --server localhost:4317
      greencloud call FootprintService.GetDataAvailability '{"accounts": ["acme"]}' --profile prod
      echo '{"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-12-01T00:00:00Z"}' | greencloud call QueryFootprint -
    """
    from google.protobuf.json_format import MessageToJson, Parse, ParseError
    from google.protobuf.message_factory import GetMessageClass

    attribute, found = _method(method)
    text = sys.stdin.read() if request_json == "-" else request_json
    try:
        request = Parse(text, GetMessageClass(found.input_type)())
    except ParseError as error:
        fields = ", ".join(field.json_name for field in found.input_type.fields) or "none"
        said = str(error).partition("\n")[0].rstrip(".")  # protobuf lists the fields, too, in Python's own way
        raise click.BadParameter(f"{said}. Fields of {found.input_type.name}: {fields}", param_hint="JSON") from None
    with source.client() as client:
        answer = client._call(getattr(getattr(client.raw, attribute), found.name), request, None)
    output.write(MessageToJson(answer, indent=2, ensure_ascii=False, always_print_fields_with_no_presence=False) + "\n")


def _method(name: str) -> tuple[str, Any]:
    """The attribute of the stubs, and the method's descriptor."""
    known = _methods()
    wanted = name.removeprefix("/").removeprefix("greencloud.v1.").replace("/", ".")
    found = [each for full, each in known.items() if wanted in (full, full.partition(".")[2])]
    if not found:
        import difflib

        near = difflib.get_close_matches(wanted, [*known, *(full.partition(".")[2] for full in known)], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Methods: {', '.join(known)}."
        raise click.BadParameter(f"there is no method {name!r}.{hint}", param_hint="METHOD")
    attribute, descriptor = found[0]
    if descriptor.server_streaming:
        raise click.BadParameter(f"{descriptor.name} is a stream of Arrow: use greencloud export -o arrow", param_hint="METHOD")
    return attribute, descriptor


def _completed(text: str) -> list[str]:
    names = [*_methods(), *(full.partition(".")[2] for full in _methods())]
    return [name for name in names if name.startswith(text)]


def _methods() -> dict[str, tuple[str, Any]]:
    from importlib import import_module

    found = {}
    for attribute in _SERVICES:
        module = import_module(f"greencloud.v1.{attribute}_service_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                found[f"{service.name}.{method.name}"] = (attribute, method)
    return found
