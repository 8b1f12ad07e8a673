"""Who a verb on a data directory acts as: the user of the process, whatever its environment says."""

from __future__ import annotations

import os
import pwd

import pytest

from greencloud.engine.audit import system_user


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "somebody-else")
    assert system_user() == pwd.getpwuid(os.getuid()).pw_name
