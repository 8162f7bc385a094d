import { assert, assertEquals, assertGreater } from "@std/assert";
import { withFolder } from "../tests/support/folder.ts";
import { FileNotificationStore, type NotifiedSubscriber } from "./notification_store.ts";

function subscriber(name: string, texts: readonly string[]): NotifiedSubscriber {
  const pending = texts.map((text, hash) => ({ hash, text }));
  return { subscriber: `client:${name}`, lastSeen: 1_700_000_000_000, pending };
}

Deno.test("the file is one JSON document, however many subscribers and notifications there are", () =>
  withFolder(async (folder) => {
    const path = `${folder}/notifications.json`;
    const store = new FileNotificationStore(path);
    const text = '"\u00fc\u{1f50c}\ud800\n'.repeat(1000);
    const long = Array<string>(100).fill(text);
    const many = Array.from({ length: 5000 }, (_, i) => subscriber(`${i}`, []));
    for (
      const subscribers of [
        [],
        [subscriber("a", [])],
        [subscriber("a", ["one", "two"]), subscriber('"\u00fc"', []), subscriber("b", ["three"])],
        [subscriber("a", long), subscriber("b", long)],
        [...many, subscriber("last", ["one"])],
      ]
    ) {
      await store.save(subscribers);
      assertEquals(await Deno.readTextFile(path), JSON.stringify(subscribers));
      assertEquals(await store.load(), subscribers);
    }
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["notifications.json"]);
  }));

Deno.test("much is saved in pieces, each written before the next is made, and timers have their turn", () =>
  withFolder(async (folder) => {
    const path = `${folder}/notifications.json`;
    let fired = false;
    const made: number[] = [];
    const pending = Array.from({ length: 512 }, (_, hash) => ({
      hash,
      get text() {
        if (hash === 0) setTimeout(() => fired = true, 0);
        // Eight megabytes are not made and written before a timer is due that is due at once.
        else if (hash === 511) assert(fired, "no timer had its turn");
        made.push(Deno.statSync(`${path}.new`).size);
        return "x".repeat(16_384);
      },
    }));
    await new FileNotificationStore(path).save([{ subscriber: "client:a", lastSeen: 0, pending }]);
    assertEquals(made.length, 512);
    for (const [i, written] of made.entries()) assertGreater(written, (i - 5) * 16_384, `notification ${i}`);
  }));
