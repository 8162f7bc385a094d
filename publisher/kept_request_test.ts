import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import { finish } from "../metadata/steps.ts";
import { decodeSubscribe, encodeSubscribe, type SubscriptionOptions } from "../transport/wire/subscribe.ts";
import { FilterAccount } from "./filter_account.ts";
import { type KeptRequest, keptRequest } from "./kept_request.ts";

const filters = new FilterAccount(64 * 1024 ** 2);

function kept(options: SubscriptionOptions): KeptRequest {
  const request = decodeSubscribe(encodeSubscribe(options, "utf-8"), "utf-8");
  return finish(keptRequest(request, filters, "192.0.2.1"));
}

Deno.test("the settings that count are kept as they are", () => {
  const options: SubscriptionOptions = {
    filterExpression: "FILTER ActiveMeasurements WHERE SignalType = '\u0436'".padEnd(5000),
    throttled: true,
    lagTime: 3,
    startTimeConstraint: "*-5m",
    timeConstraintParameters: "p".repeat(4000),
    dataChannel: { localPort: 9191, interface: "0.0.0.0" },
    assemblyInfo: { source: "Source", version: "1.2", updatedOn: "2024-01-01" },
    extra: { site: "north" },
  };
  const { text: _, ...expected } = decodeSubscribe(encodeSubscribe(options, "utf-8"), "utf-8");
  const { filter, ...settings } = kept(options);
  assertEquals(settings, expected);
  assertEquals(filter.text, expected.filterExpression);
});

Deno.test("what is only shown is clipped", () => {
  const clipped = "x".repeat(1021) + "...";
  const long = "x".repeat(2000);
  const { assemblyInfo, dataChannel, extra } = kept({
    assemblyInfo: { source: long, version: long, updatedOn: long },
    dataChannel: { localPort: 9191, interface: long },
    extra: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, long])),
  });
  assertEquals(assemblyInfo, { source: clipped, version: clipped, updatedOn: clipped });
  assertEquals(dataChannel, { localPort: 9191, interface: clipped });
  // Seven texts of 1,024 characters and their keys fit 8,192.
  assertEquals([...extra], Array.from({ length: 7 }, (_, i) => [`k${i}`, clipped]));
});

Deno.test("of the text that it came in nothing stays in memory", () => {
  // A character beyond Latin-1 makes the whole text, and every slice of it, two bytes a character.
  const other = `\u0436${"y".repeat(60_000)}`;
  const filter = (i: number): string => `FILTER ActiveMeasurements WHERE ID = '${i}'`.padEnd(200_000);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const used = (): number => {
    collect();
    return Deno.memoryUsage().heapUsed;
  };
  const requests: KeptRequest[] = [];
  const take = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      requests.push(
        kept({ filterExpression: filter(i), extra: { other, [`k${i}`]: `value of the key ${i}` } }),
      );
    }
  };
  take(0, 5);
  const before = used();
  take(5, 55);
  const each = (used() - before) / 50;
  assertEquals(requests.length, 55);
  // Its filter expression, and the 1,024 characters of two bytes that are shown.
  assert(each < 220_000, `${each} bytes are kept of each`);
});
