/** Data over UDP whoever connects to whom, with and without TLS; only the latter keeps the keys secret. */
import { assertEquals } from "@std/assert";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import type { TestCertificate, TlsOptions } from "../../transport/mod.ts";
import { testCertificates } from "../support/tls.ts";
import { all, dropped, metadataOf, receive, roundOf, until } from "./support.ts";

const hostname = "127.0.0.1";
const size = 40;
const rounds = 20;

for (const secure of [false, true]) {
  for (const reverse of [false, true]) {
    const who = reverse ? "the publisher" : "the subscriber";
    Deno.test(`encrypted data over UDP, ${who} connects ${secure ? "over TLS" : "without TLS"}`, async () => {
      const { ca, server, client } = await testCertificates();
      const tls = (own: TestCertificate): { tls?: TlsOptions } => secure ? { tls: { ...own, ca } } : {};
      await using publisher = new Publisher({
        ...tls(reverse ? client : server),
        ...(reverse ? { listen: false } : { hostname, port: 0 }),
        udp: { encrypt: true },
      });
      publisher.defineMetadata(metadataOf(size));
      await publisher.start();
      await using subscriber = new Subscriber({ filter: all, udp: true, ...tls(reverse ? server : client) });
      if (reverse) publisher.connect((await subscriber.listen({ port: 0, hostname })).address);
      else await subscriber.connect(publisher.address);
      await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
      for (let round = 0; round < rounds; round++) {
        publisher.publish(roundOf(publisher, size, round));
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      const received = await receive(subscriber, rounds * size);
      assertEquals(received.count, rounds * size);
      assertEquals(dropped(subscriber), {});
      const { udp, cipherKeys } = subscriber.stats();
      assertEquals([udp.received, udp.lost, cipherKeys], [rounds * size, 0, 1]);
      assertEquals(publisher.stats().open[0]!.dataChannel!.measurements, rounds * size);
    });
  }
}
