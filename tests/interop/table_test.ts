import { assertEquals, assertThrows } from "@std/assert";
import { afterCompact, compare, formatRow, makeTable } from "./table.ts";

const signalIds = ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"];

Deno.test("a table has every signal in every frame, and every special value", () => {
  const table = makeTable({ signalIds, frames: 30 });
  assertEquals(table.length, 60);
  assertEquals(new Set(table.map((row) => row.ticks)).size, 30);
  assertEquals([8, 0x48].every((flags) => table.some((row) => row.flags === flags)), true);
  for (const bits of [0x7fc00000, 0x7f800000, 0xff800000, 0x80000000, 0, 1]) {
    assertEquals(table.some((row) => row.bits === bits), true, `no value ${bits.toString(16)}`);
  }
});

Deno.test("the comparison finds what is lost, added, swapped or changed", () => {
  const table = makeTable({ signalIds, frames: 5 });
  const lines = table.map(formatRow);
  compare(table, lines);
  const changed: [string, string[]][] = [
    ["lost at the end", lines.slice(0, -1)],
    ["lost in the middle", lines.toSpliced(3, 1)],
    ["added", [...lines, lines[0]!]],
    ["swapped", [lines[1]!, lines[0]!, ...lines.slice(2)]],
    ["another value", lines.with(2, formatRow({ ...table[2]!, bits: table[2]!.bits ^ 1 }))],
    ["another time", lines.with(2, formatRow({ ...table[2]!, ticks: table[2]!.ticks + 1n }))],
    ["other flags", lines.with(2, formatRow({ ...table[2]!, flags: 1 }))],
  ];
  for (const [what, received] of changed) assertThrows(() => compare(table, received), Error, "differ", what);
});

Deno.test("compact packets keep groups of state flags", () => {
  const [row] = makeTable({ signalIds, frames: 1 });
  const flags = (before: number): number => afterCompact([{ ...row!, flags: before }])[0]!.flags;
  assertEquals(flags(0), 0);
  assertEquals(flags(0x48), 0xfc);
  assertEquals(flags(0x80000001), 0xe000ef03);
  assertEquals(flags(0x0f000000), 0);
});

Deno.test("ticks with the leap-second bit are written unsigned", () => {
  const line = formatRow({ signalId: signalIds[0]!, ticks: -(1n << 63n) + 5n, flags: 0, bits: 0 });
  assertEquals(line.split(" ")[1], "9223372036854775813");
});
