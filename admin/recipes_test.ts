import { assert, assertEquals } from "@std/assert";
import { serveAdmin } from "./mod.ts";
import { connection, EPOCH, plantPublisher } from "./testdata/systems.ts";

const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

const text = await Deno.readTextFile(new URL("../docs/admin.md", import.meta.url));
const [recipes, streams] = [...text.matchAll(/```sh\n([^`]*)```/g)].map(([, script]) => script!) as [
  string,
  string,
];
const credentials = [{ name: "otto", role: "operator", secret: "another-long-random-text" }] as const;

Deno.test("the recipes of the documentation work", { ignore: !hasCurl }, async () => {
  const publisher = plantPublisher([connection(3)]);
  const bans = [{ id: 1, kind: "host", name: "192.0.2.9", until: 0, reason: "" }] as const;
  publisher.present = { ...publisher.present, bans };
  const log = { level: "info" as "info" | "debug" };
  await using server = serveAdmin(publisher, {
    port: 0,
    credentials,
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

Deno.test("the recipes of streams work", { ignore: !hasCurl }, async () => {
  const publisher = plantPublisher();
  await using server = serveAdmin(publisher, { port: 0, credentials });
  const isCurl = (line: string): boolean => line.startsWith("curl ");
  const settings = recipes.slice(0, recipes.indexOf("# Every system"))
    .replace("http://localhost:8080", server.url.slice(0, -1));
  const lines = streams.split("\n");
  const requests = lines.filter(isCurl);
  assertEquals(requests.length, 2);
  for (const request of requests) {
    const script = [settings, ...lines.filter((line) => !isCurl(line)), `exec ${request} --silent`].join(
      "\n",
    );
    const child = new Deno.Command("sh", { args: ["-ec", script], stdout: "piped" }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const isTrend = request.includes("/trend?");
    // An empty history of events has nothing to tell but how soon to come back.
    const wanted = isTrend ? "[1," : "retry: ";
    const sends = setInterval(() => publisher.publish([0, 3], EPOCH + performance.now(), 60), 10);
    let text = "";
    while (!text.includes(wanted)) {
      const { done, value } = await reader.read();
      assert(!done, `${request}: ${text}`);
      text += value;
    }
    clearInterval(sends);
    child.kill();
    await reader.cancel();
    await child.status;
  }
});
