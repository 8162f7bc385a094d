/** Connection strings as other subscribers write them, over TCP: what they ask for is what they get. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ScriptedPeer } from "../../publisher/testdata/rig.ts";
import {
  Command,
  connectTcp,
  DataPacketFlags,
  decodePacketHeader,
  decodeText,
  encodeText,
  Response,
} from "../../transport/mod.ts";
import { Meeting, receive } from "./support.ts";

const size = 8;

/** A Subscribe command's body. */
function subscribe(connectionString: string): Uint8Array {
  const text = encodeText(connectionString, "utf-8");
  const body = new Uint8Array(5 + text.length);
  body[0] = 2;
  new DataView(body.buffer).setUint32(1, text.length);
  body.set(text, 5);
  return body;
}

async function connect(meeting: Meeting): Promise<ScriptedPeer> {
  const { port } = meeting.publisher;
  const peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port }));
  await peer.defineModes({ compressPayloadData: false });
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  return peer;
}

Deno.test("a connection string as others write it: order, case, spelling, keys unknown and malformed", async () => {
  await using meeting = await Meeting.start(size);
  const peer = await connect(meeting);
  await peer.send(
    Command.Subscribe,
    subscribe(
      "THROTTLED=False; publishInterval=1.000000;IncludeTime=no;lagTime=10.000000;leadTime=5;" +
        "requestNaNValueFilterfalse;site=north;;note={a=1; b={2}};processingInterval=-1;" +
        "assemblyInfo={source=STTP Something; version=1.0; updatedOn=2024-01-01 00:00:00};" +
        "inputMeasurementKeys={PPA:1; PPA:3}",
    ),
  );
  assertEquals((await peer.expectCache()).cache.size, 2);
  await peer.expect(Response.Succeeded, Command.Subscribe);
  await peer.confirmCache();
  await meeting.confirmed();
  await meeting.publish(1);
  await peer.expect(Response.DataStartTime);
  const { flags, count, payload } = decodePacketHeader(await peer.expect(Response.DataPacket));
  // Without times.
  assertEquals([flags, count, payload.length], [DataPacketFlags.Compact, 2, 2 * 9]);
  const { filter, client, extra, format } = meeting.publisher.stats().open[0]!.subscription!;
  assertEquals(filter, "PPA:1; PPA:3");
  assertEquals(client, {
    source: "STTP Something",
    version: "1.0",
    updatedOn: "2024-01-01 00:00:00",
  });
  assertEquals(extra, { site: "north", note: "a=1; b={2}" });
  assertEquals(format, "compact format");
  peer.channel.close();
});

Deno.test("a value that its key can't have fails the subscription by name, and the one before goes on", async () => {
  await using meeting = await Meeting.start(size);
  const neighbour = await meeting.subscribed();
  const peer = await connect(meeting);
  await peer.subscribe({ filterExpression: "PPA:1" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded, Command.Subscribe);
  await peer.confirmCache();
  await meeting.confirmed();
  await peer.expect(Response.UpdateBaseTimes);
  for (
    const pair of [
      "throttled=perhaps",
      "publishInterval=soon",
      "includeTime=2",
      "enableTimeReasonabilityCheck=x",
      "lagTime=1 s",
      "leadTime=--1",
      "useLocalClockAsRealTime=?",
      "useMillisecondResolution=3",
      "requestNaNValueFilter=nan",
      "processingInterval=0.5",
      "startTimeConstraint=tomorrow",
      "bufferBlockRetransmissionTimeout=never",
      "dataChannel={localport=70000}",
      "dataChannel={interface=0.0.0.0}",
      "assemblyInfo={source={}",
    ]
  ) {
    await peer.send(Command.Subscribe, subscribe(`filterExpression=PPA:2; ${pair}`));
    const why = decodeText(await peer.expect(Response.Failed, Command.Subscribe), "utf-8");
    const [key] = pair.split("=") as [string];
    const said = key === "startTimeConstraint" ? "history" : key === "assemblyInfo" ? "brace" : key;
    assertStringIncludes(why.replace("localport", "dataChannel"), said);
  }
  await meeting.publish(1);
  await peer.expect(Response.DataStartTime);
  assertEquals(decodePacketHeader(await peer.expect(Response.DataPacket)).count, 1);
  assertEquals((await receive(neighbour, size)).count, size);
  peer.channel.close();
});
