import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "./exit_codes.ts";
import { type Given, nameOnLine, settle } from "./given.ts";
import { flag, type Options, spelled, text } from "./option.ts";

const operands: Options = { source: text({ summary: "from where" }) };
const options: Options = {
  data: text({ summary: "a file", excludes: ["grid"] }),
  grid: text({ summary: "no file" }),
  input: flag({ summary: "no file either", excludes: ["data", "grid"] }),
  loop: flag({ summary: "again", needs: ["data"] }),
  speed: text({ summary: "how fast", needs: [["data", "input"]] }),
  pause: text({ summary: "between two rounds", needs: ["loop", "speed"] }),
  from: text({ summary: "what part", needs: ["source"] }),
};

/** What was given, as `name` for `true`, or `name=text`. */
function given(words: string, place?: string): Given {
  return new Map(
    words.split(" ").filter((word) => word !== "").map((word) => {
      const [name, text = "true"] = word.split("=") as [string, string?];
      const shown = place === undefined ? nameOnLine(name, operands) : spelled(name);
      return [name, { texts: [text], name: shown, place: place === undefined ? "" : `${place}: ` }];
    }),
  );
}

/** What is in force, as `name=text`. */
function inForce(line: string, section = "", defaults = ""): string {
  const settled = settle(operands, options, {
    line: given(line),
    section: given(section, "s"),
    defaults: given(defaults, "d"),
  });
  return [...settled].map(([name, { texts }]) => `${name}=${texts.at(-1)}`).sort().join(" ");
}

Deno.test("what goes together is in force", () => {
  assertEquals(inForce("data=a loop speed=2 pause=1s"), "data=a loop=true pause=1s speed=2");
  assertEquals(inForce("input speed=2"), "input=true speed=2");
  assertEquals(inForce("loop", "data=a"), "data=a loop=true");
  assertEquals(inForce("data=a", "loop", "speed=3"), "data=a loop=true speed=3");
});

Deno.test("what needs another, or excludes another of the same place, is told with that place", () => {
  const wrong: [string, string, string, string][] = [
    ["loop", "", "", "--loop needs --data"],
    ["speed=1", "", "", "--speed needs --data or --input"],
    ["data=a loop pause=1", "", "", "--pause needs --speed"],
    ["from=1", "", "", "--from needs SOURCE"],
    ["", "loop", "", "s: loop needs data"],
    ["", "from=1", "", "s: from needs source"],
    ["data=a grid=1", "", "", "--data and --grid exclude each other"],
    ["grid=1 data=a", "", "", "--grid and --data exclude each other"],
    ["", "grid=1 input", "", "s: grid and input exclude each other"],
    ["", "", "grid=1 input", "d: grid and input exclude each other"],
    // Taken back, it is not given.
    ["input=false speed=1", "", "", "--speed needs --data or --input"],
    // What the line needs has given way to the line.
    ["grid=1 speed=1", "input", "", "--speed needs --data or --input"],
  ];
  for (const [line, section, defaults, message] of wrong) {
    const error = assertThrows(() => inForce(line, section, defaults), UsageError);
    assertEquals(error.message, message);
  }
});

Deno.test("what is said first gives way to nothing; what relied on that goes with it", () => {
  assertEquals(inForce("grid=1", "data=a loop speed=2 pause=1"), "grid=1");
  assertEquals(inForce("", "grid=1", "data=a loop"), "grid=1");
  assertEquals(inForce("input", "", "data=a loop speed=2"), "input=true speed=2");
  assertEquals(inForce("input=false", "input speed=2"), "input=false");
  assertEquals(inForce("data=b", "data=a loop", "grid=1"), "data=b loop=true");
  assertEquals(inForce("input=false data=a", "input"), "data=a input=false");
});

Deno.test("defaults of no use to a command are left out", () => {
  assertEquals(inForce("", "", "loop speed=2 from=1"), "");
  assertEquals(inForce("data=a", "", "loop from=1"), "data=a loop=true");
});
