#!/usr/bin/env python3
"""Starts the release demo and calls it as the README says: the printed curl answers with a card, at least five of
the shipped patients get one, at least five get none, and a chart sent twice is answered from the cache.

    demo_check.py PRODROME      path of the binary; only the standard library and curl are used
"""
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request

READY_WITHIN_S = 60


def post(url, body):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    begun = time.monotonic()
    with urllib.request.urlopen(request) as answer:
        cards = json.load(answer)["cards"]
        return cards, answer.headers["X-Prodrome-Cache"], time.monotonic() - begun


def printed_call(demo):
    """Reads the demo's own words until its curl call and both addresses are known."""
    page = server = call = None
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        line = demo.stdout.readline()
        if not line:
            raise SystemExit("the demo ended before it was ready")
        page = page or next(iter(re.findall(r"Sandbox EHR\s+(http://\S+)", line)), None)
        server = server or next(iter(re.findall(r"CDS Hooks server\s+(http://\S+)/cds-services", line)), None)
        if "curl -s" in line:
            call = line.strip()
        if page and server and call:
            return page.rstrip("/"), server, call
    raise SystemExit(f"the demo was not ready within {READY_WITHIN_S} s")


def main():
    demo = subprocess.Popen([sys.argv[1], "demo"], stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    try:
        page, server, call = printed_call(demo)
        with urllib.request.urlopen(page) as listing:
            patients = sorted(set(re.findall(r'href="/patients/([^"/?]+)"', listing.read().decode())))
        assert len(patients) >= 20, f"only {len(patients)} patients are listed"
        by_curl = json.loads(subprocess.run(call, shell=True, check=True, capture_output=True).stdout)
        assert by_curl["cards"], "the printed curl call gives no card"
        with_card, without, times = [], [], []
        for patient in patients:
            with urllib.request.urlopen(f"{page}/patients/{patient}/patient-view.json") as request:
                body = request.read()
            first, _, seconds = post(f"{server}/cds-services/early-detection", body)
            again, cache, _ = post(f"{server}/cds-services/early-detection", body)
            assert cache == "hit", f"a chart sent twice was not answered from the cache but by a {cache}"
            assert [card["uuid"] for card in first] == [card["uuid"] for card in again]
            (with_card if first else without).append(patient)
            times.append(seconds)
        times.sort()
        print(f"{len(patients)} patients: {len(with_card)} with a card, {len(without)} without;",
              f"answered in {1000 * times[len(times) // 2]:.0f} ms (median), {1000 * times[-1]:.0f} ms (longest)")
        assert len(with_card) >= 5 and len(without) >= 5, (with_card, without)
    finally:
        demo.send_signal(signal.SIGTERM)
        code = demo.wait(timeout=10)
    assert code == 0, f"the demo ended with exit code {code}"
    print("demo: as the README says")


main()
