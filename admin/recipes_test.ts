import { assert, assertEquals } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { serveAdmin } from "./mod.ts";
import { connection, StillPublisher } from "./testdata/systems.ts";

const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test("the recipes of the documentation work", { ignore: !hasCurl }, async () => {
  const text = await Deno.readTextFile(new URL("../docs/admin.md", import.meta.url));
  const recipes = /```sh\n([^`]*)```/.exec(text)![1]!;
  const publisher = new StillPublisher([connection(3)]);
  const dataSet = new DataSet();
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("SignalAcronym", "string");
  for (const kind of ["FREQ", "STAT"]) table.addRow([kind]);
  publisher.metadata = { dataSet };
  await using server = serveAdmin(publisher, {
    port: 0,
    credentials: [{ name: "otto", role: "operator", secret: "another-long-random-text" }],
    actions: true,
    onAction: () => {},
  });
  const script = recipes.replace("http://localhost:8080", server.url.slice(0, -1))
    .replaceAll(/^curl /gm, "curl --silent --show-error --fail --write-out '\\n' ");
  const { stdout, stderr, success } = await new Deno.Command("sh", { args: ["-ec", script] }).output();
  assert(success, new TextDecoder().decode(stderr));
  const answers = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "" && line !== "ok");
  assertEquals(answers.length, [...recipes.matchAll(/^curl /gm)].length - 1);
  const rows = answers.map((line) => JSON.parse(line)).find(({ values }) => values !== undefined);
  assertEquals(rows.values, [{ SignalAcronym: "FREQ" }]);
  assertEquals(publisher.disconnected, [[3, "disconnected by otto: too slow"]]);
});
