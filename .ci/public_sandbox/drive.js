// Drives the public CDS Hooks sandbox, as it was built from its own repository, against Prodrome in Chromium: patient
// list, discovery, patient-view, order-select, order-sign, and feedback of both kinds. What the page shows is compared
// with what the server answered; the first difference ends the run with exit code 1.
//
//   node drive.js SANDBOX_BUILD PRODROME [--requests FILE] [--screenshot FILE]
//
// SANDBOX_BUILD is the sandbox's `build` folder, PRODROME the binary; CHROMIUM names a browser (/usr/bin/chromium). Run
// it from the repository's root: `prodrome serve` (development mode) and `prodrome demo --open-fhir` (for its FHIR server)
// find patients, model and services from there. Nothing leaves loopback.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

// A shipped patient for whom the shipped model shows cards at every hook used here, and what is prescribed.
const PATIENT = 'ea00005';
const DRUG = 'Warfarin Sodium 5 MG Oral Tablet';
const PATIENCE = 60_000;

const options = { requests: { type: 'string' }, screenshot: { type: 'string' } };
const { values, positionals } = parseArgs({ options, allowPositionals: true });
if (positionals.length !== 2) {
  console.error('usage: node drive.js SANDBOX_BUILD PRODROME [--requests FILE] [--screenshot FILE]');
  process.exit(2);
}
const [build, prodrome] = positionals;
await stat(path.join(build, 'app.bundle.js'));

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok  ${what}`);
}

/** The sandbox's files on a free port of loopback. */
async function serveBuild() {
  const kinds = { '.html': 'text/html', '.js': 'text/javascript', '.png': 'image/png' };
  const server = createServer(async (request, response) => {
    const name = path.basename(new URL(request.url, 'http://x').pathname) || 'index.html';
    try {
      const body = await readFile(path.join(build, name));
      response.writeHead(200, { 'content-type': kinds[path.extname(name)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Runs a command of Prodrome until what it says holds every pattern; gives what they found, and how to stop it. */
async function start(arguments_, environment, patterns) {
  const child = spawn(prodrome, arguments_, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const found = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`prodrome ${arguments_[0]} ended with ${code}: ${said}`)));
    child.stdout.on('data', (text) => {
      said += text;
      const matches = patterns.map((pattern) => pattern.exec(said)?.[1]);
      if (matches.every(Boolean)) resolve(matches);
    });
  });
  const stop = () => new Promise((ended) => { child.removeAllListeners('exit').once('exit', ended); child.kill('SIGTERM'); });
  return { found, stop };
}

/** `prodrome serve` in development mode, and the sandbox EHR's FHIR server; services of another folder where given. */
async function startProdrome(services) {
  const folder = await mkdtemp(path.join(tmpdir(), 'prodrome-'));
  const ehr = await start(['demo', '--open-fhir', '--bind', '127.0.0.1:0', '--page', '127.0.0.1:0'], {}, [/Sandbox EHR\s+(\S+)/]);
  const [page] = ehr.found;
  // Whose FHIR server may be read for the pages of a search that the sandbox leaves unread.
  const client = `name = "ehr", issuer = "${page}", jwks_url = "${page}/jwks.json", fhir_servers = ["${page}/fhir"], audiences = ["x"]`;
  const serve = await start(['serve'], {
    PRODROME__CDS_CLIENT: `[{ ${client} }]`,
    PRODROME__SERVER__MODE: 'development',
    PRODROME__SERVER__BIND: '127.0.0.1:0',
    PRODROME__DATABASE__URL: `sqlite:${path.join(folder, 'prodrome.sqlite')}`,
    PRODROME__TELEMETRY__FILTER: 'warn',
    ...services && { PRODROME__SERVICES__PATH: services },
  }, [/listens on (http:\S+)/]);
  const [cds] = serve.found;
  const until = Date.now() + PATIENCE;
  while (!(await fetch(`${cds}/readyz`)).ok && Date.now() < until) await new Promise((later) => { setTimeout(later, 200); });
  const stop = async () => {
    await Promise.all([serve.stop(), ehr.stop()]);
    await rm(folder, { recursive: true });
  };
  return { fhir: `${page}/fhir`, discovery: `${cds}/cds-services`, stop };
}

/** Every request of the page, preflights too, with headers as they went out and the status that came. */
async function recorder(page) {
  const requests = new Map();
  const of = (id) => requests.get(id) ?? requests.set(id, {}).get(id);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  session.on('Network.requestWillBeSent', ({ requestId, request, type }) => {
    Object.assign(of(requestId), { method: request.method, url: request.url, type, body: request.postData });
  });
  session.on('Network.requestWillBeSentExtraInfo', ({ requestId, headers }) => { of(requestId).headers = headers; });
  session.on('Network.responseReceived', ({ requestId, response }) => { of(requestId).status = response.status; });
  session.on('Network.loadingFailed', ({ requestId, errorText }) => { of(requestId).failed = errorText; });
  return () => [...requests.values()].filter((request) => request.url?.startsWith('http://127.0.0.1'));
}

/** One screen of the sandbox, and what the service answered to the call that it made. */
class Screen {
  static async open(browser, sandbox, server, hook, screen) {
    const page = await browser.newPage({ viewport: { width: 1360, height: 940 } });
    const requests = await recorder(page);
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    const query = new URLSearchParams({
      fhirServiceUrl: server.fhir, patientId: PATIENT, serviceDiscoveryURL: server.discovery, hook, screen,
    });
    const opened = new Screen(page, requests, faults);
    // order-sign alone waits for a click.
    const answered = hook === 'order-sign' ? null : opened.answer(/cds-services\/[a-z-]+$/);
    await page.goto(`${sandbox}/?${query}`);
    opened.first = await answered;
    return opened;
  }

  constructor(page, requests, faults) {
    Object.assign(this, { page, requests, faults });
  }

  /** The next answer to a POST at an address, with the request that it answers. */
  async answer(address, wanted = () => true) {
    const fits = (response) => response.request().method() === 'POST' && address.test(response.url())
      && wanted(response.request().postDataJSON());
    const response = await this.page.waitForResponse(fits, { timeout: PATIENCE });
    const text = await response.text();
    const sent = response.request().postDataJSON();
    if (response.status() !== 200) throw new Error(`${response.url()} answered ${response.status()}: ${text}`);
    return { url: response.url(), status: response.status(), sent, answer: text ? JSON.parse(text) : null };
  }

  /** The card's summary as it is drawn; the developer panel beside it holds it too, within JSON. */
  drawn(card) {
    return this.page.getByText(card.summary, { exact: true });
  }

  async shows(cards, what) {
    for (const card of cards) await this.drawn(card).waitFor({ timeout: PATIENCE });
    check(cards.length > 0, `${what}: ${cards.length} card(s) on the screen`);
  }

  /** Accepts the first suggestion of a card. */
  async accept(card) {
    const fed = this.answer(/\/feedback$/);
    await this.page.getByRole('button', { name: card.suggestions[0].label }).first().click();
    const { status, sent } = await fed;
    const [item] = sent.feedback;
    const told = item.card === card.uuid && item.acceptedSuggestions[0].id === card.suggestions[0].uuid;
    check(status === 200 && told && item.outcome === 'accepted', `feedback: accepted "${card.suggestions[0].label}"`);
  }

  /** Dismisses a card with its last reason; the page takes it away. */
  async dismiss(card) {
    const reason = card.overrideReasons.at(-1);
    const fed = this.answer(/\/feedback$/);
    await this.page.getByRole('button', { name: 'select dismiss reason' }).last().click();
    await this.page.getByRole('menuitem', { name: reason.display }).click();
    const { status, sent } = await fed;
    const [item] = sent.feedback;
    const told = item.outcome === 'overridden' && item.overrideReason.reason.code === reason.code;
    check(status === 200 && told, `feedback: overridden, "${reason.display}"`);
    await this.drawn(card).waitFor({ state: 'detached', timeout: PATIENCE });
  }

  /** Writes the drug's name and chooses it from the list. */
  async prescribe(hook) {
    const chosen = (body) => body.context.draftOrders.entry[0].resource.medicationCodeableConcept;
    const answered = this.answer(/cds-services\/[a-z-]+$/, (body) => body.hook === hook && chosen(body));
    await this.page.locator('input[name=medication-input]').fill(DRUG);
    await this.page.getByRole('button', { name: DRUG, exact: true }).click();
    if (hook === 'order-sign') await this.page.getByRole('button', { name: /sign/i }).last().click();
    return answered;
  }

  /** Every request of ours was answered well, and the page broke nowhere. */
  async close(what) {
    const sent = this.requests().filter(({ url }) => /\/(cds-services|fhir)(\/|$)/.test(url));
    const bad = sent.filter(({ failed, status }) => failed || status >= 400).map(({ url, status }) => `${status} ${url}`);
    check(bad.length === 0, `${what}: all of ${sent.length} requests answered well ${bad.join(', ')}`);
    check(this.faults.length === 0, `${what}: no fault in the page ${this.faults.join(', ')}`);
    await this.page.close();
    return sent;
  }
}

/** Keys of the prefetch that an entry of the discovery document asks for and a call did not bring. */
async function missing(server, call) {
  const id = call.url.split('/').at(-1);
  const { services } = await (await fetch(server.discovery)).json();
  const asked = services.find((service) => service.id === id && service.hook === call.sent.hook);
  return Object.keys(asked.prefetch).filter((key) => !(key in (call.sent.prefetch ?? {})));
}

async function patientView(browser, sandbox, server) {
  const screen = await Screen.open(browser, sandbox, server, 'patient-view', 'patient-view');
  const lost = await missing(server, screen.first);
  check(lost.length === 0, `patient-view: every prefetch key was filled ${lost}`);
  const { cards } = screen.first.answer;
  await screen.shows(cards, 'patient-view');
  if (values.screenshot) await screen.page.screenshot({ path: values.screenshot });
  await screen.accept(cards[0]);
  await screen.dismiss(cards.at(-1));
  await screen.page.getByRole('banner').getByRole('button').last().click();
  const listed = screen.page.waitForResponse((response) => response.url() === `${server.fhir}/Patient`);
  await screen.page.getByText('Change Patient').click();
  const { total } = await (await listed).json();
  check(total > 1, `the list of patients holds ${total}`);
  return screen.close('patient-view');
}

async function orderSelect(browser, sandbox, server) {
  const screen = await Screen.open(browser, sandbox, server, 'order-select', 'rx-view');
  const { status, sent, answer } = screen.first;
  const draft = sent.context.draftOrders.entry[0].resource;
  const early = sent.hook === 'order-select' && !draft.medicationCodeableConcept && answer.cards.length === 0;
  check(status === 200 && early, 'order-select: before a drug is chosen, 200 without cards');
  const { cards } = (await screen.prescribe('order-select')).answer;
  await screen.shows(cards, 'order-select');
  await screen.accept(cards[0]);
  return screen.close('order-select');
}

async function orderSign(browser, sandbox, server) {
  const screen = await Screen.open(browser, sandbox, server, 'order-sign', 'rx-sign');
  const { cards } = (await screen.prescribe('order-sign')).answer;
  await screen.shows(cards, 'order-sign');
  await screen.dismiss(cards[0]);
  return screen.close('order-sign');
}

/** The shipped services with order-outlook at order-sign alone: the sandbox calls one entry of an id, the last. */
async function servicesAtSign() {
  const folder = await mkdtemp(path.join(tmpdir(), 'prodrome-services-'));
  await cp('cds-services', folder, { recursive: true });
  const file = path.join(folder, 'order-outlook', 'service.toml');
  const definition = await readFile(file, 'utf8');
  await writeFile(file, definition.replace(/^hooks = .*$/m, 'hooks = ["order-sign"]'));
  return folder;
}

/** With a server of its own. */
async function served(services, use) {
  const server = await startProdrome(services);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

const outside = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1';
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', outside],
});
const sandbox = await serveBuild();
const atSign = await servicesAtSign();
try {
  const seen = await served(null, async (server) => [
    ...await patientView(browser, sandbox.address, server), ...await orderSelect(browser, sandbox.address, server),
  ]);
  seen.push(...await served(atSign, (server) => orderSign(browser, sandbox.address, server)));
  if (values.requests) await writeFile(values.requests, JSON.stringify(seen, null, 1));
  const preflights = seen.filter(({ method }) => method === 'OPTIONS').length;
  console.log(`the public sandbox works in Chromium ${browser.version()}: ${seen.length} requests, ${preflights} preflights`);
} catch (error) {
  console.error(`not ok  ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  sandbox.close();
  await rm(atSign, { recursive: true });
}
