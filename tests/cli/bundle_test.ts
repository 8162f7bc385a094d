/** The command line in one file, far from its sources: what `deno compile` puts into a program, without its runtime. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Program } from "../interop/program.ts";
import { programPermissions } from "../support/sttp.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** Runs Deno in a folder that has nothing to do with the sources, without anything that it has stored elsewhere. */
function command(folder: string, args: string[]): [string, string[]] {
  const isolated = ["--no-config", "--no-lock", "--no-remote", "--no-npm", "--cached-only"];
  const flags = [...programPermissions, ...isolated, "--quiet"];
  return [Deno.execPath(), ["run", ...flags, `${folder}/sttp.js`, ...args]];
}

Deno.test("the bundled command runs away from the source tree: admin pages and assets, files of every format", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sttp-bundle-" });
  try {
    const bundling = new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--output", `${folder}/sttp.js`, "cli/main.ts"],
      cwd: root,
      stderr: "piped",
    });
    const { success, stderr } = await bundling.output();
    assert(success, new TextDecoder().decode(stderr));

    const [deno, publish] = command(folder, [
      ...["publish", "--host", "127.0.0.1", "--port", "0", "--grid", "2", "--admin", "0"],
      ...["--history", "history.db"],
    ]);
    await using publisher = Program.start(deno, publish, folder);
    const [, address] = await publisher.line(/publisher\.started address=(\S+)/);
    const [, admin] = await publisher.line(/The admin is at (\S+)/);

    // The first page, and whatever it loads.
    const page = await (await fetch(admin!)).text();
    const assets = [...page.matchAll(/(?:href|src)="([^"]*\.(?:css|js|svg|png)[^"]*)"/g)].map((match) =>
      match[1]!
    );
    assert(assets.length >= 2, page);
    for (const path of ["", "connections", "metadata", "metrics", "api/v1/status", ...assets]) {
      const response = await fetch(new URL(path, admin));
      assert((await response.text()).length > 0);
      assertEquals([path, response.status], [path, 200]);
    }

    for (const name of ["data.csv", "data.ndjson", "data.parquet", "data.sqlite"]) {
      const [, subscribe] = command(folder, ["subscribe", address!, "-o", name, "-n", "100"]);
      await using subscriber = Program.start(deno, subscribe, folder);
      assertEquals(await subscriber.quit(), 0, subscriber.log);
      assertMatch(subscriber.log, /100 measurements of 20 signals/);
      assert((await Deno.stat(`${folder}/${name}`)).size > 0);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
