// Looks at the pages of the SMART app as a browser does: drawn by the tests (`cargo test --test it smart::page` leaves them
// in target/tmp/pages), served with the server's own content policy. Everything that breaks stops it.
//
//   npm install && node look.js ../../target/tmp/pages [--pictures FOLDER]

import { createServer } from "node:http";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({ options: { pictures: { type: "string" } }, allowPositionals: true });
if (positionals.length !== 1) {
  console.error("usage: node look.js PAGES [--pictures FOLDER]");
  process.exit(2);
}
const [pages] = positionals;
const here = path.dirname(new URL(import.meta.url).pathname);
const assets = path.join(here, "..", "..", "web", "smart");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok  ${what}`);
}

/** Pages, their style and scripts, and a place for feedback, on a free port of loopback. */
async function serve() {
  const policy = await readFile(path.join(pages, "policy.txt"), "utf8");
  const kinds = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const name = path.basename(pathname);
    const folder = pathname.startsWith("/smart/assets/") ? assets : pages;
    try {
      const thanks = '<main id="content"><p id="said">Noted as useful.</p></main>';
      const body = request.method === "POST" ? thanks : await readFile(path.join(folder, name));
      const kind = request.method === "POST" ? kinds[".html"] : kinds[path.extname(name)];
      response.writeHead(200, { "content-type": kind, "content-security-policy": policy }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A page that has loaded, and whatever broke on it. */
async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(address);
  // Milliseconds from the click that led here until the picture can be moved.
  const ready = await page.waitForFunction(() => !document.querySelector("#happened")?.hidden && performance.now());
  return { page, faults, took: await ready.jsonValue() };
}

/** WCAG 2.2 A and AA and best practice, of everything that can be opened. */
async function judge(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  // Within the page's own policy nothing foreign runs: axe is put in from outside it.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", {
    expression: "axe.run().then((found) => JSON.stringify(found.violations))", awaitPromise: true, returnByValue: true,
  });
  return JSON.parse(result.value).map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 160)} ${one.nodes[0].failureSummary}`);
}

async function picture(page, name) {
  if (!values.pictures) return;
  await mkdir(values.pictures, { recursive: true });
  await page.screenshot({ path: path.join(values.pictures, `${name}.png`), fullPage: true });
}

async function accessible(browser, address, name) {
  for (const [how, options] of Object.entries({
    light: {}, dark: { colorScheme: "dark" }, narrow: { viewport: { width: 400, height: 800 } },
  })) {
    const { page, faults } = await open(browser, `${address}/${name}`, options);
    await picture(page, `${path.parse(name).name}-${how}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(wide <= 0, `${name} ${how}: nothing sideways`);
    const violations = await judge(page);
    check(violations.length === 0, `${name} ${how}: axe finds nothing ${violations.join("\n")}`);
    check(faults.length === 0, `${name} ${how}: nothing broke ${faults.join(", ")}`);
    await page.context().close();
  }
}

const years = (page) => page.locator("#ticks .year").allTextContents();
const told = (page) => page.locator("#happened .when").textContent();

/** The picture by keyboard and mouse. */
async function moves(browser, address, name) {
  const { page, faults } = await open(browser, `${address}/${name}`);
  const whole = await years(page);
  await page.locator("#timeline").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  const first = await told(page);
  check(/\d{4}-\d\d-\d\d.*entr/.test(first), `the End key tells what happened last: ${first}`);
  await page.keyboard.press("ArrowLeft");
  check((await told(page)) !== first, "the left arrow goes to what happened before");
  for (const _ of "+++") await page.keyboard.press("+");
  const near = await years(page);
  check(near.join() !== whole.join(), `plus zooms: ${whole.join(" ")} becomes ${near.join(" ")}`);
  await page.keyboard.press("-");
  check((await years(page)).join() !== near.join(), "minus zooms out");
  await page.keyboard.press("0");
  check((await years(page)).length > 0 && (await page.locator("#cursor").isVisible()), "0 shows the whole life");
  await page.locator("#timeline").hover({ position: { x: 900, y: 95 } });
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -400);
  await page.keyboard.up("Control");
  check((await years(page)).join() !== whole.join(), "the wheel zooms with Ctrl");
  await page.getByRole("button", { name: "2 years" }).click();
  await picture(page, "zoomed");
  check((await years(page)).length >= 2, "a button shows two years");
  check(faults.length === 0, `moving breaks nothing ${faults.join(", ")}`);
  await page.context().close();
}

/** Evidence and picture find each other; feedback stays on the page. */
async function answers(browser, address, name) {
  const { page, faults } = await open(browser, `${address}/${name}`);
  const item = page.locator(".evidence li").first();
  const mark = page.locator(`#${await item.getAttribute("data-mark")}`);
  await item.hover();
  check(await mark.evaluate((one) => one.classList.contains("lit")), "pointing at evidence lights its mark");
  await item.locator("a").first().click();
  check(/\d{4}/.test(await told(page)), "its link tells what happened then");
  const form = page.locator("form.feedback").first();
  await form.getByRole("button", { name: "Useful", exact: true }).click();
  await form.getByText("Noted as useful.").waitFor();
  check(await form.getByRole("button", { name: "Useful", exact: true }).isDisabled(), "feedback is given once");
  check(faults.length === 0, `answering breaks nothing ${faults.join(", ")}`);
  await page.context().close();
}

async function quick(browser, address, name) {
  let { page, took } = await open(browser, `${address}/${name}`);
  // Other work on this machine is no fault of the page.
  for (let again = 0; again < 3 && took >= 1000; again += 1) ({ page, took } = await open(browser, `${address}/${name}`));
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  check(nodes <= 1500, `${name}: ${nodes} elements`);
  check(took < 1000, `${name}: drawn and ready in ${Math.round(took)} ms`);
  const moved = await page.evaluate(() => {
    const begun = performance.now();
    const press = (key) => document.querySelector("#timeline").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    for (let number = 0; number < 20; number += 1) press(number % 2 ? "-" : "+");
    return (performance.now() - begun) / 20;
  });
  check(moved < 100, `${name}: a zoom takes ${moved.toFixed(1)} ms`);
  await page.context().close();
}

const names = (await readdir(pages)).filter((name) => name.endsWith(".html")).sort();
const contents = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await readFile(path.join(pages, name), "utf8")])),
);
const withEvidence = names.find((name) => contents[name].includes("class=\"evidence\""));
const calm = names.find((name) => contents[name].includes("No outcome is above its alert threshold."));
if (!withEvidence || !calm) throw new Error("no page with evidence, or none without: run `cargo test --test it smart::page`");
const server = await serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const name of new Set([withEvidence, calm, "long.html"])) await accessible(browser, server.address, name);
  await moves(browser, server.address, withEvidence);
  await answers(browser, server.address, withEvidence);
  for (const name of [withEvidence, "long.html"]) await quick(browser, server.address, name);
  console.log(`the pages work in Chromium ${browser.version()}`);
} catch (error) {
  console.error(`not ok  ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
