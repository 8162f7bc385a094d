/**
 * Subscribes again and again, with short garbage collections in between, and writes how many bytes each subscription that
 * is over leaves to a full one. To be run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { Response } from "../../transport/wire/codes.ts";
import { Rig, settle } from "./rig.ts";

const collect = (globalThis as unknown as { gc: (options: { type: "minor" | "major" }) => void }).gc;
const TIMES = 1000;

await using rig = await Rig.start({}, 100);
const peer = await rig.subscribe();

async function resubscribe(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await peer.subscribe({ filterExpression: `FILTER TOP ${1 + i % 97} ActiveMeasurements WHERE True` });
    await peer.expectCache();
    await peer.expect(Response.Succeeded);
    await peer.confirmCache();
    if (i % 20 === 0) collect({ type: "minor" });
  }
}

// Code is compiled and tables grow.
await resubscribe(300);
collect({ type: "major" });
await resubscribe(TIMES);
await settle();
collect({ type: "minor" });
collect({ type: "minor" });
const before = Deno.memoryUsage().heapUsed;
collect({ type: "major" });
console.log(String((before - Deno.memoryUsage().heapUsed) / TIMES));
