// The past: a patient's life asked again, scrubbed by keyboard, and once without any script.
import { PATIENCE, WIDE } from './story.js';

/** Shipped patients: one whose diabetes was seen years before it was recorded, and one to whom little happened. */
const EARLY = 'ea00033';
const SHORT = 'da00007';

export async function tellTimeMachine(story, { page, browser, server }) {
  await travels(story, page, server);
  await travelsWithoutScript(story, browser, server.ehr);
}

/** Calls that the server has answered so far. */
async function answered(cds) {
  const text = await (await fetch(`${cds}/metrics`)).text();
  const lines = [...text.matchAll(/^prodrome_hook_calls_total\{[^}]*\} (\d+)/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

async function travels(story, page, server) {
  await page.goto(`${server.ehr}/patients/${EARLY}`);
  await page.getByRole('link', { name: /Time machine/ }).click();
  const slider = page.locator('#at');
  const earlier = await answered(server.cds);
  await story.step('the time machine', async () => {
    await page.getByRole('button', { name: 'Travel' }).click();
    await page.locator('progress').waitFor();
    await slider.waitFor({ timeout: 3 * PATIENCE });
  });
  const moments = await page.locator('#moments tbody tr').count();
  story.check(moments > 10 && moments <= 60, `${moments} visits were asked`);
  const calls = await answered(server.cds) - earlier;
  // A busy machine may leave some unanswered; the page says which.
  const silent = await page.locator('#moments tbody tr', { hasText: 'not answered' }).count();
  story.check(silent < moments / 2 && calls >= moments - silent, `the server counts ${calls} answered calls, the page ${moments - silent}`);
  const ahead = page.locator('.curve figcaption').filter({ hasText: 'later' });
  story.check(await ahead.count() > 0, 'a disease was seen before the record named it');
  const told = (await ahead.first().innerText()).replaceAll('\n', ' ');
  story.check(told.includes('years later'), `years before: ${told}`);
  await ahead.first().getByRole('link').click();
  await page.locator('#moment .card').first().waitFor();
  await story.judge(page, '9-time-machine');
  await pictureOf(story, page);
  await scrubs(story, page, slider, server.cds);
  const then = await page.locator('#moment strong').first().textContent();
  await page.getByRole('link', { name: 'Open the chart as of this day' }).click();
  const day = /\d{4}-\d\d-\d\d/.exec(then)[0];
  story.check((await page.locator('.as-of-note').textContent()).includes(day), `the chart opens as of ${day}`);
}

/** The part of the page that is scrubbed, for documents. */
async function pictureOf(story, page) {
  await page.setViewportSize({ ...WIDE, height: 1200 });
  const { y } = await page.locator('.scrub').boundingBox();
  await story.picture(page, 'time-machine', { clip: { x: 0, y: y - 12, width: WIDE.width, height: 800 } });
  await page.setViewportSize(WIDE);
}

/** By keyboard: every moment comes from what was recorded. */
async function scrubs(story, page, slider, cds) {
  const before = await answered(cds);
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
    story.check(was !== is, `${key} moves the line from ${was} to ${is}: ${await slider.getAttribute('aria-valuetext')}`);
  }
  story.check(await answered(cds) === before, 'scrubbing called no service again');
}

async function travelsWithoutScript(story, browser, ehr) {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: WIDE });
  const page = story.watch(await context.newPage());
  await page.goto(`${ehr}/patients/${SHORT}/time-machine`);
  await page.getByRole('button', { name: 'Travel' }).click();
  await page.locator('#moments').waitFor({ state: 'attached' });
  await page.goto(`${ehr}/patients/${SHORT}/time-machine?at=0`);
  const first = await page.locator('#moments tbody tr a').first().textContent();
  story.check((await page.locator('#moment').textContent()).includes(first), 'without a script the same page comes whole');
  await context.close();
}
