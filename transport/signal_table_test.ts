import { assertEquals, assertThrows } from "@std/assert";
import { SignalTable } from "./signal_table.ts";

const A = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
const B = "01d06006-b1a4-5f6c-9eed-3793da28c907";

Deno.test("handles count up from 0 and stay", () => {
  const signals = new SignalTable();
  assertEquals([signals.add(A), signals.add(B), signals.add(A)], [0, 1, 0]);
  assertEquals(signals.size, 2);
  assertEquals(signals.ids(), [A, B]);
  assertEquals([signals.idOf(0), signals.idOf(1)], [A, B]);
});

Deno.test("every spelling of an ID has the same handle", () => {
  const signals = new SignalTable();
  signals.add(`{${A.toUpperCase()}}`);
  assertEquals(signals.add(A), 0);
  assertEquals(signals.handleOf(A.toUpperCase()), 0);
  assertEquals(signals.handleOf(A.replaceAll("-", "")), 0);
  assertEquals(signals.handleOf(B), undefined);
  assertEquals(signals.size, 1);
});

Deno.test("what is no signal is refused", () => {
  const signals = new SignalTable();
  assertThrows(() => signals.add("PPA:1"), TypeError, "GUID");
  assertThrows(() => signals.handleOf("PPA:1"), TypeError, "GUID");
  assertThrows(() => signals.idOf(0), RangeError, "handle 0");
});
