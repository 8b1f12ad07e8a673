"""What a client is set up with: code over environment over a profile of a file, read by one function.

The file is TOML, ``$XDG_CONFIG_HOME/greencloud/config.toml`` (``~/.config`` where that is not set), or what ``GREENCLOUD_CONFIG``
names::

    [profile.default]
    server = "footprint.example:4317"
    token_file = "token"           # read anew for each call, so that it may be replaced; paths are relative to this file
    ca_file = "ca.pem"             # authorities to trust instead of those of the system
    client_cert = "me.pem"         # mutual TLS
    client_key = "me.key"
    timeout_s = 30

The environment: ``GREENCLOUD_PROFILE``, ``GREENCLOUD_SERVER``, ``GREENCLOUD_TOKEN`` or ``GREENCLOUD_TOKEN_FILE``,
``GREENCLOUD_CA_FILE``. Empty is not set. Without a profile named, ``default`` counts where the file has one. A token never
stands in the file itself, and none is ever shown.

The credential of a profile that nobody named is for its own server: another one, of the environment or of code, never gets it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from greencloud.errors import ConfigError

__all__ = ["ClientConfig", "config_path", "read_text"]

_PATHS: Final = ("token_file", "ca_file", "client_cert", "client_key")
_CREDENTIALS: Final = ("token_file", "client_cert", "client_key")
_KEYS: Final = ("server", *_PATHS, "timeout_s")
_VARIABLES: Final = {"server": "GREENCLOUD_SERVER", "token_file": "GREENCLOUD_TOKEN_FILE", "ca_file": "GREENCLOUD_CA_FILE"}


def read_text(path: Path) -> str | None:
    """The text of a file; None where there is none. Raises ConfigError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("cannot be read as text", path=str(path), advice="check its owner and mode") from error


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """``profile`` is "" where none counted. ``profile_server``: the one server that gets its credential, "" where any may, since
    somebody named the profile or it names no server. ``sources`` says of each value that was set where it is from."""

    server: str = ""
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    timeout_s: float = 30.0
    profile: str = ""
    profile_server: str = ""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def load(
        cls,
        profile: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        files: Callable[[Path], str | None] = read_text,
    ) -> ClientConfig:
        """The values of the profile, and of the environment over them. Code has the last word, with ``with_values``.

        ``environ`` is ``os.environ`` by default; ``files`` gives the text of a file, None where there is none.

        Raises:
            ConfigError: a file that cannot be read, a key that is not known, a profile that is not there.
        """
        variables = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
        path = config_path(variables)
        text = files(path)
        if text is None and "GREENCLOUD_CONFIG" in variables:
            raise ConfigError(
                "there is no such file", path=str(path), key="GREENCLOUD_CONFIG", advice="make it, or unset the variable"
            )
        named = profile or variables.get("GREENCLOUD_PROFILE", "")
        values = _profile(path, text or "", named)
        found = replace(
            cls(profile=named or ("default" if values else ""), profile_server="" if named else values.get("server", "")),
            **values,
            sources=dict.fromkeys(values, f"profile {named or 'default'} of {path}"),
        )
        return _with_environment(found, variables)

    def with_values(self, **values: Any) -> ClientConfig:
        """With what code says; None is not said. A token takes the place of a token file, and the other way round."""
        said = {key: value for key, value in values.items() if value is not None}
        if "token" in said:
            said.setdefault("token_file", None)
        elif "token_file" in said:
            said["token"] = None
        own = self._for_server(said.get("server", self.server))
        return replace(own, **said, sources={**own.sources, **dict.fromkeys(said, "code")})

    def _for_server(self, server: str) -> ClientConfig:
        """Without the credential of the profile, where it is another server's."""
        if self.profile_server in ("", server):
            return self
        strange = [key for key in _CREDENTIALS if self.sources.get(key, "").startswith("profile ")]
        sources = {key: source for key, source in self.sources.items() if key not in strange}
        without: dict[str, Any] = dict.fromkeys(strange)
        return replace(self, **without, sources=sources)

    def bearer(self) -> str | Callable[[], str] | None:
        """The token, or a function that reads it from its file."""
        if self.token is not None or self.token_file is None:
            return self.token
        path = self.token_file

        def read() -> str:
            text = read_text(path)
            if text is None:
                raise ConfigError("there is no such token file", path=str(path), key="token_file", advice="put the token there")
            return text.strip()

        return read

    def pem(self, key: str) -> bytes | None:
        """The content of ``ca_file``, ``client_cert`` or ``client_key``; None where it is not set. Raises ConfigError."""
        path: Path | None = getattr(self, key)
        if path is None:
            return None
        text = read_text(path)
        if text is None:
            raise ConfigError(f"there is no such file for {key}", path=str(path), key=key, advice="check the path")
        return text.encode()

    def arguments(self) -> dict[str, Any]:
        """As arguments of a client. Raises ConfigError where no server is named, or a file of it is not there."""
        if not self.server:
            raise ConfigError(
                "no server is named", key="server", advice="set GREENCLOUD_SERVER, or server in a profile, or server="
            )
        return {
            "target": self.server,
            "token": self.bearer(),
            "timeout": self.timeout_s,
            "root_certificates": self.pem("ca_file"),
            "client_certificate": self.pem("client_cert"),
            "client_key": self.pem("client_key"),
        }


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the file is: of the environment, else by the XDG Base Directory Specification."""
    if named := environ.get("GREENCLOUD_CONFIG"):
        return Path(named).expanduser()
    base = environ.get("XDG_CONFIG_HOME", "")
    # The specification: a path that is not absolute is to be ignored.
    folder = Path(base) if base and Path(base).is_absolute() else Path(environ.get("HOME", "~")).expanduser() / ".config"
    return folder / "greencloud" / "config.toml"


def _with_environment(config: ClientConfig, variables: Mapping[str, str]) -> ClientConfig:
    if "GREENCLOUD_TOKEN" in variables and "GREENCLOUD_TOKEN_FILE" in variables:
        raise ConfigError(
            "the environment has a token twice", key="GREENCLOUD_TOKEN", advice="unset GREENCLOUD_TOKEN or GREENCLOUD_TOKEN_FILE"
        )
    values: dict[str, Any] = {key: variables[name] for key, name in _VARIABLES.items() if name in variables}
    values |= {key: Path(values[key]).expanduser() for key in _PATHS if key in values}
    config = config._for_server(values.get("server", config.server))
    sources = {**config.sources, **{key: _VARIABLES[key] for key in values}}
    if "token_file" in values:
        values["token"] = None
    if "GREENCLOUD_TOKEN" in variables:
        values |= {"token": variables["GREENCLOUD_TOKEN"].strip(), "token_file": None}
        sources = {key: source for key, source in sources.items() if key != "token_file"} | {"token": "GREENCLOUD_TOKEN"}
    return replace(config, **values, sources=sources)


def _profile(path: Path, text: str, named: str) -> dict[str, Any]:
    """The values of a profile, checked. Every table of the file is checked: a slip in another one is a slip just the same."""
    import tomllib  # where it is used: most clients read no file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise ConfigError(f"is not TOML: {error}", path=str(path), line=int(line[1]) if line else 0) from error
    for key in document:
        if key != "profile":
            raise _wrong(path, text, (), key, ("is not known", "profiles are tables, [profile.NAME]"))
    profiles = document.get("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise _wrong(path, text, (), "profile", ("is not a table of profiles", "write [profile.NAME] above its keys"))
    for name, table in profiles.items():
        for key, value in table.items():
            _check(path, text, name, key, value)
    if named and named not in profiles:
        known = ", ".join(profiles) or "none"
        raise ConfigError(f"there is no profile {named!r}", path=str(path), key="profile", advice=f"profiles there are: {known}")
    values = dict(profiles.get(named or "default", {}))
    return values | {key: path.parent / Path(values[key]).expanduser() for key in _PATHS if key in values}


def _check(path: Path, text: str, profile: str, key: str, value: Any) -> None:
    if key == "token":
        raise _wrong(path, text, (profile,), key, ("does not belong into this file", "put it into a file of its own: token_file"))
    if key not in _KEYS:
        raise _wrong(path, text, (profile,), key, ("is not known", f"keys are {', '.join(_KEYS)}"))
    if key == "timeout_s":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise _wrong(path, text, (profile,), key, ("is not a number of seconds above 0", "write timeout_s = 30"))
    elif not isinstance(value, str) or not value:
        raise _wrong(path, text, (profile,), key, ("is not a text", f'write {key} = "..."'))


def _wrong(path: Path, text: str, profile: tuple[str, ...], key: str, told: tuple[str, str]) -> ConfigError:
    what, advice = told
    where = f"key {key!r} of profile {profile[0]!r}" if profile else f"key {key!r}"
    return ConfigError(f"{where} {what}", path=str(path), line=_line_of(text, profile, key), key=key, advice=advice)


def _line_of(text: str, profile: tuple[str, ...], key: str) -> int:
    """The line (1-based) on which the key is set, or 0. tomllib keeps no positions, so look for it under its header."""
    name = rf"[\"']?{re.escape(profile[0])}[\"']?" if profile else ""
    header = re.compile(rf"\s*\[\s*profile\s*\.\s*{name}\s*\]")
    set_here = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    inside = not profile
    for number, line in enumerate(text.splitlines(), 1):
        if profile and line.lstrip().startswith("["):
            inside = bool(header.match(line))
        elif inside and set_here.match(line):
            return number
    return 0
