// The first five minutes: list of patients, chart, card, the app behind it, a suggestion accepted; then a chart with two cards,
// of which one is dismissed.
import { WIDE } from './story.js';

/** The patient of the guide: a prodrome as in a textbook, an HbA1c between the lines and a risk of diabetes twice the average. */
const FIRST = 'da10018';
/** A shipped patient with two cards today. */
export const TODAY = 'ea00005';

export async function tellChart(story, { page, context, server }) {
  await chooses(story, page, server.ehr);
  await opens(story, page);
  await launches(story, page, context, server.cds);
  await accepts(story, page);
  await dismisses(story, page, server.ehr);
}

async function chooses(story, page, ehr) {
  await story.step('the list of patients', () => page.goto(ehr));
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement.textContent);
  story.check(first === 'Skip to content', 'the first key leads to a link past the banner');
  story.check(await page.locator('#patients tbody tr').count() >= 20, 'the list holds twenty patients and more');
  await story.judge(page, '1-patients');
  await story.step('a chart', async () => {
    await page.locator(`a[href="/patients/${FIRST}"]`).click();
    await page.getByRole('button', { name: 'Open chart' }).waitFor();
  });
  await story.judge(page, '2-chart');
}

/** Presses a button that fires a hook until there is an answer; a busy server may say so, then one presses again. */
export async function pressed(page, button) {
  const cards = page.locator('#answer .card');
  for (let tries = 0; tries < 5; tries += 1) {
    await page.locator('#answer').evaluate((part) => part.replaceChildren());
    await page.getByRole('button', { name: button }).click();
    await page.locator('#answer:not([aria-busy]) :is(.card, .empty, .failure)').first().waitFor();
    if (await page.locator('#answer .failure').count() === 0) break;
  }
  return cards;
}

async function opens(story, page) {
  const cards = await story.step('cards', () => pressed(page, 'Open chart'));
  story.check(await cards.count() >= 1, `opening the chart brought ${await cards.count()} card(s)`);
  await story.judge(page, '3-cards');
  await story.whole(page, cards.first(), 'card');
}

/** Whether this server has an app behind its cards. */
async function hasApp(cds) {
  const { status } = await fetch(`${cds}/smart/launch`, { redirect: 'manual' });
  return status !== 404;
}

/** Follows a card's link into the app; gives its page, drawn, and the address that the EHR launched. */
export async function launched(story, context, link, cds) {
  const addresses = [];
  const notice = (request) => { if (request.url().startsWith(`${cds}/smart/launch`)) addresses.push(request.url()); };
  context.on('request', notice);
  const [app] = await Promise.all([context.waitForEvent('page'), link.click()]);
  story.watch(app);
  const form = app.locator('form.feedback').first();
  await app.locator('h1').waitFor();
  // A busy server may say so; then one loads it again.
  for (let tries = 0; tries < 5 && await form.count() === 0; tries += 1) {
    await app.reload();
    await app.locator('h1').waitFor();
  }
  await form.waitFor({ timeout: 1000 });
  context.off('request', notice);
  return { app, address: addresses[0] ?? '' };
}

async function launches(story, page, context, cds) {
  if (!await hasApp(cds)) {
    console.log('    this server has no SMART app: that part of the story is left out');
    return;
  }
  const link = page.locator('.card').first().getByRole('link', { name: /opens an app/ });
  const { app } = await story.step('the app behind the card', () => launched(story, context, link, cds));
  story.check(app.url().startsWith(`${cds}/smart/`), 'the card leads into the app');
  const evidence = app.locator('.evidence li');
  story.check(await evidence.count() > 0, `the app names ${await evidence.count()} facts that moved the estimates`);
  await app.setViewportSize(WIDE);
  await story.judge(app, '4-app');
  const form = app.locator('form.feedback').first();
  await story.step('feedback in the app', async () => {
    await form.getByRole('button', { name: 'Useful', exact: true }).click();
    await form.locator('.said', { hasText: 'useful' }).waitFor();
  });
  story.check((await form.locator('.said').textContent()).includes('Noted as useful'), 'the app stored what was said');
  await app.close();
}

/** Accepts a card's first suggestion; what the EHR says of it. */
export async function accepted(card) {
  await card.locator('.suggest').first().click();
  await card.getByText('Feedback stored by the server').waitFor();
  return card.locator('.decision').textContent();
}

/** Dismisses a card for the first of its reasons; what the EHR says of it. */
export async function dismissed(card) {
  await card.locator('.dismiss summary').click();
  await card.getByRole('radio').first().check();
  await card.getByRole('button', { name: 'Dismiss' }).click();
  await card.getByText('Feedback stored by the server').waitFor();
  return card.locator('.decision').textContent();
}

async function accepts(story, page) {
  const words = await story.step('a suggestion accepted', () => accepted(page.locator('.card').first()));
  story.check(words.includes('Accepted: ') && words.includes('"accepted"'), 'the suggestion was accepted, and the feedback is shown');
}

async function dismisses(story, page, ehr) {
  await page.goto(`${ehr}/patients/${TODAY}`);
  const cards = await pressed(page, 'Open chart');
  story.check(await cards.count() >= 2, `another chart brought ${await cards.count()} cards`);
  const reason = await story.step('a card dismissed with a reason', () => dismissed(cards.nth(1)));
  story.check(reason.includes('Dismissed: ') && reason.includes('"overrideReason"'), 'the card was dismissed with a reason, and the feedback is shown');
  await story.judge(page, '5-decided');
}
