/** Asking for modes who answers in ways that the protocol does not know. */
import { assertEquals } from "@std/assert";
import { type Channel, Command, encodeResponse, Response } from "../../mod.ts";
import { askModes } from "./modes.ts";

/** A channel that gives the same bytes again and again, and never has to be waited for. */
function always(bytes: Uint8Array): () => Promise<Channel> {
  let at = 0;
  return () =>
    Promise.resolve({
      peer: { address: "memory:1" },
      read(into): Promise<number> {
        const count = Math.min(into.length, bytes.length - at);
        into.set(bytes.subarray(at, at + count));
        at = (at + count) % bytes.length;
        return Promise.resolve(count);
      },
      write: () => Promise.resolve(),
      close: () => {},
    });
}

Deno.test("who sends without end what is no answer is not listened to for ever", async () => {
  const connect = always(encodeResponse(Response.NoOP, Command.Subscribe));
  const { answer, text } = await askModes(connect, {}, 60_000);
  assertEquals([answer, text], ["failed", "no answer in the first 1048576 bytes"]);
});

Deno.test("of an endless answer 65,536 characters are read", async () => {
  const body = new Uint8Array(200_000).fill(0x61);
  const connect = always(encodeResponse(Response.Failed, Command.DefineOperationalModes, body));
  const { answer, text } = await askModes(connect, { encoding: "utf-8" }, 60_000);
  assertEquals([answer, text.length], ["refused", 65_536]);
});
