// The story as it is told: what was checked, what went wrong on a page, how long the newcomer waited, and the pictures.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import path from 'node:path';

/** How long anything may take, in milliseconds. */
export const PATIENCE = 120_000;
export const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 400, height: 800 };

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Story {
  checks = 0;
  faults = [];
  #times = [];

  /** Pictures and times go to `folder`. */
  static async in(folder) {
    await mkdir(folder, { recursive: true });
    const story = new Story();
    story.folder = folder;
    return story;
  }

  check(holds, what) {
    if (!holds) throw new Error(what);
    this.checks += 1;
    console.log(`ok  ${what}`);
  }

  /** Does one step and remembers how long the newcomer waited. */
  async step(what, act) {
    const begun = performance.now();
    const result = await act();
    const seconds = Math.round(performance.now() - begun) / 1000;
    this.#times.push({ step: what, seconds });
    console.log(`    ${what}: ${seconds.toFixed(2)} s`);
    return result;
  }

  /** A page whose faults end the story. */
  watch(page) {
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', (error) => this.faults.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      // Busy is an answer, not a fault.
      if (message.type() === 'error' && !message.text().includes('503')) this.faults.push(`${page.url()}: ${message.text()}`);
    });
    return page;
  }

  /** Keeps a picture of what is seen, of a page or of a part of it. */
  async picture(seen, name, options = {}) {
    await seen.screenshot({ path: path.join(this.folder, `${name}.png`), ...options });
  }

  /** Keeps a picture of a part of a page, high enough that nothing of it has to be scrolled to. */
  async whole(page, part, name) {
    await page.setViewportSize({ ...WIDE, height: 2400 });
    await this.picture(part, name);
    await page.setViewportSize(WIDE);
  }

  /** Judges a page as it stands, in both schemes and at both widths, and keeps its pictures. */
  async judge(page, name) {
    for (const scheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      const said = grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(' ')}`);
      this.check(grave.length === 0, `${name}, ${scheme}: axe-core finds nothing serious ${said.join('; ')}`);
      await this.picture(page, `${name}-${scheme}`);
    }
    await page.setViewportSize(NARROW);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    this.check(width <= NARROW.width, `${name}: fits ${NARROW.width} pixels (${width})`);
    await this.picture(page, `${name}-narrow`, { fullPage: true });
    await page.setViewportSize(WIDE);
  }

  async keepTimes() {
    const processor = `${cpus().length} x ${cpus()[0].model}`;
    await writeFile(path.join(this.folder, 'times.json'), `${JSON.stringify({ processor, times: this.#times }, null, 1)}\n`);
  }
}
