/** A publisher and a subscriber, instrumented, for as long as the input is open. */
import { metadataOf } from "../../tests/integration/support.ts";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { instrument } from "../mod.ts";

const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
publisher.defineMetadata(metadataOf(4));
const subscriber = new Subscriber({ filter: "FILTER ActiveMeasurements WHERE True" });
using _ = instrument({ east: publisher, watcher: subscriber });
await publisher.start();
await subscriber.connect(publisher.address);
await subscriber.disconnect();
console.log("connected");
for await (const _ of Deno.stdin.readable) break;
await publisher.stop();
