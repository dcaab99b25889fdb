// The demo's story in Chromium, as a newcomer meets it, chapter by chapter: the chart and its cards, orders, the EHRs that the
// sandbox takes after, the time machine. Every new page is judged by axe-core in both colour schemes and must fit 400 pixels;
// a fault of a page or of its content policy ends the run, like the first thing that is not as told, with exit code 1.
//
//   node tell.js PRODROME FOLDER      the binary; where screenshots and times.json go. From the repository's root.
//
// CHROMIUM names a browser (/usr/bin/chromium). Nothing leaves loopback.
import { chromium } from 'playwright-core';
import { tellChart } from './chart.js';
import { startDemo } from './demo.js';
import { tellOrders } from './orders.js';
import { tellProfiles } from './profiles.js';
import { Story, WIDE } from './story.js';
import { tellTimeMachine } from './time_machine.js';

const [prodrome, folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node tell.js PRODROME FOLDER');
  process.exit(2);
}

const begun = performance.now();
const outside = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1';
const story = await Story.in(folder);
const server = await story.step('the demo, until it is ready', () => startDemo(prodrome));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', outside],
});
try {
  const context = await browser.newContext({ viewport: WIDE });
  const page = story.watch(await context.newPage());
  for (const chapter of [tellChart, tellOrders, tellProfiles, tellTimeMachine]) {
    await chapter(story, { page, context, browser, server });
  }
  story.check(story.faults.length === 0, `no page had a fault ${story.faults.join('; ')}`);
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  console.log(`story: ${story.checks} checks passed in Chromium ${browser.version()}, ${seconds} s; pictures in ${folder}`);
} catch (error) {
  console.error(`not ok  ${error.message}`);
  process.exitCode = 1;
} finally {
  await story.keepTimes();
  await browser.close();
  await server.stop();
}
