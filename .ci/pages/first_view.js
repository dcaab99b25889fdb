// How long a clinician waits for the app: from the EHR's launch (an empty browser comes to /smart/launch) over authorization,
// token and the chart read over FHIR to the first contentful paint, for shipped patients with long records.
// Prints a table; judges nothing, since a machine's speed is no test.
//
//   npm install && node first_view.js PRODROME [--launches 5]      from anywhere; PRODROME is a release binary
//
// The first launch of each patient finds nothing computed before; the others find the patient's own earlier ones.
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({ options: { launches: { type: "string", default: "5" } }, allowPositionals: true });
if (positionals.length !== 1) {
  console.error("usage: node first_view.js PRODROME [--launches 5]");
  process.exit(2);
}
const launches = Number(values.launches);
const LONG = ["ea00005", "da00015", "ea00033", "ea10032"];
const root = path.join(path.dirname(new URL(import.meta.url).pathname), "..", "..");

/** The demo on free ports. */
async function startDemo() {
  const options = { cwd: root, stdio: ["ignore", "pipe", "inherit"] };
  const child = spawn(realpathSync(positionals[0]), ["demo", "--bind", "127.0.0.1:0", "--page", "127.0.0.1:0"], options);
  let said = "";
  const [ehr, cds] = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`prodrome demo ended with ${code}: ${said}`)));
    child.stdout.on("data", (text) => {
      said += text;
      const found = [/Sandbox EHR\s+(http:\S+)/, /CDS Hooks server\s+(http:\S+)\/cds-services/].map((one) => one.exec(said)?.[1]);
      if (found.every(Boolean)) resolve(found);
    });
  });
  return { ehr, cds, stop: () => child.removeAllListeners("exit").kill("SIGTERM") };
}

/** A handle for one launch, as an EHR makes it for its own screens. */
async function handle({ ehr, cds }, patient) {
  const body = JSON.stringify({ launchUrl: `${cds}/smart/launch`, parameters: { patient } });
  const answer = await fetch(`${ehr}/fhir/_services/smart/Launch`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await answer.json()).launch_id;
}

/** One launch in a browser that has nothing of ours; milliseconds from its beginning. */
async function launch(browser, demo, patient) {
  const address = `${demo.cds}/smart/launch?iss=${encodeURIComponent(`${demo.ehr}/fhir`)}&launch=${await handle(demo, patient)}`;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const sizes = [];
  page.on("response", (response) => {
    if (response.request().resourceType() === "script") sizes.push(response.body().then((body) => body.length));
  });
  const begun = Date.now();
  await page.goto(address, { waitUntil: "load" });
  const painted = await page.evaluate(() => new Promise((seen) => {
    new PerformanceObserver((list, observer) => {
      const first = list.getEntriesByName("first-contentful-paint")[0];
      if (first) { observer.disconnect(); seen(performance.timeOrigin + first.startTime); }
    }).observe({ type: "paint", buffered: true });
  }));
  const events = await page.locator(".patient p").first().innerText();
  const scripts = (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
  await context.close();
  return { view: painted - begun, events: /([\d,]+)\s+events/.exec(events)?.[1], scripts };
}

const demo = await startDemo();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await launch(browser, demo, "da00007"); // The browser's own first page is not ours to answer for.
  console.log(`${cpus().length} x ${cpus()[0].model}; milliseconds from launch to first contentful paint\n`);
  console.log("| patient | events read | first launch | median of the next | slowest | script, bytes |\n|---|---|---|---|---|---|");
  for (const patient of LONG) {
    const all = [];
    for (let n = 0; n < launches; n += 1) all.push(await launch(browser, demo, patient));
    const [first, ...next] = all.map(({ view }) => Math.round(view));
    const sorted = next.toSorted((a, b) => a - b);
    const slowest = Math.max(first, ...next);
    console.log(`| ${patient} | ${all[0].events} | ${first} | ${sorted[Math.floor(sorted.length / 2)]} | ${slowest} | ${all[0].scripts} |`);
  }
} finally {
  await browser.close();
  demo.stop();
}
