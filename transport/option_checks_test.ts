import { assertThrows } from "@std/assert";
import { checkKinds, checkLimits } from "./option_checks.ts";

Deno.test("options are an object with names that there are", () => {
  checkKinds(
    { name: "a", any: [], missing: undefined },
    { name: "string", any: "any", missing: "number" },
    "it",
  );
  const wrong: [unknown, string][] = [
    [[], "it: an object with options expected, not an array"],
    [null, "it: an object with options expected, not null"],
    [undefined, "it: an object with options expected, not undefined"],
    [5, "it: an object with options expected, not 5"],
    ["name", 'it: an object with options expected, not "name"'],
    [{ toString: "a" }, 'it has no option "toString"'],
    [{ name: null }, 'it: "name" must be a string, not null'],
  ];
  for (const [value, message] of wrong) {
    assertThrows(() => checkKinds(value as object, { name: "string" }, "it"), TypeError, message);
  }
  assertThrows(
    () => checkLimits([] as never, { size: 1 }),
    TypeError,
    "limits: an object with options expected",
  );
});
