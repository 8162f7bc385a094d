/**
 * Pictures of the admin's pages for the documentation: `deno run -A tests/browser/screenshots.ts [VIEW...]` takes all of
 * them, or those named, into `docs/screenshots`: each in light and dark, and some as a phone shows them.
 *
 * @module
 */
import type { Browser, Page } from "playwright-core";
import { launch } from "./chromium.ts";
import { Scene, Users } from "./scene.ts";

const folder = new URL("../../docs/screenshots", import.meta.url).pathname;
/** Views that are taken as a phone shows them, too. */
const onPhone: readonly string[] = ["overview", "connections", "trends"];
/** A monitor's window, and a phone's. */
const sizes = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

/** The views, by the name of their picture. */
function views(scene: Scene): Readonly<Record<string, string>> {
  const signals = [0, 5, 11, 17].map((device) => scene.grid.devices[device]!.signals);
  const plotted = [
    ...signals.map((of) => of.find(({ signalType }) => signalType === "FREQ")!),
    ...signals.slice(0, 2).map((of) => of.find(({ signalType }) => signalType === "VPHM")!),
  ];
  const trend = plotted.map(({ signalId }) => `signal=${signalId}`).join("&");
  const wrong = encodeURIComponent("SignalAcronym = 'FREQ' AND PointTagg LIKE 'RVE%'");
  return {
    overview: "",
    connections: "connections?sort=-stalledFor",
    connection: `connections/${scene.stalled}?system=grid`,
    encoders: "groups",
    signals: "signals?system=grid&limit=20",
    devices: "devices?system=grid&sort=-missing&limit=16",
    trends: `trends?system=grid&${trend}`,
    metadata: "metadata/MeasurementDetail?system=grid&filter=SignalAcronym+%3D+%27FREQ%27&limit=15",
    filter: `metadata/MeasurementDetail?system=grid&filter=${wrong}`,
    changes: "metadata-changes?system=grid",
    security: "security",
    operate: "operate",
  };
}

async function open(browser: Browser, dark: boolean, size: keyof typeof sizes, url: string): Promise<Page> {
  const { name: username, secret: password } = Users.operator;
  const context = await browser.newContext({
    colorScheme: dark ? "dark" : "light",
    viewport: sizes[size],
    deviceScaleFactor: size === "phone" ? 1.5 : 1,
    httpCredentials: { username, password },
    locale: "en",
  });
  const page = await context.newPage();
  page.on("console", (message) => console.log(`${url}: ${message.text()}`));
  page.on("pageerror", (error) => console.log(`${url}: ${error}`));
  await page.goto(url);
  return page;
}

if (import.meta.main) {
  await Deno.mkdir(folder, { recursive: true });
  await using scene = await Scene.open();
  await using things = new AsyncDisposableStack();
  const browser = await launch();
  things.defer(() => browser.close());
  const taken: Promise<void>[] = [];
  for (const [name, path] of Object.entries(views(scene))) {
    if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
    for (const dark of [false, true]) {
      for (const size of ["wide", "phone"] as const) {
        if (size === "phone" && !onPhone.includes(name)) continue;
        const page = await open(browser, dark, size, new URL(path, scene.admin.url).href);
        taken.push((async () => {
          // So that there is a course to see.
          await page.waitForTimeout(name === "trends" ? 65_000 : name === "overview" ? 30_000 : 4_500);
          const file = `${folder}/${name}${size === "phone" ? "-phone" : ""}-${dark ? "dark" : "light"}.png`;
          await page.screenshot({ path: file });
          await page.context().close();
        })());
      }
    }
  }
  await Promise.all(taken);
}
