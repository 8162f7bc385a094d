import { assertEquals } from "@std/assert";
import { type Partner, verdict } from "./partners.ts";

const ready: Partner = { state: "ready", name: "sttpapi", version: "1", command: "python" };
const notOffered: Partner = { state: "missing", name: "goapi", offered: false, reason: "404" };
const broken: Partner = { state: "missing", name: "goapi", offered: true, reason: "does not build" };

Deno.test("a partner that is there is run, required or not", () => {
  assertEquals(verdict(ready, undefined), "run");
  assertEquals(verdict(ready, "sttpapi"), "run");
});

Deno.test("a missing partner is skipped unless it is required", () => {
  assertEquals(verdict(notOffered, undefined), "skip");
  assertEquals(verdict(broken, "sttpapi"), "skip");
  assertEquals(verdict(notOffered, "sttpapi, goapi"), "fail");
  assertEquals(verdict(broken, "goapi"), "fail");
});

Deno.test("a partner required if offered may be missing only when its registry does not have it", () => {
  assertEquals(verdict(notOffered, "sttpapi,goapi?"), "skip");
  assertEquals(verdict(broken, "sttpapi,goapi?"), "fail");
});
