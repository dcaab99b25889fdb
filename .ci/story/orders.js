// A drug is chosen: what followed such starts, a test ordered with it, the review before signing, and what the EHR reported.
import { accepted, pressed } from './chart.js';
import { latest } from './journal.js';

/** A shipped patient for whom an anti-inflammatory drug means more than for others. */
const KIDNEYS = 'ea00017';
const DRUG = 'Naproxen sodium 220 MG Oral Tablet';
const CODE = 'http://www.nlm.nih.gov/research/umls/rxnorm|849574';

export async function tellOrders(story, { page, server }) {
  await page.goto(`${server.ehr}/patients/${KIDNEYS}`);
  await story.step('the order screen', async () => {
    await page.getByRole('link', { name: 'Order entry' }).click();
    await page.getByRole('button', { name: 'Add draft' }).waitFor();
  });
  await chooses(page);
  const drafts = page.locator('#basket .drafts li');
  story.check(await drafts.count() === 1 && (await drafts.textContent()).includes(DRUG), 'the drug is a draft');
  const cards = await story.step('what followed such starts', () => pressed(page, 'Select the last draft'));
  const said = await cards.first().locator('h3').textContent();
  story.check(await cards.count() === 1 && said.includes('who start an NSAID'), `order-select brought a card: ${said}`);
  await story.judge(page, '6-order-select');
  const words = await story.step('its test ordered', () => accepted(cards.first()));
  story.check(words.includes('Accepted: Order creatinine') && words.includes('ServiceRequest'), 'the suggestion was accepted');
  await signs(story, page, server.ehr);
}

/** Drafts the drug on an order screen. */
export async function chooses(page) {
  await page.getByLabel('What').fill(DRUG);
  await page.getByLabel('Code').fill(CODE);
  await page.getByRole('button', { name: 'Add draft' }).click();
  await page.locator('#basket .drafts li').first().waitFor();
}

async function signs(story, page, ehr) {
  await page.reload();
  const drafts = await page.locator('#basket .drafts li').allTextContents();
  story.check(drafts.length === 2 && drafts[1].includes('Creatinine'), 'the basket holds the drug and its monitoring');
  await story.step('the review before signing', () => pressed(page, 'Review before signing'));
  await story.judge(page, '7-order-sign');
  await page.getByRole('button', { name: 'Sign all orders' }).click();
  const signed = page.getByText('Signed: ');
  await signed.waitFor();
  const names = await signed.textContent();
  story.check(names.includes(DRUG) && names.includes('Creatinine'), `both are signed. ${names}`);
  const told = await latest(page, ehr, '/order-outlook/feedback');
  const [entry] = told.request.feedback;
  story.check(told.status === 200 && entry.outcome === 'accepted' && entry.acceptedSuggestions.length === 1, 'the EHR reported one suggestion accepted');
  const reviewed = await latest(page, ehr, '/order-outlook', 'order-sign');
  const orders = reviewed.request.context.draftOrders.entry.map(({ resource }) => resource.resourceType);
  story.check(reviewed.status === 200 && orders.join() === 'MedicationRequest,ServiceRequest', 'signing fired order-sign, with both drafts');
  await story.picture(page, '7-journal', { fullPage: true });
}
