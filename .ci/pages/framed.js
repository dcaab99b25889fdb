// The app in the embedded browser of an EHR: an EHR's page of another site shows it in a frame, launched for a patient, up
// to feedback; a page that the settings do not name shows nothing. In Chromium over TLS, since browsers keep cookies of a
// frame only there, and with third-party cookies blocked, as browsers come to do.
//
//   npm install && node framed.js PRODROME      from anywhere
//
// Needs openssl for a certificate. The EHR's pages are at `localhost`, the app at `127.0.0.1`: two sites to a browser.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const PATIENT = "ea00005";
const PATIENCE = 60_000;
if (process.argv.length !== 3) {
  console.error("usage: node framed.js PRODROME");
  process.exit(2);
}
const prodrome = realpathSync(process.argv[2]);
const root = path.join(path.dirname(new URL(import.meta.url).pathname), "..", "..");
const folder = mkdtempSync(path.join(tmpdir(), "prodrome-"));
const stops = [() => rmSync(folder, { recursive: true })];

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok  ${what}`);
}

async function freePort() {
  const server = createSocket();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Runs a command until what it says holds the pattern; gives what it found. */
async function start(arguments_, environment, pattern) {
  const child = spawn(prodrome, arguments_, { cwd: root, env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
  stops.unshift(() => new Promise((ended) => { child.removeAllListeners("exit").once("exit", ended); child.kill("SIGTERM"); }));
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("exit", (code) => reject(new Error(`prodrome ${arguments_[0]} ended with ${code}: ${said}`)));
    child.stdout.on("data", (text) => {
      said += text;
      const found = pattern.exec(said)?.[1];
      if (found) resolve(found);
    });
  });
}

/** A page of an EHR at `localhost` that shows whatever `?app=` names in a frame. */
async function ehrScreen() {
  const server = createServer((request, response) => {
    const app = new URL(request.url, "http://x").searchParams.get("app") ?? "about:blank";
    response.writeHead(200, { "content-type": "text/html" });
    response.end(`<!doctype html><title>EHR</title><iframe title="App" width="1000" height="800" src="${app.replaceAll("&", "&amp;")}"></iframe>`);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  stops.unshift(() => server.close());
  return `http://localhost:${server.address().port}`;
}

async function begin() {
  const cds = await freePort();
  const app = `https://127.0.0.1:${cds}`;
  const [secret, clients] = [path.join(folder, "secret"), path.join(folder, "clients.toml")];
  writeFileSync(secret, "a-secret-of-this-run-alone-0123456789");
  writeFileSync(clients, `[[client]]\nclient_id = "framed-app"\nredirect_uris = ["${app}/smart/callback/ehr"]\nlaunch_url = "${app}/smart/launch"
secret = "a-secret-of-this-run-alone-0123456789"\nscope = "launch openid fhirUser patient/*.rs offline_access"\n`);
  const [key, certificate] = [path.join(folder, "key.pem"), path.join(folder, "certificate.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
    "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], { stdio: "ignore" });
  const twin = await start(["sandbox", "--service", app, "--clients", clients, "--page", "127.0.0.1:0"], {}, /Page\s+(http:\S+)/);
  const [named, other] = [await ehrScreen(), await ehrScreen()];
  await start(["serve"], {
    PRODROME__EHR: `[{ name = "ehr", fhir_server = "${twin}/fhir", client_id = "framed-app", client_secret_file = "${secret}" }]`,
    PRODROME__SMART__FRAME_ANCESTORS: `["${named}"]`,
    PRODROME__SERVER__MODE: "development",
    PRODROME__SERVER__BIND: `127.0.0.1:${cds}`,
    PRODROME__SERVER__PUBLIC_URL: app,
    PRODROME__SERVER__TLS__CERT_FILE: certificate,
    PRODROME__SERVER__TLS__KEY_FILE: key,
    PRODROME__DATABASE__URL: `sqlite:${path.join(folder, "prodrome.sqlite")}`,
    PRODROME__TELEMETRY__FILTER: "error",
  }, /listens on (https:\S+)/);
  return { app, twin, named, other };
}

/** What an EHR's page puts into its frame to open the app for a patient. */
async function launchAddress({ app, twin }) {
  const body = JSON.stringify({ launchUrl: `${app}/smart/launch`, parameters: { patient: PATIENT } });
  const answer = await fetch(`${twin}/fhir/_services/smart/Launch`, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { launch_id: launch } = await answer.json();
  return `${app}/smart/launch?${new URLSearchParams({ iss: `${twin}/fhir`, launch })}`;
}

async function show(browser, screen, address) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const blocked = new Promise((seen) => {
    page.on("console", (message) => { if (/frame-ancestors/.test(message.text())) seen(message.text()); });
  });
  await page.goto(`${screen}/?${new URLSearchParams({ app: address })}`);
  return { context, frame: page.frameLocator("iframe"), blocked };
}

async function readiness(app) {
  const until = Date.now() + PATIENCE;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--test-third-party-cookie-phaseout"],
  });
  stops.unshift(() => browser.close());
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  while (!(await page.goto(`${app}/readyz`)).ok()) {
    if (Date.now() > until) throw new Error("the server is not ready");
  }
  return browser;
}

try {
  const world = await begin();
  const browser = await readiness(world.app);
  {
    const { context, frame } = await show(browser, world.named, await launchAddress(world));
    check(/events\s+of this record/.test(await frame.locator(".patient p").first().innerText()), "in the frame of the EHR the app opens at the patient");
    const cookies = await context.cookies(`${world.app}/smart/patient`);
    const session = cookies.find(({ name }) => name === "__Host-prodrome-smart");
    check(session?.sameSite === "None" && session.secure && session.httpOnly, "its session is a cookie that no script reads");
    check(Boolean(session.partitionKey), "and that belongs to this EHR's frames alone");
    await frame.locator("article.outcome form button").first().click();
    await frame.getByText("Noted").first().waitFor();
    check(true, "feedback from within the frame is taken");
    await context.close();
  }
  {
    const { context, frame, blocked } = await show(browser, world.other, await launchAddress(world));
    check(/frame-ancestors/.test(await blocked), "a page that is not named is told that it may not show the app");
    check(await frame.locator(".patient").count() === 0, "and shows nothing of the patient");
    await context.close();
  }
} catch (error) {
  console.error(`not as told: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const stop of stops) await stop();
}
