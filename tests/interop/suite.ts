/**
 * Everything against every partner: `deno task interop`. Each partner is one test with a step for every scenario.
 *
 * @module
 */
import { history, messages, messagesFromSttpapi } from "./beyond_data.ts";
import { examples } from "./examples.ts";
import { fromSttpapi } from "./from_sttpapi.ts";
import { ensureGo, ensurePython, type Partner, verdict } from "./partners.ts";
import { metadataDocuments } from "./metadata_documents.ts";
import { metadataReadings } from "./metadata_readings.ts";
import { reverse } from "./reverse.ts";
import { type Scenario, Stage } from "./scenario.ts";
import { sttpCommand } from "./sttp_command.ts";
import { sttpTerminal } from "./sttp_terminal.ts";
import { sttpTools } from "./sttp_tools.ts";
import { toSttpapi } from "./to_sttpapi.ts";
import { toSubscribers } from "./to_subscribers.ts";
import { overUdp, udpToSttpapi } from "./udp.ts";

const only = Deno.env.get("STTP_INTEROP_ONLY");

function test(name: string, ensure: () => Promise<Partner>, scenarios: Scenario[]): void {
  Deno.test(name, async (t) => {
    const partner = await ensure();
    const what = verdict(partner, Deno.env.get("STTP_INTEROP_REQUIRE"));
    if (partner.state === "missing") {
      if (what === "fail") throw new Error(`${name} is required and missing: ${partner.reason}`);
      console.warn(`SKIPPED ${name}: ${partner.reason}`);
      await t.step({ name: `${name} is not here`, ignore: true, fn: () => {} });
      return;
    }
    console.log(`${name} ${partner.version}`);
    const chosen = scenarios.filter((scenario) => only === undefined || scenario.name.includes(only));
    if (chosen.length === 0) throw new Error(`no scenario has "${only}" in its name`);
    for (const scenario of chosen) {
      await t.step(scenario.name, async () => {
        await using stage = await Stage.set(partner);
        console.log(await scenario.run(stage));
      });
    }
  });
}

test("sttpapi", ensurePython, [
  ...metadataDocuments,
  ...metadataReadings,
  ...toSubscribers,
  ...toSttpapi,
  ...overUdp,
  ...udpToSttpapi,
  ...history,
  ...messages,
  ...fromSttpapi,
  ...messagesFromSttpapi,
  ...examples,
  ...sttpCommand,
  ...sttpTools,
  ...sttpTerminal,
]);
test("goapi", ensureGo, [...toSubscribers, ...overUdp, ...reverse, ...history]);
