/** Tries a target some of whose inputs take 400 MiB, and let go of them at once; prints what was found. */
import fc from "fast-check";
import { target } from "../target.ts";

const greedy = target("greedy", 20, () => fc.boolean(), (takes) => {
  if (takes) new Uint8Array(400 << 20).fill(1);
});
const { finding } = await greedy.check(1, greedy.shortRuns);
console.log(finding);
