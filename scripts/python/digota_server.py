"""A digota server for a test: its certificates, its process, its log; and the sandbox beside it."""

import datetime
import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "debug" / "digota"


def executable() -> str:
    """The server to test: $DIGOTA_BIN, or the debug build, which is made if it is missing."""
    if given := os.environ.get("DIGOTA_BIN"):
        return given
    if not BUILT.is_file():
        subprocess.run(["cargo", "build", "-p", "digota"], cwd=ROOT, check=True)
    return str(BUILT)


def run(*arguments, folder=None, **variables) -> str:
    """Runs digota to its end and returns what it printed."""
    command = [executable(), *map(str, arguments)]
    where = environment(**variables)
    done = subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True)
    assert done.returncode == 0, f"digota {' '.join(command[1:])} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def environment(**more) -> dict[str, str]:
    """This process's environment without settings of digota that a person may have made for another server."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DIGOTA_")}
    return ours | more


class Process:
    """A server that is up. Its log is JSON, one line per event."""

    def __init__(self, process: subprocess.Popen, log: Path, up: str):
        self.process = process
        self.log = log
        self.address = self.wait_for(up)["address"]

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for(self, message: str, seconds: float = 10, **fields) -> dict:
        """The first log line with this message and these fields, once it is there."""
        end = time.monotonic() + seconds
        while True:
            ended = self.process.poll()
            for event in self.events():
                if event["message"] == message and fields.items() <= event.items():
                    return event
            assert ended is None, f"the server ended with {ended}: {self.log.read_text()}"
            assert time.monotonic() < end, f"no {message!r} with {fields} in the log: {self.log.read_text()}"
            time.sleep(0.02)


def serving(folder: Path, *arguments):
    """`digota serve` in the folder, on a port that the system chooses."""
    return running(folder, "serving", "serve", *arguments)


def pretending(folder: Path):
    """`digota sandbox` in the folder, on a port that the system chooses."""
    up = "the sandbox is serving; no real money moves"
    return running(folder, up, "sandbox", "--listen", "127.0.0.1:0", "--journal", "sandbox.jsonl")


@contextmanager
def running(folder: Path, up: str, command: str, *arguments):
    """Runs digota in the folder until it says that it is up, and stops it in the end as an operator would."""
    log = folder / f"{command}.log"
    where = environment(DIGOTA_ADDRESS="127.0.0.1:0")
    with log.open("w") as stderr:
        line = [executable(), command, *map(str, arguments)]
        process = subprocess.Popen(line, cwd=folder, env=where, stdout=stderr, stderr=stderr)
    try:
        yield Process(process, log, up)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=30)
        assert ended == 0, f"digota {command} ended with {ended} on SIGTERM: {log.read_text()}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class Authority:
    """A CA that `digota ca` made, with the certificates that it signs."""

    def __init__(self, folder: Path, name: str = "digota CA"):
        self.folder = folder
        self.settings = settings_in(run("ca", "init", "--dir", folder, "--name", name))

    def issue(self, name: str, *scopes: str) -> str:
        """Makes a client certificate and returns the lines for the settings file that admit it."""
        asked = [part for scope in scopes for part in ("--scope", scope)]
        return settings_in(run("ca", "issue", name, "--dir", self.folder, *asked))

    def issue_expired(self, name: str) -> None:
        """Makes a client certificate that ended yesterday: `digota ca` makes none that is not valid."""
        authority = x509.load_pem_x509_certificate(self.file("ca", "crt"))
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * day)
            .not_valid_after(now - day)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        signer = serialization.load_pem_private_key(self.file("ca", "key"), password=None)
        signed = builder.sign(signer, hashes.SHA256())
        encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        (self.folder / f"{name}.crt").write_bytes(signed.public_bytes(encoding))
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
        )

    def file(self, name: str, kind: str) -> bytes:
        return (self.folder / f"{name}.{kind}").read_bytes()


def settings_in(printed: str) -> str:
    """The lines for digota.toml out of what a command printed: from the first section to the next empty line."""
    return re.search(r"^\[.*?(?=\n\n|\Z)", printed, re.MULTILINE | re.DOTALL).group(0)


def connect(address: str, trusted: Authority, identity: tuple[Authority, str] | None):
    """A channel to the server, with the certificate of this name or with none."""
    key = chain = None
    if identity:
        issuer, name = identity
        key, chain = issuer.file(name, "key"), issuer.file(name, "crt")
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted.file("ca", "crt"), key, chain))
