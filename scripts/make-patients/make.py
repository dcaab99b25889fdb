#!/usr/bin/env python3
"""Makes synthetic patients with Synthea 3.3.0: any number, states, ages and seeds.

  make.py --patients 500 --state Massachusetts --seed 7 out/
  make.py --patients 2000 --state Texas --state Ohio --ages 40-90 --seed 8 --jobs 4 out/

Writes OUT/CHUNK/TYPE.ndjson.zst, FHIR R4, one folder per chunk, each with a record of what it holds (made.json).
Run it again with the same arguments and it goes on where it stopped; made again from the start, every file is the
same byte for byte. Needs Java 17, Maven (the first time, to fetch Synthea), Python 3.9 and zstd.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from clean import NOTES, clean_export

HERE = Path(__file__).resolve().parent
REFERENCE_DATE = "20260101"  # every life ends here at the latest
LEFT_OUT = (
    "Claim ExplanationOfBenefit Provenance Coverage SupplyDelivery Organization Location Practitioner "
    "PractitionerRole CareTeam".split()
)
RECORD = "made.json"


def main():
    wanted = arguments()
    chunks = plan(wanted)
    library = fetch_synthea(wanted.synthea)
    wanted.out.mkdir(parents=True, exist_ok=True)
    open_chunks = [chunk for chunk in chunks if not finished(wanted.out, chunk)]
    living = sum(chunk["population"] for chunk in open_chunks)
    print(f"{len(chunks)} chunks, {len(chunks) - len(open_chunks)} of them there already; {living} living patients to make")
    print("the time left follows from the first patients; a core makes one to two a second")
    progress = Progress(living)
    threading.Thread(target=progress.show, daemon=True).start()
    with concurrent.futures.ThreadPoolExecutor(wanted.jobs) as pool:
        jobs = [pool.submit(make_chunk, wanted, library, chunk, progress) for chunk in open_chunks]
        try:
            for job in concurrent.futures.as_completed(jobs):
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            progress.stop_children()
            raise
    progress.done()
    write_manifest(wanted.out)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the result")
    parser.add_argument("--patients", type=positive, required=True, metavar="N", help="living patients in all, shared among the states; those who die on the way come on top")
    parser.add_argument("--state", action="append", metavar="NAME", help="US state, repeatable (default: Massachusetts)")
    parser.add_argument("--ages", metavar="FROM-TO", help="ages at the end of the record (default: all)")
    parser.add_argument("--seed", type=positive, default=1, metavar="N", help="another seed makes other patients (default: 1)")
    parser.add_argument("--prefix", default="p", metavar="WORD", help="what patient ids start with (default: p)")
    parser.add_argument("--chunk", type=positive, default=100, metavar="N", help="living patients per chunk; about 5 MB of disk each while it is made (default: 100)")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="chunks made at once, a core and up to 3 GB of memory each (default: 1)")
    parser.add_argument("--notes", action="store_true", help="keep the clinical notes (templated text, most of the bytes)")
    parser.add_argument("--synthea", type=Path, metavar="DIR", default=Path.home() / ".cache/prodrome/synthea-3.3.0", help="where Synthea is kept (default: %(default)s)")
    wanted = parser.parse_args()
    wanted.state = wanted.state or ["Massachusetts"]
    wanted.out, wanted.synthea = wanted.out.resolve(), wanted.synthea.expanduser().resolve()
    return wanted


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number above 0")
    return int(text)


def plan(wanted):
    """The chunks, in order. A chunk's seed follows from the seed and its place alone, so more patients only add chunks."""
    chunks = []
    for place, state in enumerate(wanted.state):
        left = wanted.patients // len(wanted.state) + (place < wanted.patients % len(wanted.state))
        letter = chr(ord("a") + place)
        number = 0
        while left > 0:
            population = min(left, wanted.chunk)
            settings = {
                "seed": wanted.seed * 100_000 + place * 1_000 + number,
                "population": population,
                "state": state,
                "ages": wanted.ages or "all",
                "notes": wanted.notes,
            }
            chunks.append({"name": f"{wanted.prefix}{letter}{number}", **settings})
            left, number = left - population, number + 1
    return chunks


def finished(out, chunk):
    record = out / chunk["name"] / RECORD
    if not record.exists():
        return False
    there = json.loads(record.read_text())
    if any(there.get(key) != value for key, value in chunk.items()):
        sys.exit(f"{record.parent} was made with other arguments; choose another OUT or --prefix, or remove it")
    return True


def fetch_synthea(folder):
    """Synthea and what it depends on, from Maven Central, once."""
    if (folder / "complete").exists():
        return folder
    for tool in ("java", "mvn", "zstd"):
        if not shutil.which(tool):
            sys.exit(f"`{tool}` is not installed; needed are Java 17, Maven and zstd")
    print("fetching Synthea 3.3.0 from Maven Central (about 200 MB, once)")
    command = ["mvn", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    if subprocess.run(command).returncode != 0:
        sys.exit("Maven could not fetch Synthea; its own message is above")
    (folder / "complete").touch()
    return folder


def make_chunk(wanted, library, chunk, progress):
    """Generates, cleans and puts in place one chunk; a chunk is there whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=f".{chunk['name']}.", dir=wanted.out) as scratch:
        scratch = Path(scratch)
        left_out = LEFT_OUT if chunk["notes"] else [*LEFT_OUT, NOTES]
        command = ["java", "-XX:+UseSerialGC", "-Xmx3g", "-cp", f"{library}/*", "App"]
        command += ["-p", str(chunk["population"]), "-s", str(chunk["seed"]), "-cs", str(chunk["seed"])]
        command += ["-r", REFERENCE_DATE, "-e", REFERENCE_DATE, "-c", str(HERE / "synthea.properties")]
        command += [] if chunk["ages"] == "all" else ["-a", chunk["ages"]]
        command += [f"--exporter.baseDirectory={scratch}", f"--exporter.fhir.excluded_resources={','.join(left_out)}"]
        with (scratch / "log").open("w") as log:
            child = subprocess.Popen([*command, chunk["state"]], stdout=log, stderr=log, cwd=scratch)
            progress.watch(chunk, scratch, child)
            code = child.wait()
        if code != 0 or not (scratch / "fhir/Patient.ndjson").exists():
            tail = "\n".join((scratch / "log").read_text(errors="replace").splitlines()[-15:])
            raise SystemExit(f"Synthea could not make chunk {chunk['name']} (exit {code}):\n{tail}")
        held = clean_export(scratch / "fhir", scratch / "clean", chunk["name"], chunk["notes"])
        (scratch / "clean" / RECORD).write_text(json.dumps({**chunk, **held}, indent=1) + "\n")
        os.rename(scratch / "clean", wanted.out / chunk["name"])
    progress.finish(chunk, held)


class Progress:
    """What is made so far, read from the files that Synthea appends to; and the time that is left at that rate."""

    def __init__(self, living):
        self.living, self.made, self.start = living, 0, time.monotonic()
        self.running, self.lock, self.over = {}, threading.Lock(), False

    def watch(self, chunk, scratch, child):
        with self.lock:
            self.running[chunk["name"]] = (chunk["population"], scratch / "fhir/Patient.ndjson", child)

    def finish(self, chunk, held):
        with self.lock:
            self.running.pop(chunk["name"])
            self.made += chunk["population"]
        rows = sum(file["rows"] for file in held["files"].values())
        self.line(f"{chunk['name']}: {held['patients']} patients ({held['dead']} dead), {rows} resources", "\n")

    def count(self):
        with self.lock:
            running = [(population, path) for population, path, _ in self.running.values()]
            made = self.made
        for population, path in running:
            if path.exists():
                with path.open("rb") as lines:
                    made += min(population, sum(1 for _ in lines))
        return made

    def show(self):
        pause = 1 if sys.stderr.isatty() else 15
        while not self.over:
            time.sleep(pause)
            made, seconds = self.count(), time.monotonic() - self.start
            if made and not self.over:
                left = (self.living - made) * seconds / made
                self.line(f"{made}/{self.living} patients, {made / seconds:.1f} a second, about {clock(left)} left")

    def line(self, text, end=None):
        terminal = sys.stderr.isatty()
        print(f"\r{text:<78}" if terminal else text, end=end or ("" if terminal else "\n"), file=sys.stderr, flush=True)

    def stop_children(self):
        self.over = True
        with self.lock:
            for _, _, child in self.running.values():
                child.terminate()

    def done(self):
        self.over = True
        seconds = time.monotonic() - self.start
        if self.living:
            self.line(f"{self.living} living patients in {clock(seconds)}, {self.living / seconds:.1f} a second", "\n")


def clock(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s"


def write_manifest(out):
    """Everything that OUT holds, also from earlier calls with other arguments."""
    chunks = {}
    for record in sorted(out.glob(f"*/{RECORD}")):
        held = json.loads(record.read_text())
        chunks[held.pop("name")] = held
    manifest = {"generator": "Synthea 3.3.0", "licence": "Apache-2.0", "reference_date": "2026-01-01", "chunks": chunks}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nstopped; finished chunks are kept, the same call goes on from here")
