// What the EHR says it sent and received, read from its own pages.

/** The latest exchange whose address ends so, of this hook where one is named; leaves its page open. */
export async function latest(page, ehr, ending, hook) {
  await page.goto(`${ehr}/exchanges`);
  const rows = page.locator('table tbody tr').filter({ has: page.locator('td code').filter({ hasText: new RegExp(`${ending}$`) }) });
  const wanted = hook ? rows.filter({ has: page.locator('.tag', { hasText: new RegExp(`^${hook}$`) }) }) : rows;
  await wanted.filter({ hasText: 'POST' }).first().getByRole('link').click();
  // A request may have megabytes.
  await page.getByText('From a terminal').waitFor();
  await page.waitForLoadState('load');
  const folded = (name) => page.locator('details').filter({ has: page.locator('summary', { hasText: name }) }).locator('pre');
  const [token, request] = [await folded('Token of the call').textContent(), await folded('Request').textContent()];
  const answer = await page.locator('summary', { hasText: 'Answer, ' }).textContent();
  const body = request.slice(request.indexOf('{'));
  return {
    number: Number(/\d+$/.exec(page.url())[0]),
    headers: request.slice(0, request.indexOf('{')),
    token: JSON.parse(token),
    request: JSON.parse(body),
    status: Number(/\d+/.exec(answer)[0]),
  };
}

/** The exchange before one, as the list has it: its method, address and status. */
export async function before(page, ehr, number) {
  await page.goto(`${ehr}/exchanges`);
  const row = page.locator('table tbody tr').filter({ has: page.locator(`a[href="/exchanges/${number - 1}"]`) });
  return (await row.textContent()).replace(/\s+/g, ' ');
}
