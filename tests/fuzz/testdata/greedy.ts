/**
 * Tries a target some of whose inputs take 400 MiB; prints what was found.
 *
 * `released` writes to all of it, and lets go of it at once; `reserved` never writes to it.
 */
import fc from "fast-check";
import { target } from "../target.ts";

const isReleased = Deno.args[0] === "released";

const greedy = target("greedy", 20, () => fc.boolean(), (takes) => {
  if (!takes) return;
  const bytes = new Uint8Array(400 << 20);
  if (isReleased) bytes.fill(1).buffer.transfer(0);
});
const { finding } = await greedy.check(1, greedy.shortRuns);
console.log(finding);
