#!/usr/bin/env python3
"""The risks of a chart, with the standard library alone. TOKEN: an access token, where the server asks for one.

    assess.py [BASE] [CHART]
"""
import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

ABSTAINED = "https://prodrome.org/fhir/StructureDefinition/abstained"
BASELINE = "https://prodrome.org/fhir/StructureDefinition/baseline-probability"


def assess(base, chart, as_of):
    """The RiskAssessments of a chart, one for each outcome."""
    parameters = [{"name": "as-of", "valueDate": as_of}, {"name": "chart", "resource": chart}]
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    request = urllib.request.Request(f"{base}/fhir/$assess-risk", body, {"Content-Type": "application/fhir+json"})
    if token := os.environ.get("TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request) as answer:
            bundle = json.load(answer)
    except urllib.error.HTTPError as refused:
        outcome = json.load(refused)
        raise SystemExit(f"{refused.code}: {outcome['issue'][0]['details']['text']}") from None
    resources = (entry["resource"] for entry in bundle["entry"])
    return [resource for resource in resources if resource["resourceType"] == "RiskAssessment"]


def main():
    base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    chart = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).with_name("chart.json")
    for assessment in assess(base, json.loads(chart.read_text()), "2019-12-31"):
        for prediction in assessment["prediction"]:
            said = {one["url"]: one for one in prediction["extension"]}
            until = prediction["whenPeriod"]["end"][:10]
            if ABSTAINED in said:
                # Silence is no low risk: there is no number.
                risk = f"silent: {said[ABSTAINED]['valueCode']}"
            else:
                average = said[BASELINE]["valueDecimal"]
                risk = f"{prediction['probabilityDecimal']:.1f} % (same age and sex {average:.1f} %)"
            print(f"{prediction['outcome']['text']}, until {until}: {risk}")
        for basis in assessment.get("basis", []):
            print(f"    {basis['reference']}: {basis['display']}")


if __name__ == "__main__":
    main()
