/**
 * We publish and connect to a partner's subscriber that listens.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { publishTable, subscribed, until } from "./ours.ts";
import { publishing } from "./publishing.ts";
import { ALL, type Scenario, scenario, signalIds } from "./scenario.ts";
import { compare, makeTable, readLines } from "./table.ts";

/** Scenarios for goapi: sttpapi can't listen. */
export const reverse: Scenario[] = [
  scenario(
    "we publish and connect: a listening subscriber that appears, goes, and comes again",
    async (stage) => {
      const rows = makeTable({ signalIds: await signalIds(), frames: 60 });
      await using publisher = await publishing({ listen: false });
      const port = freePort();
      const reconnect = { initialDelay: 20, maxDelay: 100 };
      const link = publisher.connect(`127.0.0.1:${port}`, { reconnect });
      await until("an attempt that nobody answers", () => publisher.stats().links[0]!.attempt > 0);
      const seen: string[] = [];
      for (let time = 1; time <= 2; time++) {
        const { program, out } = stage.subscriber(port, { filter: ALL, listen: true });
        await using _program = program;
        await program.next("cache");
        await subscribed(publisher);
        assertEquals(publisher.stats().open[0]?.direction, "outgoing");
        await publishTable(publisher, rows);
        await program.send(`expect ${rows.length}`);
        await program.next("reached");
        await program.quit();
        seen.push(compare(rows, await readLines(out)));
        await until("the end of its connection", () => publisher.stats().open.length === 0);
      }
      await link.close();
      return seen.join("; ");
    },
  ),
];

/** A port that nobody else is given: below those that the system hands out. */
function freePort(): number {
  for (let port = 21_000;; port++) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
