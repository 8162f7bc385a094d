import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { metadataOf } from "../tests/integration/support.ts";
import { withFolder } from "../tests/support/folder.ts";
import { AccessFile } from "./access_file.ts";
import { UsageError } from "./exit_codes.ts";

function withFile(text: string, test: (path: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/access.yaml`;
    await Deno.writeTextFile(path, text);
    await test(path);
  });
}

Deno.test("rules that fit the metadata", () =>
  withFile(
    "signals:\n  - allow: FILTER ActiveMeasurements WHERE SignalType = 'FREQ'\n  - {deny: []}\n",
    async (path) => {
      const access = await AccessFile.read(path);
      access.tryOn(metadataOf(4));
      assertEquals(access.options.signals?.length, 2);
    },
  ));

Deno.test("a rule that does not fit is told with its file, place and name", () =>
  withFile(
    "signals:\n  - allow: SignalType = 'FREQ'\n  - allow: 'True'\n    deny: Devce = 'X'\n",
    async (path) => {
      const access = await AccessFile.read(path);
      const { message } = assertThrows(() => access.tryOn(metadataOf(4)), UsageError);
      assertEquals(message.startsWith(`${path}:4:11: signals[1].deny: `), true, message);
      assertEquals(message.includes("Devce"), true, message);
    },
  ));

Deno.test("a file that can't be used says so, and which it is", async () => {
  const wrong: [string, string][] = [
    ["signals:\n  - deny: SignalType = (\n", ":2:11: signals[0].deny: "],
    ["signals: [{allow: 5}]", ": access.signals[0].allow must be a filter expression"],
    ["alow: []", ": "],
    ["[]", ": access: an object with options expected, not an array"],
    ["5", ': the publisher: "access" must be an object, not 5'],
    ["", ': the publisher: "access" must be an object, not null'],
    ["deny: [[]]", ": access.deny: an object with options expected, not an array"],
  ];
  for (const [text, message] of wrong) {
    await withFile(text, async (path) => {
      const error = await assertRejects(() => AccessFile.read(path), UsageError);
      assertEquals(error.message.startsWith(path + message), true, error.message);
    });
  }
});
