import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseFilterSteps } from "../metadata/filter/parser.ts";
import { finish, type Steps } from "../metadata/steps.ts";
import { fingerprintOf } from "./filter_account.ts";
import { namedSignals } from "./named_signals.ts";

function countSteps(steps: Steps<unknown>): number {
  let count = 0;
  while (!steps.next().done) count++;
  return count;
}

Deno.test("of a filter expression what is named is left, as it is written", () => {
  const statement = fc.constantFrom(
    "PPA:1",
    ' "a;b" ',
    "FILTER T WHERE x = ';'",
    "9ae6dd95-bddb-5dd8-8717-000000000001",
    " ",
  );
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 20 }), fc.nat(2), (statements, rounds) => {
      // Many of them are taken in pieces.
      const all = Array<string[]>(1 + 1000 * rounds).fill(statements).flat();
      const named = all.map((text) => text.trim()).filter((text) => !/^(FILTER|$)/.test(text));
      const { text, fingerprint } = finish(namedSignals(all.join(";")));
      assertEquals(text, named.join(";"));
      assertEquals(fingerprint, finish(fingerprintOf(text)));
    }),
    { numRuns: 50 },
  );
});

Deno.test("many statements are many steps", () => {
  const filter = '"a";'.repeat(200_000);
  const more = countSteps(namedSignals(filter)) - countSteps(parseFilterSteps(filter));
  assert(more > 50, `${more} steps`);
});
