/**
 * The admin in a browser, at a publisher with five subscribers, one of which is stalled: `deno task browser`.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch } from "./chromium.ts";
import { Scene, Users } from "./scene.ts";

/** Far beyond what anything here takes, on a machine that has much else to do. */
const PATIENCE = 60_000;

/** Waits until something is so. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const started = performance.now();
  while (!await condition()) {
    if (performance.now() - started > PATIENCE) throw new Error(`still not so after a minute: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until something reads otherwise than at first. */
async function changes(read: () => Promise<unknown>): Promise<void> {
  const first = JSON.stringify(await read());
  await until(async () => JSON.stringify(await read()) !== first);
}

/** Somebody at the browser. */
class Visitor implements AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;
  readonly #base: string;

  private constructor(context: BrowserContext, page: Page, base: string) {
    this.#context = context;
    this.page = page;
    this.#base = base;
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  static async come(
    browser: Browser,
    scene: Scene,
    user: keyof typeof Users,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<Visitor> {
    const { name: username, secret: password } = Users[user];
    const httpCredentials = { username, password };
    const viewport = { width: 1280, height: 900 };
    const context = await browser.newContext({ httpCredentials, viewport, ...options });
    return new Visitor(context, await context.newPage(), scene.admin.url);
  }

  /** Goes to a page, and says with which status it came. */
  async go(path: string): Promise<number> {
    const response = await this.page.goto(new URL(path, this.#base).href);
    return response!.status();
  }

  /** The texts of the cells of a table's column, by its head. */
  async column(head: string): Promise<string[]> {
    const heads = await this.page.locator("main thead th").allInnerTexts();
    const index = heads.findIndex((text) => text.startsWith(head));
    assert(index >= 0, `no column ${head} among ${heads}`);
    return await this.page.locator(`main tbody tr td:nth-child(${index + 1})`).allInnerTexts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}

const pagesOf = (scene: Scene): readonly string[] => [
  "",
  "connections?sort=-stalledFor",
  `connections/${scene.stalled}`,
  "groups",
  "signals?system=grid",
  "devices?system=grid",
  "trends",
  `trends?system=grid&signal=${scene.grid.signals[1]!.signalId}`,
  "metadata",
  "metadata/MeasurementDetail",
  "metadata-changes?system=grid",
  "security",
  "operate",
];

// Sockets of the browser's own process outlive single steps.
Deno.test("the admin in a browser", { sanitizeOps: false, sanitizeResources: false }, async (t) => {
  const browser = await launch();
  const scene = await Scene.open();
  try {
    await t.step(
      "every page: nothing is refused or fails, in light and dark, on a monitor and a phone",
      async () => {
        for (const colorScheme of ["light", "dark"] as const) {
          for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
            await using visitor = await Visitor.come(browser, scene, "operator", { colorScheme, viewport });
            for (const path of pagesOf(scene)) {
              assertEquals(await visitor.go(path), 200, path);
              const overflow = await visitor.page.evaluate(
                "document.documentElement.scrollWidth - innerWidth",
              );
              assert(Number(overflow) <= 0, `${path} is ${overflow} px wider than ${viewport.width}`);
            }
            assertEquals(visitor.complaints, []);
          }
        }
      },
    );

    await t.step("five subscribers are shown, and sorted the stalled one comes first", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader");
      const { page } = visitor;
      await visitor.go("connections");
      assertEquals((await visitor.column("Client")).map((text) => text.replace(/ 2\.1$/, "")), [
        "archive",
        "frequency monitor",
        "control room display",
        "wide area protection",
        "slow reader",
      ]);
      await page.getByRole("link", { name: "Stalled" }).click();
      await page.locator('th[aria-sort="descending"]').waitFor();
      assertEquals((await visitor.column("State"))[0], "stalled");
      assertEquals((await visitor.column("Client"))[0], "slow reader 2.1");
      await page.locator("main tbody tr").first().getByRole("link").click();
      assertMatch(await page.locator("main").innerText(), /Stalled for\s+\d+/);
      await page.getByRole("searchbox").first().waitFor({ state: "detached" });
      await visitor.go("connections");
      await page.getByRole("searchbox", { name: "Search" }).fill("frequency");
      await page.keyboard.press("Enter");
      await page.getByText("1 connection", { exact: true }).first().waitFor();
      assertEquals(await visitor.column("Client"), ["frequency monitor 2.1"]);
    });

    await t.step("numbers move by themselves, and rest while paused", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader");
      const { page } = visitor;
      await visitor.go("");
      const sent = (): Promise<string> => page.locator("dt:text-is('Published') + dd").first().innerText();
      await changes(sent);
      await page.locator('.spark polyline[points*=" "]').first().waitFor({ state: "attached" });
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByRole("button", { name: "Resume" }).waitFor();
    });

    await t.step("chosen signals are plotted, and what is plotted moves", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader");
      const { page } = visitor;
      await visitor.go("signals?system=grid&search=:FREQ");
      for (const i of [0, 1]) await page.getByRole("checkbox").nth(i).check();
      await page.getByRole("button", { name: "Plot chosen signals" }).click();
      await page.waitForURL(/trends\?/);
      assertEquals(await page.locator("#plots canvas").count(), 1, "both are in Hz");
      await changes(() => page.evaluate("document.querySelector('#plots canvas').toDataURL()"));
      await changes(() => page.locator("[data-time]").allInnerTexts());
      await page.reload();
      const past = await page.evaluate(`(async () => {
        const answer = await fetch(document.querySelector("#plots").dataset.stream);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        while (!text.endsWith("]]}\\n\\n")) text += (await reader.read()).value;
        await reader.cancel();
        return JSON.parse(text.slice(text.indexOf("{"))).points.length;
      })()`);
      assert(Number(past) > 100, `plots begin with ${past} points of the past`);
      await page.locator("select[name=window]").selectOption("300");
      await page.getByRole("link", { name: /^Remove/ }).first().click();
      await until(async () => await page.locator("tr[data-signal]").count() === 1);
      assertEquals(visitor.complaints, []);
    });

    await t.step("a filter is applied, and a wrong one is explained in its place", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader");
      const { page } = visitor;
      await visitor.go("metadata/MeasurementDetail?system=grid");
      const box = page.getByLabel("Filter");
      await box.fill("SignalAcronym = 'FREQ' AND PointTag LIKE '%EASTVALE%'");
      await page.keyboard.press("Enter");
      await page.getByText("MeasurementDetail, 1 row").first().waitFor();
      assertEquals(await visitor.column("SignalAcronym"), ["FREQ"]);
      await box.fill("SignalAcronym = 'FREQ' AND PointTagg LIKE 'x'");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
      assertEquals(await page.locator("mark").innerText(), "PointTagg");
      assertMatch(await page.getByRole("alert").innerText(), /did you mean PointTag\?/);
      assertEquals(await box.inputValue(), "SignalAcronym = 'FREQ' AND PointTagg LIKE 'x'");
      assertEquals(await box.getAttribute("aria-invalid"), "true");
    });

    await t.step("a page is whole without script, and can be used with the keyboard alone", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader", { javaScriptEnabled: false });
      const { page } = visitor;
      await visitor.go("connections");
      await page.keyboard.press("Tab");
      assertEquals(await page.locator(":focus").innerText(), "Skip to content");
      for (let i = 0; i < 20 && await page.locator("th a:focus").count() === 0; i++) {
        await page.keyboard.press("Tab");
      }
      assertEquals(await page.locator("th a:focus").innerText(), "ID");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.locator('th[aria-sort="descending"]').waitFor();
      assertEquals((await visitor.column("State"))[0], "stalled");
      await visitor.go(`trends?system=grid&signal=${scene.grid.signals[1]!.signalId}`);
      assertMatch((await visitor.column("Latest"))[0]!, /^(?:59|60)/);
    });

    await t.step("a reader can't disconnect the slow one", async () => {
      await using visitor = await Visitor.come(browser, scene, "reader");
      const { page } = visitor;
      const id = scene.stalled;
      await visitor.go(`connections/${id}`);
      assertEquals(await page.getByRole("button", { name: "Disconnect" }).count(), 0);
      assertEquals(await page.getByRole("link", { name: "Operate" }).count(), 0);
      const statuses = await page.evaluate(async (id) => {
        const answers = [
          await fetch(`/api/v1/connections/${id}/disconnect`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: "{}",
          }),
          await fetch(`/connections/${id}/disconnect`, {
            method: "POST",
            body: new URLSearchParams({ reason: "x" }),
          }),
        ];
        return answers.map(({ status }) => status);
      }, id);
      assertEquals(statuses, [403, 403]);
      assertEquals(scene.stalled, id);
      const told = scene.actions.splice(0).map(({ user, done, refusal }) => [user, done, refusal]);
      assertEquals(told, [["rita", false, "NotAllowed"], ["rita", false, "NotAllowed"]]);
    });

    await t.step("an operator disconnects the slow one, bans it and lifts the ban", async () => {
      await using visitor = await Visitor.come(browser, scene, "operator");
      const { page } = visitor;
      const id = scene.stalled;
      await visitor.go(`connections/${id}?system=grid`);
      await page.getByLabel("Reason").fill("reads nothing");
      // What was typed stays, though the page goes on being kept up to date.
      await page.locator("h1").click();
      await page.waitForTimeout(4_500);
      assertEquals(await page.getByLabel("Reason").inputValue(), "reads nothing");
      await page.getByLabel("It may come back").selectOption("3600");
      await page.getByRole("button", { name: "Disconnect" }).click();
      await page.getByText("disconnected by otto: reads nothing").waitFor();
      await until(() => scene.publisher.stats().open.every((open) => open.id !== id));
      assertEquals(scene.actions.map(({ user, action, done }) => [user, action, done]), [[
        "otto",
        "disconnect",
        true,
      ]]);
      await visitor.go("security");
      await page.getByText("1 ban", { exact: true }).first().waitFor();
      assertMatch(await page.locator("main").innerText(), /slow reader certificate/);
      await page.getByRole("button", { name: "Lift" }).click();
      await page.getByRole("status").waitFor();
      assertEquals(scene.publisher.stats().bans, []);
      assertEquals(visitor.complaints, []);
    });

    await t.step(
      "an operator notifies, rotates keys, reloads metadata and changes the log level",
      async () => {
        await using visitor = await Visitor.come(browser, scene, "operator");
        const { page } = visitor;
        await visitor.go("operate");
        await page.getByLabel("Text").fill("maintenance at noon");
        await page.getByRole("button", { name: "Send" }).click();
        await page.getByRole("status").waitFor();
        for (
          const [button, done] of [["Rotate now", "rotateCipherKeys"], ["Set", "setLogLevel"], [
            "Reload",
            "reloadMetadata",
          ]]
        ) {
          await page.getByRole("button", { name: button!, exact: true }).first().click();
          await page.waitForURL(new RegExp(`done=${done}`));
        }
        assertEquals(scene.actions.slice(-4).map(({ action, done }) => [action, done]), [
          ["notify", true],
          ["rotateCipherKeys", true],
          ["setLogLevel", true],
          ["reloadMetadata", true],
        ]);
      },
    );
  } finally {
    await scene[Symbol.asyncDispose]();
    await browser.close();
  }
});
