// The demo's story in Chromium, as a newcomer meets it: list of patients, chart, card, our own app behind the card, a
// suggestion accepted, a card dismissed, and the time machine, scrubbed by keyboard and once without any script. Every page
// is judged by axe-core in both colour schemes and must fit 400 pixels; a fault of a page or of its content policy ends
// the run, like the first thing that is not as told, with exit code 1.
//
//   node tell.js PRODROME FOLDER      the binary; where screenshots and times.json go. From the repository's root.
//
// CHROMIUM names a browser (/usr/bin/chromium). Nothing leaves loopback.
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

// A shipped patient with two cards today, one whose diabetes was seen years before it was recorded, and one to whom little
// happened.
const TODAY = 'ea00005';
const EARLY = 'ea00033';
const SHORT = 'da00007';
const PATIENCE = 120_000;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 400, height: 800 };

const [prodrome, folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node tell.js PRODROME FOLDER');
  process.exit(2);
}
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
await mkdir(folder, { recursive: true });

let checks = 0;
const faults = [];
const times = [];

function check(holds, what) {
  if (!holds) throw new Error(what);
  checks += 1;
  console.log(`ok  ${what}`);
}

/** Does one step of the story and remembers how long the newcomer waited. */
async function step(what, act) {
  const begun = performance.now();
  const result = await act();
  const seconds = Math.round(performance.now() - begun) / 1000;
  times.push({ step: what, seconds });
  console.log(`    ${what}: ${seconds.toFixed(2)} s`);
  return result;
}

/** Starts the demo on free ports; gives both addresses, and how to stop it. */
async function startDemo() {
  const child = spawn(prodrome, ['demo', '--bind', '127.0.0.1:0', '--page', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const [ehr, cds] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`prodrome demo ended with ${code}: ${said}`)));
    child.stdout.on('data', (text) => {
      said += text;
      const found = [/Sandbox EHR\s+(http:\S+)/, /CDS Hooks server\s+(http:\S+)\/cds-services/].map((one) => one.exec(said)?.[1]);
      if (found.every(Boolean)) resolve(found);
    });
  });
  const stop = () => new Promise((ended) => { child.removeAllListeners('exit').once('exit', ended); child.kill('SIGTERM'); });
  return { ehr, cds, stop };
}

function watch(page) {
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    // Busy is an answer, not a fault.
    if (message.type() === 'error' && !message.text().includes('503')) faults.push(`${page.url()}: ${message.text()}`);
  });
  return page;
}

/** Judges a page as it stands, in both schemes and at both widths, and keeps its pictures. */
async function judge(page, name) {
  const look = (scheme) => page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
  for (const scheme of ['dark', 'light']) {
    await look(scheme);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const said = grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(' ')}`);
    check(grave.length === 0, `${name}, ${scheme}: axe-core finds nothing serious ${said.join('; ')}`);
    await page.screenshot({ path: path.join(folder, `${name}-${scheme}.png`) });
  }
  await page.setViewportSize(NARROW);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(width <= NARROW.width, `${name}: fits ${NARROW.width} pixels (${width})`);
  await page.screenshot({ path: path.join(folder, `${name}-narrow.png`), fullPage: true });
  await page.setViewportSize(WIDE);
}

/** Calls that the server has answered so far. */
async function answered(cds) {
  const text = await (await fetch(`${cds}/metrics`)).text();
  const lines = [...text.matchAll(/^prodrome_hook_calls_total\{[^}]*\} (\d+)/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

async function chooses(page, ehr) {
  await step('the list of patients', () => page.goto(ehr));
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement.textContent);
  check(first === 'Skip to content', 'the first key leads to a link past the banner');
  check(await page.locator('#patients tbody tr').count() >= 20, 'the list holds twenty patients and more');
  await judge(page, '1-patients');
  await step('a chart', async () => {
    await page.locator(`a[href="/patients/${TODAY}"]`).click();
    await page.getByRole('button', { name: 'Open chart' }).waitFor();
  });
  await judge(page, '2-chart');
}

async function opens(page) {
  const cards = page.locator('.card');
  await step('cards', async () => {
    // A busy server may say so; then one presses again.
    for (let tries = 0; tries < 5 && await cards.count() === 0; tries += 1) {
      await page.getByRole('button', { name: 'Open chart' }).click();
      await page.locator('#answer:not([aria-busy]) :is(.card, .failure)').first().waitFor();
    }
  });
  check(await cards.count() >= 2, `opening the chart brought ${await cards.count()} cards`);
  await judge(page, '3-cards');
  // High enough that nothing of the card has to be scrolled to.
  await page.setViewportSize({ ...WIDE, height: 2400 });
  await cards.first().screenshot({ path: path.join(folder, 'card.png') });
  await page.setViewportSize(WIDE);
}

/** The app behind a card: where this server has one, the link must lead to it. */
async function launches(page, context, cds) {
  const { status } = await fetch(`${cds}/smart/launch`, { redirect: 'manual' });
  if (status === 404) {
    console.log('    this server has no SMART app: that part of the story is left out');
    return;
  }
  const link = page.locator('.card').first().getByRole('link', { name: /opens an app/ });
  const app = await step('the app behind the card', async () => {
    const [opened] = await Promise.all([context.waitForEvent('page'), link.click()]);
    watch(opened);
    const page = opened.locator('form.feedback').first();
    await opened.locator('h1').waitFor();
    // A busy server may say so; then one loads it again.
    for (let tries = 0; tries < 5 && await page.count() === 0; tries += 1) {
      await opened.reload();
      await opened.locator('h1').waitFor();
    }
    await page.waitFor({ timeout: 1000 });
    return opened;
  });
  check(app.url().startsWith(`${cds}/smart/`), 'the card leads into the app');
  const evidence = app.locator('.evidence li');
  check(await evidence.count() > 0, `the app names ${await evidence.count()} facts that moved the estimates`);
  await app.setViewportSize(WIDE);
  await judge(app, '4-app');
  const form = app.locator('form.feedback').first();
  await step('feedback in the app', async () => {
    await form.getByRole('button', { name: 'Useful', exact: true }).click();
    await form.locator('.said', { hasText: 'useful' }).waitFor();
  });
  check((await form.locator('.said').textContent()).includes('Noted as useful'), 'the app stored what was said');
  await app.close();
}

async function decides(page) {
  const [accepted, dismissed] = [page.locator('.card').nth(0), page.locator('.card').nth(1)];
  const receipt = (card) => card.getByText('Feedback stored by the server').waitFor();
  await step('a suggestion accepted', async () => {
    await accepted.locator('.suggest').first().click();
    await receipt(accepted);
  });
  const words = await accepted.locator('.decision').textContent();
  check(words.includes('Accepted: ') && words.includes('"accepted"'), 'the suggestion was accepted, and the feedback is shown');
  await step('a card dismissed with a reason', async () => {
    await dismissed.locator('.dismiss summary').click();
    await dismissed.getByRole('radio').first().check();
    await dismissed.getByRole('button', { name: 'Dismiss' }).click();
    await receipt(dismissed);
  });
  const reason = await dismissed.locator('.decision').textContent();
  check(reason.includes('Dismissed: ') && reason.includes('overrideReason'), 'the card was dismissed with a reason, and the feedback is shown');
  await judge(page, '5-decided');
}

async function travels(page, server) {
  await page.goto(`${server.ehr}/patients/${EARLY}`);
  await page.getByRole('link', { name: /Time machine/ }).click();
  const slider = page.locator('#at');
  await step('the time machine', async () => {
    await page.getByRole('button', { name: 'Travel' }).click();
    await page.locator('progress').waitFor();
    await slider.waitFor({ timeout: 3 * PATIENCE });
  });
  const moments = await page.locator('#moments tbody tr').count();
  check(moments > 10 && moments <= 60, `${moments} visits were asked`);
  const ahead = page.locator('.curve figcaption').filter({ hasText: 'later' });
  check(await ahead.count() > 0, 'a disease was seen before the record named it');
  check((await ahead.first().innerText()).includes('years later'), `years before: ${(await ahead.first().innerText()).replaceAll('\n', ' ')}`);
  await ahead.first().getByRole('link').click();
  await page.locator('#moment .card').first().waitFor();
  await judge(page, '6-time-machine');
  await pictureOf(page);
  await scrubs(page, slider, server.cds, moments);
  const then = await page.locator('#moment strong').first().textContent();
  await page.getByRole('link', { name: 'Open the chart as of this day' }).click();
  const day = /\d{4}-\d\d-\d\d/.exec(then)[0];
  check((await page.locator('.as-of-note').textContent()).includes(day), `the chart opens as of ${day}`);
}

/** The part of the page that is scrubbed, for documents. */
async function pictureOf(page) {
  await page.setViewportSize({ ...WIDE, height: 1200 });
  const { y } = await page.locator('.scrub').boundingBox();
  await page.screenshot({ path: path.join(folder, 'time-machine.png'), clip: { x: 0, y: y - 12, width: WIDE.width, height: 800 } });
  await page.setViewportSize(WIDE);
}

/** By keyboard: every moment comes from what was recorded. */
async function scrubs(page, slider, cds, moments) {
  const before = await answered(cds);
  // A busy machine may leave some unanswered; the page says how many.
  check(before >= moments * 0.9, `the server counts ${before} answered calls`);
  const cursor = page.locator('line.cursor').first();
  const showing = async (key) => {
    const [was, at] = [await cursor.getAttribute('x1'), await page.locator('#moment').textContent()];
    await slider.press(key);
    await page.waitForFunction((old) => document.querySelector('#moment').textContent !== old, at);
    return [was, await cursor.getAttribute('x1')];
  };
  await slider.focus();
  await slider.press('End');
  await page.locator('#moment', { hasText: await page.locator('#moments tbody tr a').last().textContent() }).waitFor();
  for (const key of ['ArrowLeft', 'ArrowLeft', 'PageDown']) {
    const [was, is] = await showing(key);
    check(was !== is, `${key} moves the line from ${was} to ${is}: ${await slider.getAttribute('aria-valuetext')}`);
  }
  check(await answered(cds) === before, 'scrubbing called no service again');
}

async function travelsWithoutScript(browser, ehr) {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: WIDE });
  const page = watch(await context.newPage());
  await page.goto(`${ehr}/patients/${SHORT}/time-machine`);
  await page.getByRole('button', { name: 'Travel' }).click();
  await page.locator('#moments').waitFor({ state: 'attached' });
  await page.goto(`${ehr}/patients/${SHORT}/time-machine?at=0`);
  const first = await page.locator('#moments tbody tr a').first().textContent();
  check((await page.locator('#moment').textContent()).includes(first), 'without a script the same page comes whole');
  await context.close();
}

const begun = performance.now();
const outside = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1';
const server = await step('the demo, until it is ready', startDemo);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', outside],
});
try {
  const context = await browser.newContext({ viewport: WIDE });
  const page = watch(await context.newPage());
  await chooses(page, server.ehr);
  await opens(page);
  await launches(page, context, server.cds);
  await decides(page);
  await travels(page, server);
  await travelsWithoutScript(browser, server.ehr);
  check(faults.length === 0, `no page had a fault ${faults.join('; ')}`);
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  console.log(`story: ${checks} checks passed in Chromium ${browser.version()}, ${seconds} s; pictures in ${folder}`);
} catch (error) {
  console.error(`not ok  ${error.message}`);
  process.exitCode = 1;
} finally {
  const processor = `${cpus().length} x ${cpus()[0].model}`;
  await writeFile(path.join(folder, 'times.json'), `${JSON.stringify({ processor, times }, null, 1)}\n`);
  await browser.close();
  await server.stop();
}
