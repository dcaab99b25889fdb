// Launches Prodrome's SMART app from the public SMART launcher (smart-launcher-v2), as it stands in a checkout of its own
// repository, in Chromium: EHR launch and standalone launch up to the clinician's page and its feedback, errors that the
// launcher simulates, and attacks on a launch under way. The first thing that is not as told ends the run with exit code 1.
//
//   node drive.js CHECKOUT PRODROME [--screenshot FILE]
//
// CHECKOUT is a clone of smart-launcher-v2 after `npm install`, PRODROME the binary; CHROMIUM names a browser
// (/usr/bin/chromium). Run it from the repository's root: `prodrome demo --open-fhir` (the charts behind the launcher) and
// `prodrome serve` (development mode) find patients, model and services from there. Nothing leaves loopback.
import { spawn } from 'node:child_process';
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

// A shipped patient with risks above their thresholds today.
const PATIENT = 'ea00005';
const PATIENCE = 60_000;

const { values, positionals } = parseArgs({ options: { screenshot: { type: 'string' } }, allowPositionals: true });
if (positionals.length !== 2) {
  console.error('usage: node drive.js CHECKOUT PRODROME [--screenshot FILE]');
  process.exit(2);
}
const [checkout, prodrome] = await Promise.all(positionals.map((one) => realpath(one)));
await stat(path.join(checkout, 'node_modules', 'ts-node'));

let checks = 0;
function check(holds, what) {
  if (!holds) throw new Error(what);
  checks += 1;
  console.log(`ok  ${what}`);
}

/** A free port of loopback; each server here has to be known to another before it runs. */
async function freePort() {
  const server = createServer();
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  const { port } = server.address();
  await new Promise((closed) => { server.close(closed); });
  return port;
}

async function reached(address) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const answer = await fetch(address).catch(() => null);
    if (answer?.ok) return;
    await new Promise((later) => { setTimeout(later, 200); });
  }
  throw new Error(`${address} was not reached in ${PATIENCE / 1000} s`);
}

const running = [];
function start(command, arguments_, options) {
  const child = spawn(command, arguments_, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  running.push(new Promise((ended) => { child.once('exit', ended); }).then(() => child));
  child.once('error', (error) => { console.error(`${command}: ${error.message}`); process.exitCode = 1; });
  return child;
}

/** What the launcher's page makes of its form, by the order of its fields; see its src/isomorphic/codec.ts. */
function options(jwks, { type = 0, error = '' } = {}) {
  const [skip, confidentialAsymmetric, pkceAlways] = [1, 2, 2];
  const fields = [type, PATIENT, 'prac-1', 'enc-1', skip, skip, 0, '', '', 'prodrome-app', '', error, jwks, '', confidentialAsymmetric, pkceAlways, ''];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

async function startAll() {
  const folder = await mkdtemp(path.join(tmpdir(), 'prodrome-'));
  const [ehr, hooks, launcher, cds] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const at = (port) => `127.0.0.1:${port}`;
  const children = [start(prodrome, ['demo', '--open-fhir', '--bind', at(hooks), '--page', at(ehr)])];
  children.push(start(path.join(checkout, 'node_modules', '.bin', 'ts-node'), ['--skipProject', '--transpile-only', 'backend/index.ts'], {
    cwd: checkout,
    env: { ...process.env, FHIR_SERVER_R4: `http://${at(ehr)}/fhir`, PORT: String(launcher), HOST: '127.0.0.1' },
  }));
  const jwks = `http://${at(cds)}/.well-known/jwks.json`;
  const base = `http://${at(launcher)}/v/r4`;
  const registered = { ehr: `${base}/fhir`, alone: `${base}/sim/${options(jwks, { type: 3 })}/fhir` };
  const keys = path.join(folder, 'keys');
  await new Promise((made) => { start(prodrome, ['keys', 'new', '--folder', keys]).once('exit', made); });
  const one = (name, server) => `{ name = "${name}", fhir_server = "${server}", client_id = "prodrome-app" }`;
  children.push(start(prodrome, ['serve'], {
    env: {
      ...process.env,
      PRODROME__EHR: `[${one('launcher', registered.ehr)}, ${one('standing-alone', registered.alone)}]`,
      PRODROME__KEYS__FOLDER: keys,
      PRODROME__SERVER__MODE: 'development',
      PRODROME__SERVER__BIND: at(cds),
      PRODROME__SERVER__PUBLIC_URL: `http://${at(cds)}`,
      PRODROME__DATABASE__URL: `sqlite:${path.join(folder, 'prodrome.sqlite')}`,
      PRODROME__TELEMETRY__FILTER: 'error',
    },
  }));
  await Promise.all([reached(`http://${at(ehr)}/fhir/metadata`), reached(`http://${at(cds)}/readyz`), reached(`${registered.ehr}/.well-known/smart-configuration`)]);
  const stop = async () => {
    children.forEach((child) => child.kill('SIGTERM'));
    await Promise.all(running);
    await rm(folder, { recursive: true });
  };
  return { app: `http://${at(cds)}/smart`, registered, jwks, stop };
}

const ehrLaunch = ({ app, registered, jwks }, error) => {
  const query = new URLSearchParams({ iss: registered.ehr, launch: options(jwks, { error }) });
  return `${app}/launch?${query}`;
};

/** The page of a patient, opened by way of the launcher; what of it a clinician looks at first. */
async function opens(browser, world, address, what) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(address);
  check(page.url() === `${world.app}/patient`, `${what}: comes to a clean address`);
  const read = Number((/([\d,]+)\s+events/.exec(await page.locator('.patient p').first().innerText()) ?? [])[1]?.replace(',', ''));
  check(read > 100, `${what}: the chart was read through the launcher (${read} events)`);
  check(await page.locator('article.outcome .figures').count() > 0, `${what}: risks stand there with their figures`);
  const kept = await context.cookies();
  const text = await page.content() + kept.map(({ value }) => value).join(' ');
  check(!/eyJ[\w-]+\.[\w-]+\./.test(text) && kept.every(({ httpOnly }) => httpOnly), `${what}: neither page nor cookies hold a token`);
  return { page, faults, context };
}

async function story(browser, world) {
  const { page, faults, context } = await opens(browser, world, ehrLaunch(world), 'EHR launch');
  const link = await page.locator('article.outcome a[href*="/fhir/"]').first().getAttribute('href');
  check(link.startsWith(world.registered.ehr), 'evidence leads to its resource at the launcher');
  if (values.screenshot) await page.screenshot({ path: values.screenshot, fullPage: true });
  await page.locator('article.outcome form button').first().click();
  await page.locator('[role=status]:visible, #said').filter({ hasText: /Noted/ }).first().waitFor();
  check(true, 'feedback on the page is taken');
  check(faults.length === 0, `no fault on the page ${faults.join('; ')}`);
  await context.close();
  const alone = await opens(browser, world, `${world.app}/standalone?ehr=standing-alone`, 'standalone launch');
  await alone.context.close();
}

/** A browser without pages: keeps cookies and follows nothing by itself. */
class Visitor {
  #cookies = new Map();

  async get(address) {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(address, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(';')[0].split('=');
      this.#cookies.set(name, value);
    }
    const to = answer.headers.get('location');
    return { status: answer.status, to: to && new URL(to, address), text: await answer.text() };
  }

  /** Goes as far as our callback, and not to it. */
  async untilCallback(address) {
    let next = new URL(address);
    for (let hops = 0; hops < 9; hops += 1) {
      const { to, status } = await this.get(next);
      if (!to) throw new Error(`the launcher answered ${status} at ${next.pathname}`);
      if (to.pathname.startsWith('/smart/callback/')) return to;
      next = to;
    }
    throw new Error('sent round in circles');
  }
}

/** A refusal at a clean address, to which the callback leads. */
async function refused(visitor, address, status, words, what) {
  const answer = await visitor.get(address);
  const { status: got, text } = answer.status === 303 ? await visitor.get(answer.to) : answer;
  check(got === status && text.includes(words), `${what}: ${got}, "${words}"`);
}

async function errors(world) {
  for (const error of ['auth_invalid_client_id', 'auth_invalid_scope', 'auth_invalid_redirect_uri']) {
    const visitor = new Visitor();
    await refused(visitor, await visitor.untilCallback(ehrLaunch(world, error)), 403, 'did not let the app in', error);
  }
  for (const error of ['token_invalid_jti', 'token_expired_registration_token']) {
    const visitor = new Visitor();
    await refused(visitor, await visitor.untilCallback(ehrLaunch(world, error)), 502, 'no usable answer', error);
  }
}

async function attacks(world) {
  const begun = async () => {
    const visitor = new Visitor();
    return { visitor, callback: await visitor.untilCallback(ehrLaunch(world)) };
  };
  const over = (visitor, address, what) => refused(visitor, address, 400, 'This launch is over', what);
  {
    const { visitor, callback } = await begun();
    callback.searchParams.set('state', 'A'.repeat(callback.searchParams.get('state').length));
    await over(visitor, callback, 'a state that nobody gave');
  }
  {
    const [one, other] = [await begun(), await begun()];
    one.callback.searchParams.set('state', other.callback.searchParams.get('state'));
    await over(one.visitor, one.callback, "another browser's state");
  }
  {
    const { callback } = await begun();
    await over(new Visitor(), callback, 'a callback in a browser that began nothing');
  }
  {
    const { visitor, callback } = await begun();
    check((await visitor.get(callback)).to?.pathname === '/smart/patient', 'the same callback, untouched, opens');
    await over(visitor, callback, 'the code once more');
  }
  {
    const { visitor, callback } = await begun();
    callback.pathname = callback.pathname.replace(/[^/]+$/, 'standing-alone');
    await over(visitor, callback, 'a code brought to the address of another EHR');
  }
  {
    const { visitor, callback } = await begun();
    callback.searchParams.set('iss', 'http://127.0.0.1:1/elsewhere');
    await over(visitor, callback, 'a callback that says it comes from another issuer');
  }
  {
    const query = new URLSearchParams({ iss: `${world.registered.ehr}/../elsewhere`, launch: options(world.jwks) });
    await refused(new Visitor(), `${world.app}/launch?${query}`, 403, 'This EHR is not known', 'an iss that nobody registered');
  }
  {
    const { visitor, callback } = await begun();
    callback.searchParams.set('code', `${callback.searchParams.get('code')}x`);
    await refused(visitor, callback, 502, 'no usable answer', 'a code that the launcher never gave');
  }
}

const world = await startAll();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  await story(browser, world);
  await errors(world);
  await attacks(world);
  console.log(`${checks} checks at smart-launcher-v2, none failed`);
} catch (error) {
  console.error(`not as told: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await world.stop();
}
