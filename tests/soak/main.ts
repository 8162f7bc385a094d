/**
 * A long run under a mixed load: `deno task soak --minutes 30 [--report folder]`.
 *
 * A publisher of 1,000 signals 30 times a second with a history and an HTTP admin, and another over TLS; 20 subscribers of
 * all kinds, which check what they get; others that come and go all the time; and somebody who looks at the admin. At the end there are
 * a report and a plot of memory, rates, delays and losses. The first five minutes are for warming up; of each fifth of the
 * rest the median counts. It fails when the heap of the publisher or of the subscribers is over 5 % larger in a later
 * fifth than in the first, or heap and buffers together over 15 %, or resident memory over 25 %; when files or timers of either
 * have grown; when a measurement is missing that nobody counted; when one of the 20 hears nothing for a minute or got less than
 * was published; or when a connection is lost.
 *
 * @module
 */
import type { Program } from "../interop/program.ts";
import { look, openFiles, startProgram } from "../abuse/running.ts";
import type { PublisherLook, Whereabouts } from "../abuse/programs/publisher.ts";
import { optionsOrExit } from "../support/options.ts";
import { readOptions } from "./options.ts";
import { type Sample, type SoakResult, summarise } from "./report.ts";
import { plotSoak } from "./plot.ts";
import type { MixedLook } from "./subscribers.ts";

const options = optionsOrExit(readOptions(Deno.args));
const { minutes, report: folder } = options;
/** Rounds published a second. */
const RATE = 30;
/** Looks in a run. */
const SAMPLES = 120;

function start(path: string, settings: object): Program {
  return startProgram(new URL(path, import.meta.url), settings);
}

await using publisher = start("../abuse/programs/publisher.ts", {
  signals: 1000,
  rate: RATE,
  admin: true,
  history: true,
  tls: true,
  // A queue that is full before who stalls reads again.
  options: { maxConnections: 200, outboundQueueLimit: 2 * 1024 ** 2 },
});
const { address, secure, pid, admin } = await publisher.next("ready") as unknown as Whereabouts;
await using mixed = start("./subscribers.ts", { address, secure, signals: 1000 });
const { pid: theirPid } = await mixed.next("ready") as unknown as { pid: number };
await using churn = start("./churn.ts", { address, secure });
await churn.next("ready");

const began = performance.now();
const end = began + minutes * 60_000;
const samples: Sample[] = [];
let polls = 0;
/** What the admin did wrong, after which it is not looked at any more. */
const problems: string[] = [];
const polling = poll().catch((error) => void problems.push(`the admin: ${error}`));

/** Looks at the admin as an operator's browser and a Prometheus do. */
async function poll(): Promise<void> {
  while (performance.now() < end) {
    for (const path of ["metrics", "api/v1/status", "api/v1/connections", "healthz", ""]) {
      const response = await fetch(new URL(path, admin!));
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the admin says ${response.status} to /${path}`);
      polls++;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const step = Math.max(1000, minutes * 60_000 / SAMPLES);
while (performance.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, step));
  const lookedAt = performance.now();
  // What is missed was dropped before: the publisher, who counts that, is looked at last.
  const received = await look<MixedLook>(mixed);
  const now = await look<PublisherLook>(publisher);
  const took = performance.now() - lookedAt;
  const files = openFiles(pid);
  const theirFiles = openFiles(theirPid);
  const at = (performance.now() - began) / 60_000;
  const seconds = 60 * (at - (samples.at(-1)?.at ?? 0));
  samples.push({ at, seconds, publisher: now, subscribers: received, took, files, theirFiles });
  const { heap } = now;
  console.log(
    `${samples.at(-1)!.at.toFixed(1)} min: heap ${
      (heap / 1024 ** 2).toFixed(1)
    } MiB, ${now.open} connections, ` +
      `p99 ${received.latency.p99.toFixed(1)} ms, ${received.unexplained} unexplained`,
  );
}
await polling;
await churn.send("quit");
await churn.result();
const { connections } = (churn.taken("churn").at(-1) ?? { connections: 0 }) as unknown as {
  connections: number;
};

const result: SoakResult = summarise(samples, { minutes, rate: RATE, polls, connections, problems });
await Deno.mkdir(folder, { recursive: true });
await Deno.writeTextFile(`${folder}/report.md`, result.text);
await Deno.writeTextFile(`${folder}/samples.json`, JSON.stringify(samples));
await Deno.writeTextFile(`${folder}/soak.svg`, plotSoak(samples));
console.log(`\n${result.text}\nreport and plot in ${folder}`);
await Promise.all([publisher.quit(), mixed.quit()]);
Deno.exit(result.failures.length === 0 ? 0 : 1);
