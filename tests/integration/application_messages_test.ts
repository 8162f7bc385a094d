/** What applications say to each other besides measurements (§14), over TCP. */
import { assertEquals, assertRejects } from "@std/assert";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { SttpError } from "../../transport/mod.ts";
import { all, metadataOf } from "./support.ts";

Deno.test("user commands, schemas and the processing interval between a publisher and a subscriber", async () => {
  await using publisher = new Publisher({
    port: 0,
    hostname: "127.0.0.1",
    onUserCommand: ({ number, payload }) => {
      if (number === 15) throw new SttpError("Refused", "not today");
      return number === 1 ? undefined : Uint8Array.of(number, ...payload);
    },
  });
  publisher.defineMetadata(metadataOf(20));
  await publisher.start();
  await using subscriber = new Subscriber({ filter: all });
  await assertRejects(() => subscriber.sendUserCommand(0), SttpError, "no connection");
  await subscriber.connect(publisher.address);

  const answers = await Promise.all(
    [0, 7, 7, 1].map((number, i) => subscriber.sendUserCommand(number, Uint8Array.of(i))),
  );
  assertEquals(answers, [Uint8Array.of(0, 0), Uint8Array.of(7, 1), Uint8Array.of(7, 2), new Uint8Array(0)]);
  const refused = await assertRejects(() => subscriber.sendUserCommand(15), SttpError, "not today");
  assertEquals(refused.code, "Refused");
  await assertRejects(() => subscriber.sendUserCommand(16), RangeError);

  const primary = await subscriber.metadataSchema();
  assertEquals(
    primary.tables.map(({ name, rowCount }) => [name, rowCount]),
    [["DeviceDetail", 0], ["MeasurementDetail", 0]],
  );
  const selection = await subscriber.signalSelectionSchema();
  assertEquals(selection.tables.map(({ name }) => name), ["ActiveMeasurements"]);

  await subscriber.updateProcessingInterval(33);
  assertEquals(subscriber.subscription.processingInterval, 33);
  await assertRejects(() => subscriber.updateProcessingInterval(-2), RangeError);
  await subscriber.unsubscribe();
  await assertRejects(() => subscriber.updateProcessingInterval(0), SttpError, "no subscription");
  assertEquals(subscriber.subscription.processingInterval, 33);
});

Deno.test("notifications reach who is there and who comes back, each once", async () => {
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(metadataOf(20));
  await publisher.start();
  const received: string[] = [];
  let arrived = Promise.withResolvers<void>();
  const assemblyInfo = { source: "control room", version: "1", updatedOn: "2024-01-01" };
  const onNotification = (text: string): void => {
    received.push(text);
    arrived.resolve();
  };
  const subscriber = new Subscriber({ filter: all, assemblyInfo, onNotification });
  await subscriber.connect(publisher.address);
  assertEquals(publisher.stats().open[0]!.identity, "client:control room@127.0.0.1");
  publisher.notify("one");
  await arrived.promise;
  await subscriber.disconnect();
  publisher.notify("two");

  arrived = Promise.withResolvers();
  await using again = new Subscriber({ filter: all, assemblyInfo, onNotification });
  await again.connect(publisher.address);
  await arrived.promise;
  assertEquals(received.at(-1), "two");
  // The confirmation of "one" may have been overtaken by the end of its connection.
  assertEquals(received.filter((text) => text === "two").length, 1);
});
