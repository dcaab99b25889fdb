#!/usr/bin/env python3
"""Checks Dockerfile, .dockerignore and docker-compose.yml as far as that goes without a container engine: the compose
file against the Compose specification's schema and our own rules; what the build copies against what it reads; and
the image's commands outside a container, from the files that the image would hold, with the compose file's environment.

    .ci/postgres python3 .ci/containers_check.py PRODROME      path of the built binary, its .d file beside it

Needs PRODROME_TEST_DATABASE (.ci/postgres sets it) and, once, the package check-jsonschema, which holds the schema.
"""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "check-jsonschema==0.39.0"
# Where the image holds files of its own, or has them mounted; outside a container the same, below a folder.
PLACES = ("/usr/local/bin/", "/usr/share/prodrome", "/etc/prodrome/", "/var/lib/prodrome")
# The shared libraries that debian:bookworm-slim brings (libc6 and libgcc-s1).
LIBRARIES = {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
READY_WITHIN_S = 120


def with_packages():
    """Goes on within a virtual environment that holds the package."""
    try:
        import check_jsonschema  # noqa: F401
        import ruamel.yaml  # noqa: F401
    except ImportError:
        folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "containers-check"
        python = folder / "bin" / "python3"
        if sys.executable == str(python):
            raise
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE], check=True)
        os.execv(python, [str(python), *sys.argv])


def check(true, message):
    if not true:
        raise SystemExit(f"containers: {message}")


# --- What the image is made of -------------------------------------------------------------------------------------

def stages():
    """The Dockerfile's stages, each a list of (instruction, rest)."""
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            instruction, rest = line.split(None, 1)
            if instruction == "FROM":
                found.append([])
            found[-1].append((instruction, re.sub(r"\s+", " ", rest.strip())))
    return found


def the(stage, instruction):
    """The rest of the one instruction of this kind."""
    found = [rest for name, rest in stage if name == instruction]
    check(len(found) == 1, f"Dockerfile: one {instruction} is expected in its stage, not {len(found)}")
    return found[0]


def copies(stage):
    """(sources, target) of what a stage copies from the repository."""
    for name, rest in stage:
        if name == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            yield sources, target


def ignored(path):
    """Whether .dockerignore keeps a path from the builder: the last pattern that fits it, or a folder above it, rules."""
    parts = Path(path).parts
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().lstrip("!").strip("/")
        if pattern and not line.startswith("#"):
            regex = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
            if any(re.fullmatch(regex, one) for one in above):
                out = not line.startswith("!")
    return out


def check_build(build, final, binary):
    for stage in (build, final):
        check(re.search(r":[\w.-]+", the(stage, "FROM")) and ":latest" not in the(stage, "FROM"), "an image without tag")
        for sources, _ in copies(stage):
            for source in sources:
                check((ROOT / source).exists(), f"Dockerfile copies `{source}`, which does not exist")
                check(not ignored(source), f"Dockerfile copies `{source}`, which .dockerignore leaves out")
    for secret in (".env", ".git/config", "target/release/prodrome", "data/x", "prodrome.sqlite", "src.key"):
        check(ignored(secret), f".dockerignore lets `{secret}` through to the builder")

    # Cargo wrote down which files the binary was made of.
    read = Path(f"{binary}.d").read_text().split(": ", 1)[1].replace("\\ ", "\0").split()
    read = [path.replace("\0", " ") for path in read]
    top = next(path for path in read if path.endswith("/src/main.rs")).removesuffix("src/main.rs")
    read = [path.removeprefix(top) for path in read if path.startswith(top)]
    copied = [source for sources, _ in copies(build) for source in sources]
    for path in read:
        check(any(path == one or path.startswith(f"{one}/") for one in copied), f"the build reads `{path}`, not copied")
        check(not ignored(path), f"the build reads `{path}`, which .dockerignore leaves out")

    # The copied files are a whole workspace, and its lock file fits.
    with tempfile.TemporaryDirectory() as folder:
        copy(copies(build), Path(folder))
        asked = subprocess.run(["cargo", "metadata", "--locked", "--format-version=1"], cwd=folder, capture_output=True)
        check(asked.returncode == 0, f"the copied workspace is not whole: {asked.stderr.decode()}")
    made = f"--from=build {the(build, 'WORKDIR')}/target/release/prodrome /usr/local/bin/prodrome"
    check(("COPY", made) in final, f"Dockerfile: `COPY {made}` is expected")
    check(the(final, "USER") not in ("root", "0"), "the image runs as root")
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    linked = {Path(line.split()[0]).name for line in linked.splitlines()}
    check(linked <= LIBRARIES, f"the binary needs libraries that the image does not have: {linked - LIBRARIES}")
    return f"{len(read)} files that the build reads are copied"


def copy(what, to):
    for sources, target in what:
        for source in sources:
            goal = to / target / Path(source).name if len(sources) > 1 or target.endswith("/") else to / target
            goal.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy2)(ROOT / source, goal)


# --- The compose file ----------------------------------------------------------------------------------------------

def interpolated(value, variables):
    """Compose's ${NAME}, ${NAME:-default} and ${NAME:?message}; None where a variable without default is missing."""
    if isinstance(value, dict):
        return {key: interpolated(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one, variables) for one in value]
    if not isinstance(value, str):
        return value
    missing = []

    def fill(found):
        name, rule, rest = found.groups()
        missing.extend([name] if name not in variables and rule != ":-" else [])
        return variables.get(name, rest or "")

    filled = re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", fill, value)
    return None if missing else filled


def check_compose():
    from ruamel.yaml import YAML

    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*schema, "docker-compose.yml"], cwd=ROOT, check=True)
    compose = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    guide = (ROOT / "docs/guides/containers.md").read_text()
    services = compose["services"]
    for name, service in services.items():
        check(service.get("read_only") is True, f"{name}: its file system can be written to")
        check(service.get("cap_drop") == ["ALL"] and "cap_add" not in service, f"{name}: it keeps capabilities")
        check(service.get("security_opt") == ["no-new-privileges:true"], f"{name}: it may gain privileges")
        check(not {"privileged", "network_mode", "pid", "devices"} & set(service), f"{name}: it leaves its container")
        check("build" in service or re.search(r":[\w.-]*\d", service["image"]), f"{name}: its image has no version")
        for port in service.get("ports", []):
            address, outer, inner = port.split(":")
            check(address == "127.0.0.1", f"{name}: its port can be reached from other machines")
            check(f"127.0.0.1:{outer}" in guide and f"{name}:{inner}" in guide, f"{name}: the guide lacks its address")
        for other, how in service.get("depends_on", {}).items():
            check(other in services, f"{name} depends on `{other}`, which is not there")
            if how["condition"] == "service_healthy":
                check("healthcheck" in services[other], f"{name} waits for `{other}`, which has no health check")
        for volume in interpolated(service.get("volumes", []), {"POSTGRES_PASSWORD": "x"}):
            source = volume.split(":")[0]
            there = (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]
            check(there, f"{name}: `{source}` is not there")
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or re.search(r"://[^/]*:[^/]*@", value):
                check(interpolated(value, {}) is None, f"{name}: {key} has a default secret")
    return services


# --- The image's commands, outside a container ---------------------------------------------------------------------

class Outside:
    """The files of the image below a folder that cannot be written to, and commands that run there."""

    def __init__(self, folder, final, binary, settings):
        self.root, self.final = Path(folder), final
        copy(copies(final), self.root / the(final, "WORKDIR").strip("/"))
        self.put(binary, "/usr/local/bin/prodrome")
        self.put(settings, "/etc/prodrome/prodrome.toml")
        for path in [self.root, *self.root.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222 | 0o444 | (0o111 if path.is_dir() else 0))
        self.root.chmod(0o755)
        for place in ("var/lib/prodrome", "tmp"):
            (self.root / place).mkdir(parents=True)
            (self.root / place).chmod(0o777 | stat.S_ISVTX)
        # Root may write anywhere, so it becomes nobody.
        self.user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"

    def put(self, source, place):
        (self.root / place.strip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, self.root / place.strip("/"))

    def here(self, text):
        """Paths below the folder, and the free address in place of the container's."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w/]){re.escape(place)}", str(self.root) + place, text)
        return text.replace("0.0.0.0:8080", self.address).replace("127.0.0.1:8080", self.address)

    def start(self, command, environment):
        environment = dict(part.split("=", 1) for part in the(self.final, "ENV").split()) | environment
        environment = {key: self.here(value) for key, value in environment.items()}
        environment |= {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.root / "tmp")}
        folder = self.here(the(self.final, "WORKDIR"))
        pipe = subprocess.PIPE
        return subprocess.Popen([self.here(word) for word in command], cwd=folder, env=environment, text=True,
                                stdout=pipe, stderr=subprocess.STDOUT, **self.user)

    def server(self, environment):
        words = json.loads(the(self.final, "ENTRYPOINT")) + json.loads(the(self.final, "CMD"))
        return self.start(words, environment)

    def healthy(self):
        words = json.loads(the(self.final, "HEALTHCHECK").split(" CMD ")[1])
        asked = self.start(words, {})
        asked.communicate(timeout=30)
        return asked.returncode == 0

    def serve(self, environment, ask):
        """Runs the server until its health check is content, asks, and stops it as `docker stop` does."""
        server = self.server(environment)
        try:
            check(not self.healthy(), "the health check was content before the server was ready")
            end = time.monotonic() + READY_WITHIN_S
            while not self.healthy():
                check(server.poll() is None, f"the server ended: {server.stdout.read() if server.poll() else ''}")
                check(time.monotonic() < end, f"the server was not healthy within {READY_WITHIN_S} s")
                time.sleep(0.5)
            ask(f"http://{self.address}")
        finally:
            server.send_signal(signal.SIGTERM)
            said = server.communicate(timeout=10)[0]
        check(server.returncode == 0, f"the server ended with exit code {server.returncode}: {said}")
        check(not self.healthy(), "the health check was content after the server had stopped")


def call(server):
    """One hook call, as a client of the published port would make it."""
    listed = json.load(urllib.request.urlopen(f"{server}/cds-services"))["services"]
    listed = {service["id"] for service in listed}
    shipped = {folder.name for folder in (ROOT / "cds-services").iterdir() if folder.is_dir()}
    check(listed == shipped, f"{sorted(listed)} are listed, {sorted(shipped)} are in the image")
    body = {"hook": "patient-view", "hookInstance": "6a1bd3a5-6bb0-4ec8-a9f1-2f0c2b2e6c11",
            "context": {"userId": "Practitioner/1", "patientId": "1"}, "prefetch": {"patient": None}}
    request = urllib.request.Request(f"{server}/cds-services/early-detection", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    check(json.load(urllib.request.urlopen(request)) == {"cards": []}, "a call without patient was answered with cards")


def run_outside(final, services, binary):
    given = urllib.parse.urlsplit(os.environ["PRODROME_TEST_DATABASE"])
    variables = {"POSTGRES_PASSWORD": given.password}
    prodrome, postgres = (interpolated(services[name], variables) for name in ("prodrome", "postgres"))
    settings = next(volume.split(":")[0] for volume in prodrome["volumes"] if "/etc/prodrome/" in volume)
    url = prodrome["environment"]["PRODROME__DATABASE__URL"]
    wanted = urllib.parse.urlsplit(url)
    roles = [postgres["environment"][key] for key in ("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD")]
    check(roles == [wanted.username, wanted.path[1:], wanted.password], "the services disagree about the database")
    url = url.replace(f"@{wanted.hostname}:{wanted.port}", f"@{given.hostname}:{given.port}")
    at_server = ["-h", given.hostname, "-p", str(given.port), "-U", wanted.username]
    with_password = os.environ | {"PGPASSWORD": given.password}
    asks = [word.replace("5432", str(given.port)) for word in postgres["healthcheck"]["test"][1:]]
    check(postgres["healthcheck"]["test"][0] == "CMD", "PostgreSQL's health check is no plain command")

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        image = Outside(Path(folder) / "image", final, binary, "/dev/null")
        refused = image.server({})
        said = refused.communicate(timeout=60)[0]
        check(refused.returncode == 2 and "server.mode" in said, f"the bare image should not start unprotected: {said}")
        image.serve({"PRODROME__SERVER__MODE": "development"}, call)
        check((image.root / "var/lib/prodrome/prodrome.sqlite").exists(), "the image's database is not on its volume")

        image = Outside(Path(folder) / "composed", final, binary, ROOT / settings)
        subprocess.run(["createdb", *at_server, wanted.path[1:]], env=with_password, check=True)
        subprocess.run(asks, check=True, stdout=subprocess.DEVNULL)
        image.serve(prodrome["environment"] | {"PRODROME__DATABASE__URL": url}, call)
        rows = subprocess.run(["psql", *at_server, "-Atc", "select count(*) from audit", wanted.path[1:]],
                              env=with_password, check=True, capture_output=True, text=True).stdout
        check(rows.strip() == "1", f"{rows.strip()} audit rows after one call")
        written = list((image.root / "var/lib/prodrome").iterdir())
        check(not written, f"with PostgreSQL something was written beside it: {written}")


def main():
    with_packages()
    binary = Path(sys.argv[1]).resolve()
    build, final = stages()
    print(f"Dockerfile: {check_build(build, final, binary)}")
    services = check_compose()
    print(f"docker-compose.yml: {', '.join(services)} as the schema and our rules ask")
    run_outside(final, services, binary)
    print("containers: entry point and health checks work outside a container; no image was built or run")


if __name__ == "__main__":
    main()
