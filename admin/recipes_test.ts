import { assert, assertEquals } from "@std/assert";
import { serveAdmin } from "./mod.ts";
import { connection, plantPublisher } from "./testdata/systems.ts";

const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test("the recipes of the documentation work", { ignore: !hasCurl }, async () => {
  const text = await Deno.readTextFile(new URL("../docs/admin.md", import.meta.url));
  const recipes = /```sh\n([^`]*)```/.exec(text)![1]!;
  const publisher = plantPublisher([connection(3)]);
  const bans = [{ id: 1, kind: "host", name: "192.0.2.9", until: 0, reason: "" }] as const;
  publisher.present = { ...publisher.present, bans };
  const log = { level: "info" as "info" | "debug" };
  await using server = serveAdmin(publisher, {
    port: 0,
    credentials: [{ name: "otto", role: "operator", secret: "another-long-random-text" }],
    actions: true,
    reloadMetadata: () => void publisher.asked.push("reload"),
    log: log as { level: "info" },
    onAction: () => {},
  });
  const script = recipes.replace("http://localhost:8080", server.url.slice(0, -1))
    .replaceAll(/^curl /gm, "curl --silent --show-error --fail --write-out '\\n' ");
  const { stdout, stderr, success } = await new Deno.Command("sh", { args: ["-ec", script] }).output();
  assert(success, new TextDecoder().decode(stderr));
  const answers = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "" && line !== "ok");
  assertEquals(answers.length, [...recipes.matchAll(/^curl /gm)].length - 1);
  const rows = answers.map((line) => JSON.parse(line)).find(({ values }) => values !== undefined);
  assertEquals(rows.values.map((row: Record<string, unknown>) => row["PointTag"]), [
    "SHELBY:FREQ",
    "CORDOVA:FREQ",
    "CORDOVA:OLD",
  ]);
  assertEquals(publisher.disconnected, [[3, "disconnected by otto: too slow"]]);
  assertEquals(publisher.asked, [
    ["ban", 3, 600_000],
    ["liftBan", 1],
    ["notify", "maintenance at noon", undefined],
    ["rotateCipherKeys", undefined],
    "reload",
  ]);
  assertEquals(log.level, "debug");
});
