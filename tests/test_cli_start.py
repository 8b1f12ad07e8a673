"""What every verb has in common: help that starts fast, exit codes, completion, and how a pipe or a keyboard ends it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import greencloud.errors as errors_module
from cli_world import run, two_months
from greencloud.cli import VERBS, main
from greencloud.cli._help_topics import EXIT_CODES, TOPICS
from greencloud.errors import GreencloudError
from serving import greencloud

HEAVY = {"grpc", "google.protobuf", "pyarrow", "duckdb", "deltalake", "cryptography", "rich", "asyncio", "numpy", "opentelemetry"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_months(tmp_path_factory.mktemp("start"))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["help", "exit-codes"], ["report", "--help"], ["export", "-h"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys
from greencloud.cli import main
try:
    main({arguments!r}, prog_name="greencloud")
except SystemExit as end:
    assert not end.code, end.code
found = set(sys.modules) & {HEAVY!r}
sys.exit(f"loaded: {{found}}" if found else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_can_be_asked_for_it_in_two_ways(verb: str) -> None:
    asked, helped = (CliRunner().invoke(main, words, prog_name="greencloud") for words in ([verb, "-h"], ["help", verb]))

    assert asked.exit_code == helped.exit_code == 0
    assert asked.stdout.rstrip() == helped.stdout.rstrip()
    assert asked.stdout.startswith(f"Usage: greencloud {verb}")


@pytest.mark.parametrize("verb", ["report", "diff", "export", "values", "availability", "compare", "whoami", "call", "completion"])
def test_help_shows_an_example(verb: str) -> None:
    text = CliRunner().invoke(main, [verb, "--help"]).stdout

    assert "Examples:" in text
    assert f"greencloud {verb} " in text


@pytest.mark.parametrize("words", ["ingest", "credits neutrality", "inventory list"])
def test_help_shows_no_default_that_is_empty(words: str) -> None:
    assert '[default: ""]' not in greencloud(*words.split(), "--help").stdout


def test_every_exit_code_of_an_error_is_in_the_topic() -> None:
    def classes(root: type[GreencloudError]) -> set[type[GreencloudError]]:
        return {root}.union(*(classes(child) for child in root.__subclasses__()))

    assert {each.exit_code for each in classes(GreencloudError)} <= set(EXIT_CODES)
    assert errors_module.GreencloudError.exit_code == 1
    for topic, text in TOPICS.items():
        assert greencloud("help", topic).stdout == text


def test_a_slip_is_answered_with_what_was_perhaps_meant() -> None:
    assert "Did you mean 'report'?" in greencloud("reprot", check=False).stderr
    assert "Topics: exit-codes" in greencloud("help", "nothing", check=False).stderr
    assert "Did you mean" in greencloud("call", "QueryFootprin", "--server", "localhost:1", check=False).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_a_script_and_knows_verbs_and_options(shell: str) -> None:
    assert "_GREENCLOUD_COMPLETE" in greencloud("completion", shell).stdout
    environment = {"_GREENCLOUD_COMPLETE": f"{shell}_complete", "COMP_WORDS": "greencloud re", "COMP_CWORD": "1"}
    program = "from greencloud.cli import main; main(prog_name='greencloud')"
    if shell == "fish":
        environment["COMP_CWORD"] = "re"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=os.environ | environment, check=False
    )

    assert "report" in done.stdout
    assert "restatements" in done.stdout
    assert "export" not in done.stdout


@pytest.mark.parametrize(
    ("words", "last", "wanted"),
    [
        ("greencloud report --period last-", "last-", "last-month"),
        ("greencloud report --group-by service,re", "service,re", "service,region"),
        ("greencloud diff --filter acc", "acc", "account="),
        ("greencloud export --preset aws", "aws", "aws-carbon"),
    ],
)
def test_values_of_options_are_completed(words: str, last: str, wanted: str) -> None:
    environment = {"_GREENCLOUD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = CliRunner(env=environment).invoke(main, prog_name="greencloud", complete_var="_GREENCLOUD_COMPLETE")

    assert f"plain,{wanted}" in done.stdout.splitlines()
    assert all(line.startswith(f"plain,{last}") for line in done.stdout.splitlines())


def test_a_pipe_that_ends_early_is_no_error(data: Path) -> None:
    command = f"{sys.executable} -m greencloud report --data {data} --granularity hour -o jsonl | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""


def test_bytes_do_not_go_to_a_terminal_and_a_table_is_plain_text(data: Path) -> None:
    def on_a_terminal(*options: str) -> tuple[int, str]:
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "greencloud", "report", "--data", str(data), "--no-pager", *options]
        process = subprocess.Popen(command, stdout=follower, stderr=follower, stdin=subprocess.DEVNULL)
        os.close(follower)
        told = b""
        while True:
            try:
                part = os.read(leader, 1 << 16)
            except OSError:  # the other side is closed
                break
            told += part
        os.close(leader)
        return process.wait(timeout=60), told.decode()

    code, told = on_a_terminal("-o", "parquet")
    assert code == 2
    assert "not for a terminal" in " ".join(told.split())
    code, told = on_a_terminal()
    assert code == 0
    assert "\x1b" not in told
    lines = told.replace("\r\n", "\n").splitlines()
    assert len(lines) == len(run(data, "report").stdout.splitlines())
    assert lines[0] == "Footprint of all accounts and pools"


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "greencloud", "call", "QueryFootprint", "-", "--server", "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        process.stdin.write(" " * 200_000)  # more than a pipe holds: once it is through, the process waits for its standard input
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)

    # A process that SIGINT reaches within exec (a dataclass is made there) ends by the signal in the end, which a shell calls 130.
    assert process.returncode in {130, -signal.SIGINT}, told
    assert "interrupted" in told
    assert "Traceback" not in told


def test_the_group_is_the_one_that_the_table_names() -> None:
    context = click.Context(main)
    assert main.list_commands(context) == list(VERBS)


@pytest.mark.parametrize("words", ["inventory years", "goal list", "report"])
def test_who_has_no_data_directory_is_told_how_to_make_one(words: str, tmp_path: Path) -> None:
    done = greencloud(*words.split(), "--data", tmp_path / "none", check=False)
    assert (done.returncode, "greencloud init --data DIR" in done.stderr) == (5, True)
