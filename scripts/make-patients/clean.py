"""Makes one Synthea bulk export small and clean: FHIR R4 NDJSON, one compressed file per resource type.

Kept as Synthea wrote it: every clinical element, code, value, unit and clinical time.
Changed: ids are short and count up per patient (`ab0001o12` is an Observation of patient `ab0001`); times are whole
seconds in UTC; numbers have at most four decimals; a Patient keeps sex, birth, death, race, ethnicity, a name and a
city, and is labelled as test data (HTEST).
Dropped: `meta`, narrative, people and places other than the patient, device lot data, displays of references, what
Synthea computes from the whole simulated life (quality-adjusted life years and the like), whatever is dated after
death, Observations without a value and reports that are only text. Notes only when asked for.
"""

import collections
import hashlib
import json
import re
import subprocess
from pathlib import Path

# Each type that is kept, with the letters that its short ids carry.
LETTERS = {
    "Patient": "",
    "Encounter": "e",
    "Condition": "c",
    "AllergyIntolerance": "a",
    "Medication": "md",
    "MedicationRequest": "m",
    "MedicationAdministration": "ma",
    "Observation": "o",
    "Procedure": "pr",
    "Immunization": "i",
    "DiagnosticReport": "dr",
    "ImagingStudy": "is",
    "Device": "dv",
    "CarePlan": "cp",
    "DocumentReference": "d",
}
NOTES = "DocumentReference"
UNWANTED = frozenset(
    "meta text identifier participant serviceProvider requester author custodian performer location issued recorder "
    "asserter udiCarrier distinctIdentifier lotNumber serialNumber manufactureDate expirationDate primarySource "
    "careTeam resourceType id".split()
)
DATES = (
    "effectiveDateTime authoredOn performedDateTime recordedDate onsetDateTime occurrenceDateTime started date".split()
)
PERIODS = "period performedPeriod effectivePeriod".split()
ANSWERS = ("value", "component", "dataAbsentReason", "hasMember")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")
TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}


class Export:
    """One bulk export: its rows, the short name of each resource, and when its people died."""

    def __init__(self, folder, prefix):
        self.folder = Path(folder)
        self.prefix = prefix
        self.short = {}  # "Observation/<uuid>" -> "Observation/ab0001o12"
        self.death = {}  # "Patient/<uuid>" -> instant
        self.dropped = collections.Counter()
        self._name_everything()

    def rows(self, kind):
        path = self.folder / f"{kind}.ndjson"
        if path.exists():
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)

    def _name_everything(self):
        numbers = collections.Counter()
        for kind, letters in LETTERS.items():
            for row in self.rows(kind):
                key = f"{kind}/{row['id']}"
                if kind == "Patient":
                    numbers[kind] += 1
                    self.short[key] = f"Patient/{self.prefix}{numbers[kind]:04d}"
                    if "deceasedDateTime" in row:
                        self.death[key] = row["deceasedDateTime"]
                    continue
                # A Medication belongs to nobody in particular; everything else to its subject.
                owner = self.prefix if kind == "Medication" else self.short[subject(row)].partition("/")[2]
                numbers[kind, owner] += 1
                self.short[key] = f"{kind}/{owner}{letters}{numbers[kind, owner]}"

    def clean(self, kind, row):
        """The cleaned row, or None where it is dropped; then nothing may refer to it either."""
        key = f"{kind}/{row['id']}"
        reason = self._unwanted(kind, row)
        if reason:
            self.dropped[reason] += 1
            del self.short[key]
            return None
        name = self.short[key].partition("/")[2]
        if kind == "Patient":
            return self._patient(row, name)
        if kind == "DiagnosticReport":
            row.pop("presentedForm", None)
        for number, series in enumerate(row.get("series", ()) if kind == "ImagingStudy" else (), 1):
            series.pop("instance", None)
            # Synthea's DICOM uids are random; these follow from the id, in the decimal form that DICOM wants.
            series["uid"] = f"2.25.{int.from_bytes(name.encode(), 'big')}.{number}"
        body = self._compact({field: value for field, value in row.items() if field not in UNWANTED})
        return {"resourceType": kind, "id": name, **body}

    def _unwanted(self, kind, row):
        if kind not in ("Patient", "Medication"):
            died, when = self.death.get(subject(row)), dated(row)
            if died and when and when > died:
                return "after_death"
        if kind == "Observation" and not any(field.startswith(ANSWERS) for field in row):
            return "observation_without_value"
        if kind == "DiagnosticReport" and "result" not in row:
            codes = (coding.get("code") for category in row.get("category", ()) for coding in category.get("coding", ()))
            if "LAB" not in codes:
                return "report_of_text_only"
        return None

    def _patient(self, row, name):
        of_record = [
            {"type": i["type"], "system": "urn:prodrome:synthetic", "value": name}
            for i in row["identifier"]
            if any(coding.get("code") == "MR" for coding in i.get("type", {}).get("coding", ()))
        ]
        shown = ("us-core-race", "us-core-ethnicity", "us-core-birthsex")
        return self._compact(
            {
                "resourceType": "Patient",
                "id": name,
                "meta": {"security": [TEST_DATA]},
                "extension": [e for e in row.get("extension", ()) if e["url"].endswith(shown)],
                "identifier": of_record[:1],
                "name": [part(n, "use", "family", "given", "prefix") for n in row["name"][:1]],
                **part(row, "gender", "birthDate", "deceasedDateTime", "maritalStatus"),
                "address": [part(a, "city", "state", "postalCode", "country") for a in row["address"][:1]],
                "communication": [part(c, "language") for c in row.get("communication", ())],
            }
        )

    def _compact(self, value):
        """Short references, whole seconds, four decimals, nothing empty."""
        if isinstance(value, dict):
            if "reference" in value:
                target = self.short.get(value["reference"])
                return {"reference": target} if target else None
            inner = {field: self._compact(item) for field, item in value.items()}
            return {field: item for field, item in inner.items() if item not in (None, [], {})} or None
        if isinstance(value, list):
            return [item for item in map(self._compact, value) if item is not None]
        if isinstance(value, float):
            return round(value, 4)
        if isinstance(value, str):
            instant = INSTANT.fullmatch(value)
            return f"{instant[1]}Z" if instant else value
        return value


def part(row, *fields):
    return {field: row[field] for field in fields if field in row}


def subject(row):
    return (row.get("subject") or row["patient"])["reference"]


def dated(row):
    for field in DATES:
        if field in row:
            return row[field]
    for field in PERIODS:
        if field in row:
            return row[field].get("start")
    return None


def clean_export(source, out, prefix, notes=False):
    """Cleans the export in `source` into `out`; returns what the chunk holds, for its record."""
    export = Export(source, prefix)
    out = Path(out)
    out.mkdir(parents=True)
    files = {}
    for kind in LETTERS:
        if kind != NOTES or notes:
            written = write_compressed(out / f"{kind}.ndjson.zst", export, kind)
            if written:
                files[f"{kind}.ndjson"] = written
    return {
        "patients": files["Patient.ndjson"]["rows"],
        "dead": len(export.death),
        "files": files,
        "dropped": dict(sorted(export.dropped.items())),
    }


def write_compressed(path, export, kind):
    """Streams one type through zstd, so that memory holds the ids and not the rows."""
    rows, size, digest, zstd = 0, 0, hashlib.sha256(), None
    for row in export.rows(kind):
        row = export.clean(kind, row)
        if row is None:
            continue
        if zstd is None:
            command = ["zstd", "-q", "-9", "--long=27", "-f", "-o", str(path)]
            zstd = subprocess.Popen(command, stdin=subprocess.PIPE)
        line = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        digest.update(line)
        rows, size = rows + 1, size + len(line)
        zstd.stdin.write(line)
    if zstd is None:
        return None
    zstd.stdin.close()
    if zstd.wait() != 0:
        raise RuntimeError(f"zstd could not write {path.name}: is the disk full?")
    return {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}
