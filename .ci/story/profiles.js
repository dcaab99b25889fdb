// The same chart as each EHR that the sandbox takes after: a card as that EHR draws it, the app behind it, feedback in its
// dialect, and the marks of the profile on what was sent.
import { TODAY, dismissed, launched, pressed } from './chart.js';
import { before, latest } from './journal.js';
import { chooses } from './orders.js';

/** A shipped patient for whom the drug of the order screen is new, and has a card. */
const ORDERS = 'da10011';
const OWN_LABEL = 'How this estimate came about';

/** What is to be seen of each: on cards, on the order screen, in the launch, in feedback and in the request. */
const PROFILES = {
  plain: {
    link: OWN_LABEL,
    orders: suggests,
    reasons: 'overrideReason',
    marks: ({ token, request }) => token.header.alg === 'ES384' && request.context.userId === 'Practitioner/sandbox'
      && !request.extension && request.fhirAuthorization.scope === 'patient/*.rs',
    said: 'signed with ES384, nothing beyond the specification',
  },
  epic: {
    link: 'prodrome-app',
    orders: suggestsNothing,
    reasons: 'overrideReasons',
    marks: ({ token, request }) => token.header.alg === 'RS384' && token.header.kid.endsWith('=') && token.claims.nbf === token.claims.iat - 300
      && request.extension['com.epic.cdshooks.request.bpa-trigger-action'] === '60'
      && request.context.userId.startsWith('PractitionerRole/') && request.fhirAuthorization.scope.includes('Patient.Read (R4)'),
    said: 'a key named in base64, the number of the workflow, a role as user, scopes in its own words',
  },
  oracle: {
    link: OWN_LABEL,
    orders: callsNobody,
    reasons: 'overrideReason',
    marks: ({ token, request }, earlier) => token.header.alg === 'RS384' && !request.extension && /GET .*early-detection/.test(earlier),
    said: 'signed with RS384, and the address asked with GET first',
  },
  inferno: {
    link: OWN_LABEL,
    orders: suggests,
    reasons: 'overrideReason',
    marks: ({ token, request }) => token.header.alg === 'ES384' && typeof request.context.encounterId === 'string',
    said: 'the visit is named',
  },
  'public-sandbox': {
    link: OWN_LABEL,
    plainIssuer: true,
    orders: selectsTooEarly,
    reasons: 'overrideReason',
    marks: ({ headers, request }) => /^origin: http/m.test(headers) && !request.fhirAuthorization
      && Object.values(request.prefetch).every((value) => value !== null),
    said: 'a page of another origin, no token, nothing that is null',
  },
};

export async function tellProfiles(story, { page, context, server }) {
  let plain;
  for (const [profile, told] of Object.entries(PROFILES)) {
    await takesAfter(story, page, server.ehr, profile);
    const summaries = await opensAs(story, page, context, server, profile, told);
    plain ??= summaries;
    story.check(summaries.join() === plain.join(), `${profile}: the cards say what they say in plain`);
    await told.orders(story, page, server.ehr, profile);
  }
  await takesAfter(story, page, server.ehr, 'plain');
}

/** The panel, as a person uses it. */
async function takesAfter(story, page, ehr, profile) {
  await page.goto(ehr);
  await page.getByRole('link', { name: 'Behavior' }).click();
  await page.getByRole('radio', { name: profile, exact: true }).check();
  await page.getByRole('button', { name: 'Behave so' }).click();
  await page.getByRole('heading', { name: 'Switched otherwise' }).waitFor();
  story.check(await page.getByRole('radio', { name: profile, exact: true }).isChecked(), `the EHR takes after ${profile}`);
}

async function opensAs(story, page, context, { ehr, cds }, profile, told) {
  await page.goto(`${ehr}/patients/${TODAY}`);
  const cards = await story.step(`cards, as ${profile}`, () => pressed(page, 'Open chart'));
  story.check(await cards.count() > 0, `${profile}: ${await cards.count()} cards`);
  story.check(await page.locator('#answer .note').count() === 0, `${profile}: the EHR objects to nothing`);
  const summaries = await cards.locator('h3').allTextContents();
  const card = cards.first();
  await story.whole(page, card, `8-${profile}-card`);
  const link = card.getByRole('link', { name: /opens an app/ });
  story.check((await link.textContent()).startsWith(told.link), `${profile}: the app is called ${told.link}`);
  const { app, address } = await story.step(`the app, as ${profile}`, () => launched(story, context, link, cds));
  const issuer = told.plainIssuer ? `iss=${ehr}/fhir` : `iss=${encodeURIComponent(`${ehr}/fhir`)}`;
  story.check(address.includes(issuer) && app.url().startsWith(`${cds}/smart/`), `${profile}: launched with ${issuer}`);
  await story.picture(app, `8-${profile}-app`);
  await app.close();
  const words = await story.step(`a card dismissed, as ${profile}`, () => dismissed(cards.last()));
  story.check(words.includes(`"${told.reasons}":`), `${profile}: feedback says ${told.reasons}`);
  await story.whole(page, cards.last(), `8-${profile}-decided`);
  const feedback = await latest(page, ehr, '/feedback');
  story.check(feedback.status === 200 && feedback.request.feedback[0][told.reasons].reason.code, `${profile}: the journal has the same`);
  const call = await latest(page, ehr, '/early-detection', 'patient-view');
  story.check(call.status === 200 && told.marks(call, await before(page, ehr, call.number)), `${profile}: ${told.said}`);
  return summaries;
}

/** The order screen of a patient who has no such drug yet, with the drug as a draft. */
async function drafts(page, ehr) {
  await page.goto(`${ehr}/patients/${ORDERS}/do/orders`);
  await chooses(page);
  return pressed(page, 'Select the last draft');
}

async function suggests(story, page, ehr, profile) {
  const cards = await drafts(page, ehr);
  story.check(await cards.count() === 1 && await cards.locator('.suggest').count() === 1, `${profile}: the card for an order suggests a test`);
  await removes(page);
}

async function suggestsNothing(story, page, ehr, profile) {
  const cards = await drafts(page, ehr);
  const dropped = await cards.count() === 1 && await cards.locator('.suggest').count() === 0;
  const why = await page.locator('#answer .note').first().textContent();
  story.check(dropped && why.includes('several actions'), `${profile}: the suggestion is dropped. ${why}`);
  await story.whole(page, page.locator('.columns'), `8-${profile}-orders`);
  await removes(page);
}

async function callsNobody(story, page, ehr, profile) {
  await drafts(page, ehr);
  const said = await page.locator('#answer .empty').textContent();
  story.check(said.includes('Nobody was called.'), `${profile}: on an order ${said}`);
  await story.whole(page, page.locator('.columns'), `8-${profile}-orders`);
  await removes(page);
}

async function selectsTooEarly(story, page, ehr, profile) {
  await page.goto(`${ehr}/patients/${ORDERS}/do/orders`);
  const said = await page.locator('#answer .empty').textContent();
  story.check(said.includes('No cards came back.'), `${profile}: entering the order screen asks at once, and gets no cards`);
  await story.whole(page, page.locator('.columns'), `8-${profile}-orders`);
  const { request } = await latest(page, ehr, '/order-outlook', 'order-select');
  const { type, entry: [{ resource }] } = request.context.draftOrders;
  const early = resource.id === 'request-123' && !resource.intent && !resource.medicationCodeableConcept;
  story.check(early && type === undefined, `${profile}: the draft has neither intent nor medication, its Bundle no type`);
  const cards = await drafts(page, ehr);
  story.check((await page.locator('#basket').textContent()).includes('MedicationRequest/request-123'), `${profile}: every order has one id`);
  story.check(await cards.count() === 1, `${profile}: then the drug has its card`);
  await removes(page);
}

/** Leaves the screen as it was found. */
async function removes(page) {
  const drafts = page.locator('#basket .drafts li');
  for (let left = await drafts.count(); left > 0; left -= 1) {
    await drafts.first().getByRole('button').click();
    await page.waitForFunction((many) => document.querySelectorAll('#basket .drafts li').length < many, left);
  }
}
