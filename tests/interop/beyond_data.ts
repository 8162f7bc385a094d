/**
 * More than measurements as they come, with a partner on the other side: history, buffer blocks, user commands,
 * notifications.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryHistory } from "../../history/mod.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { Ticks } from "../../transport/mod.ts";
import { publishTable, subscribed, until } from "./ours.ts";
import { publishing } from "./publishing.ts";
import { ALL, type Scenario, scenario, signalIds } from "./scenario.ts";
import { compare, makeTable, readLines } from "./table.ts";

/** Scenarios for the subscriber of any partner. */
export const history: Scenario[] = [
  scenario("we publish: history between two times, as fast as possible, and its end", async (stage) => {
    const rows = makeTable({ signalIds: await signalIds(), frames: 200 });
    const frames = rows.filter(({ signalId }) => signalId === rows[0]!.signalId);
    const [start, stop] = [frames[20]!.ticks, frames[170]!.ticks];
    await using publisher = await publishing({ history: new MemoryHistory() });
    await publishTable(publisher, rows, 2000);
    const settings = {
      starttime: Ticks.format(start),
      stoptime: Ticks.format(stop),
      constraintparameters: "tier=1",
      processinginterval: 0,
    };
    const { program, out } = stage.subscriber(publisher.port, { filter: ALL, settings });
    await using _program = program;
    await program.next("complete");
    const wanted = rows.filter(({ ticks }) => ticks >= start && ticks <= stop);
    await program.send(`expect ${wanted.length}`);
    await program.next("reached");
    await program.quit();
    assertEquals(program.taken("error"), []);
    return compare(wanted, await readLines(out));
  }),
  scenario("we publish: history that there can't be is refused with a text", async (stage) => {
    await using publisher = await publishing({ history: new MemoryHistory() });
    const settings = { starttime: "*-1m", stoptime: "*-2m" };
    const { program } = stage.subscriber(publisher.port, { filter: ALL, settings });
    await using _program = program;
    const { text } = await program.next("error");
    assertStringIncludes(String(text), "is after the stopTimeConstraint");
    assertEquals(program.taken("cache"), []);
    return "refused";
  }),
];

/** Scenarios for sttpapi's subscriber alone. */
export const messages: Scenario[] = [
  scenario("we publish: user commands and their responses", async (stage) => {
    await using publisher = await publishing({
      onUserCommand: ({ number, payload }) => Uint8Array.of(number, ...payload.toReversed()),
    });
    const { program } = stage.subscriber(publisher.port, { filter: ALL });
    await using _program = program;
    await program.next("cache");
    for (const number of [0, 7, 15]) {
      await program.send(`usercommand ${number} 010203`);
      const { response, command, payload } = await program.next("response");
      assertEquals([response, command], [0xe0 + number, 0xd0 + number]);
      assertEquals(payload, Uint8Array.of(number, 3, 2, 1).toHex());
    }
    await program.quit();
    assertEquals(program.taken("error"), []);
    return "3 commands";
  }),
  scenario("we publish: buffer blocks, compressed and not, in order with their signals", async (stage) => {
    const ids = await signalIds();
    const expected: [string, string][] = [];
    for (const tssc of [true, false]) {
      await using publisher = await publishing();
      const { program } = stage.subscriber(publisher.port, { filter: ALL, tssc });
      await using _program = program;
      await program.next("cache");
      await subscribed(publisher);
      expected.length = 0;
      for (let i = 0; i < 20; i++) {
        const payload = new Uint8Array(i * i * 100);
        crypto.getRandomValues(payload.subarray(0, 500));
        const id = ids[i % ids.length]!;
        assertEquals(publisher.publishBufferBlock(id, payload), 1);
        expected.push([id, payload.toHex()]);
      }
      for (const [id, payload] of expected) {
        const block = await program.next("block");
        assertEquals([block["signal"], block["payload"]], [id, payload]);
      }
      await until("confirmations", () => publisher.stats().open[0]!.bufferBlocks!.waiting === 0);
      await program.quit();
      assertEquals(program.taken("error"), []);
    }
    return `${expected.length} blocks, twice`;
  }),
  scenario("we publish: a notification", async (stage) => {
    await using publisher = await publishing();
    const { program } = stage.subscriber(publisher.port, { filter: ALL });
    await using _program = program;
    await program.next("cache");
    await subscribed(publisher);
    assertEquals(publisher.notify("maintenance at noon"), 1);
    const { text } = await program.next("notification");
    // The partner takes the hash in front for a part of the text, and confirms nothing.
    assertEquals(String(text).endsWith("maintenance at noon"), true, String(text));
    assertEquals(publisher.stats().notifications.pending, 1);
    return `"${String(text).slice(-19)}"`;
  }),
];

/** Scenarios for sttpapi's publisher. */
export const messagesFromSttpapi: Scenario[] = [
  scenario("sttpapi publishes: buffer blocks, compressed and not, confirmed by us", async (stage) => {
    const ids = await signalIds();
    for (const compressPayload of [true, false]) {
      const { program, port } = await stage.publisher();
      await using _program = program;
      await using subscriber = new Subscriber({ address: `127.0.0.1:${port}`, filter: ALL, compressPayload });
      await subscriber.connect();
      await program.next("subscribed");
      const blocks = subscriber.bufferBlocks();
      for (let i = 0; i < 20; i++) {
        const payload = crypto.getRandomValues(new Uint8Array(1 + i * 100));
        await program.send(`block ${ids[i % ids.length]} ${payload.toHex()}`);
        assertEquals((await program.next("block"))["count"], 1);
        const { value } = await blocks.next();
        assertEquals([value?.signalId, value?.payload], [ids[i % ids.length], payload]);
      }
      const last = "confirmed buffer block with sequence number 19";
      await program.next("status", ({ text }) => String(text).includes(last));
    }
    return "20 blocks, twice";
  }),
  scenario("sttpapi publishes: user commands, the processing interval", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    await using subscriber = new Subscriber({ address: `127.0.0.1:${port}`, filter: ALL });
    await subscriber.connect();
    for (const number of [0, 9, 15]) {
      const answer = await subscriber.sendUserCommand(number, Uint8Array.of(1, 2, number));
      assertEquals(answer, Uint8Array.of(number, 2, 1));
    }
    await subscriber.updateProcessingInterval(50);
    await program.next("status", ({ text }) => String(text).includes("processing interval set to 50ms"));
    return "4 commands";
  }),
];
