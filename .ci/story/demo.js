// The demo as a process of its own, on free ports.
import { spawn } from 'node:child_process';

/** Starts it; gives both addresses, and how to stop it. */
export async function startDemo(prodrome) {
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
