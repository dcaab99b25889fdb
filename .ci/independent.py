"""What `.ci/read_back` and `.ci/validate` share: software that others wrote (`.ci/java`: HAPI's FHIR server, HL7's
validator), built once, and our own server and demo, started and stopped.

Needs Java 17 or later and Maven; where they lack, Debian's are installed (apt, with sudo when not root).
"""
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / ".ci" / "java"
READY_WITHIN_S = 120
HAPI_READY_WITHIN_S = 300
PATIENCE_S = 60

# Told to stop, the servers that were started are stopped too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


# --- Java ----------------------------------------------------------------------------------------------------------

def java_is_here():
    if not shutil.which("java") or not shutil.which("javac") or not shutil.which("mvn"):
        return False
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True)
    version = re.search(r"javac (\d+)", said.stdout + said.stderr)
    return version is not None and int(version[1]) >= 17


def install_java():
    if not shutil.which("apt-get"):
        raise SystemExit("There is neither Java 17 with Maven nor apt here: install a JDK 17 or later, and Maven.")
    root = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*root, "apt-get", "update", "-qq"], check=True)
    kinds = [f"openjdk-{version}-jdk-headless" for version in (21, 17)]
    here = [kind for kind in kinds if subprocess.run(["apt-cache", "show", kind], capture_output=True).returncode == 0]
    if not here:
        raise SystemExit("Debian's packages hold neither OpenJDK 21 nor 17: install a JDK 17 or later, and Maven.")
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    subprocess.run([*root, *install, here[0], "maven"], check=True, stdout=subprocess.DEVNULL)


def java(target, program, *arguments, heap="1g"):
    """The command that runs one of the programs of `.ci/java`, which is built where that was not done before."""
    built = Path(target).resolve() / "ci-java"
    files = sorted(path for path in SOURCES.rglob("*") if path.is_file())
    seal = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    stamp = built / "built"
    if not java_is_here():
        install_java()
    if not java_is_here():
        raise SystemExit("Java and Maven were installed, but java, javac 17 or later and mvn are not on the PATH.")
    if not stamp.exists() or stamp.read_text() != seal:
        shutil.rmtree(built, ignore_errors=True)
        made = subprocess.run(["mvn", "-q", "-B", "-f", SOURCES / "pom.xml", "package", f"-Dout={built}"])
        if made.returncode != 0:
            raise SystemExit(".ci/java could not be built: Maven needs its repository at the first run")
        stamp.write_text(seal)
    # Short runs: the second compiler would not earn what it costs.
    quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Xmx{heap}"]
    return ["java", *quick, "-cp", f"{built}/classes:{built}/lib/*", program, *map(str, arguments)]


# --- Servers -------------------------------------------------------------------------------------------------------

def free_port():
    """A loopback port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Hapi:
    """HAPI's FHIR server, empty at its start, on a port that stays the same."""

    def __init__(self, target, page):
        self.target, self.page, self.port = target, page, free_port()
        self.base, self.process = f"http://127.0.0.1:{self.port}/fhir", None

    def start(self):
        command = java(self.target, "FhirServer", self.port, self.page)
        with open(Path(self.target) / "ci-hapi.log", "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        # A start that hangs ends too: its output closes with it.
        impatience = threading.Timer(HAPI_READY_WITHIN_S, self.process.kill)
        impatience.start()
        ready = any(line.startswith("ready ") for line in self.process.stdout)
        impatience.cancel()
        if not ready:
            raise SystemExit(f"HAPI did not start: see {log.name}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def load(self, resources, at_once=50):
        """Stores resources under their own ids; whom others refer to goes first, or no search would find those."""
        rank = {"Patient": 0, "Encounter": 1}
        for wanted in (0, 1, 2):
            some = [one for one in resources if rank.get(one["resourceType"], 2) == wanted]
            for first in range(0, len(some), at_once):
                entries = [{"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
                           for one in some[first:first + at_once]]
                bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
                status, answer, _ = call(self.base, bundle)
                stored = [entry["response"]["status"] for entry in answer.get("entry", [])]
                if status != 200 or len(stored) != len(entries) or not all(one.startswith("2") for one in stored):
                    raise SystemExit(f"HAPI does not store a chart: {status} {json.dumps(answer)[:1000]}")


def call(url, body=None, headers=None):
    """(status, JSON, seconds) of a GET, or of a POST of JSON. A body that is none reads as {}."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    kind = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(url, data, {**kind, **(headers or {})})
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        status, text = refused.code, refused.read()
    seconds = time.monotonic() - begun
    try:
        return status, json.loads(text), seconds
    except ValueError:
        return status, {}, seconds


def stop(process):
    process.send_signal(signal.SIGTERM)
    if process.wait(timeout=20) != 0:
        raise SystemExit(f"{process.args[:2]} ended with exit code {process.returncode}")


@contextlib.contextmanager
def serving(prodrome, folder, config, environment=None):
    """`prodrome serve` with these settings; its address."""
    settings = Path(folder) / "settings.toml"
    settings.write_text(config)
    with open(Path(folder) / "serve.log", "a") as log:
        command = [prodrome, "serve", "--config", settings]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True,
                                  env={**os.environ, **(environment or {})})
    try:
        line = server.stdout.readline()
        if " on " not in line:
            raise SystemExit(f"the server did not start: {Path(log.name).read_text()}")
        url = line.split()[-1]
        end = time.monotonic() + READY_WITHIN_S
        while call(f"{url}/readyz")[0] != 200:
            if time.monotonic() > end:
                raise SystemExit(f"the server was not ready within {READY_WITHIN_S} s")
            time.sleep(0.1)
        yield url
    finally:
        stop(server)


@contextlib.contextmanager
def demonstrating(prodrome):
    """`prodrome demo`; the addresses of its page and of its CDS Hooks server."""
    command = [prodrome, "demo", "--bind", f"127.0.0.1:{free_port()}", "--page", f"127.0.0.1:{free_port()}"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said, page, server = "", None, None
        while not (page and server):
            line = demo.stdout.readline()
            if not line:
                raise SystemExit("the demo ended before it was ready")
            said += line
            page = next(iter(re.findall(r"Sandbox EHR\s+(http://\S+)", said)), None)
            server = next(iter(re.findall(r"CDS Hooks server\s+(http://\S+)/cds-services", said)), None)
        yield page.rstrip("/"), server
    finally:
        stop(demo)


def demo_patients(page):
    """The ids that the demo's page lists."""
    with urllib.request.urlopen(page) as listing:
        return sorted(set(re.findall(r'href="/patients/([^"/?]+)"', listing.read().decode())))


class Checks:
    """Counts what was checked; each line says what, and what was seen."""

    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def check(self, true, what, seen=""):
        self.passed, self.failed = self.passed + bool(true), self.failed + (not true)
        print(f"{'ok    ' if true else 'FAILED'} {what}{f': {seen}' if seen else ''}", flush=True)

    def end(self):
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        raise SystemExit(1 if self.failed or not self.passed else 0)
