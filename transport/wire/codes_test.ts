import { assertEquals } from "@std/assert";
import { BufferBlockFlags, Command, commandName, DataPacketFlags, Response, responseName } from "./codes.ts";

Deno.test("commands have the protocol's numbers", () => {
  assertEquals(Object.values(Command), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0xd0, 0xdf]);
});

Deno.test("responses have the protocol's numbers", () => {
  const numbers = [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0xe0, 0xef, 0xff];
  assertEquals(Object.values(Response), numbers);
});

Deno.test("packet flags have the protocol's bits", () => {
  assertEquals(Object.values(DataPacketFlags), [0x02, 0x04, 0x08, 0x10]);
  assertEquals(Object.values(BufferBlockFlags), [0x01, 0x04, 0x08, 0x10]);
});

Deno.test("every code has a name, known or not", () => {
  assertEquals([0x00, 0x02, 0x0d].map(commandName), ["Connect", "Subscribe", "GetSignalSelectionSchema"]);
  assertEquals([0xd0, 0xd3, 0xdf].map(commandName), ["UserCommand00", "UserCommand03", "UserCommand15"]);
  assertEquals([0x0e, 0xcf, 0xe0].map(commandName), ["0x0e", "0xcf", "0xe0"]);
  assertEquals([0x80, 0x82, 0xff].map(responseName), ["Succeeded", "DataPacket", "NoOP"]);
  assertEquals([0xe0, 0xe9, 0xef].map(responseName), ["UserResponse00", "UserResponse09", "UserResponse15"]);
  assertEquals([0x8b, 0xdf, 0xf0].map(responseName), ["0x8b", "0xdf", "0xf0"]);
});
