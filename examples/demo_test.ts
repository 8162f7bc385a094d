import { assert, assertEquals, assertGreater, assertStringIncludes, assertThrows } from "@std/assert";
import { readArguments, runDemo } from "./demo.ts";

Deno.test("readArguments() fills in what is not given", () => {
  assertEquals(readArguments([]), { devices: 20, rate: 30, seconds: Infinity, port: 0 });
  assertEquals(readArguments(["--devices", "3", "--rate=60", "--seconds", "5", "--port=7165"]), {
    devices: 3,
    rate: 60,
    seconds: 5,
    port: 7165,
  });
  assertEquals(readArguments(["--admin=8080"])?.admin, 8080);
  assertEquals(readArguments(["--help"]), undefined);
});

Deno.test("readArguments() says what is wrong", () => {
  const wrong: [string[], string][] = [
    [["--devices", "many"], '--devices is "many", expected a whole number from 1 to 100000'],
    [["--devices=0"], '--devices is "0", expected a whole number from 1 to 100000'],
    [["--rate=29.97"], '--rate is "29.97", expected a whole number from 1 to 1000'],
    [["--seconds="], '--seconds is "", expected a whole number'],
    [["--port=65536"], '--port is "65536", expected a whole number from 0 to 65535'],
    [["--seconds"], "--seconds"],
    [["--second", "5"], "Unknown option '--second'"],
    [["5"], "Unexpected argument '5'"],
  ];
  for (const [args, message] of wrong) assertThrows(() => readArguments(args), TypeError, message);
});

Deno.test("runDemo() gets every measurement across, and ends in order when aborted", async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    if (line === "Receiving measurements...") stop.abort();
  };
  const options = { devices: 3, rate: 100, seconds: Infinity, port: 0 };
  const summary = await runDemo(options, print, stop.signal);
  assertGreater(summary.frames, 0);
  assertEquals(summary.published, 30 * summary.frames);
  assertEquals(summary.received, summary.published);
  assertGreater(summary.bytes, 0);
  const text = lines.join("\n");
  assertStringIncludes(text, "Publishing 30 signals of 3 devices");
  assertStringIncludes(text, "        3 DeviceDetail records");
  assertStringIncludes(text, "        30 MeasurementDetail records");
  assertStringIncludes(text, "with 30 signals.");
});

Deno.test("runDemo() ends in order when aborted before it began", async () => {
  const options = { devices: 1, rate: 30, seconds: 10, port: 0 };
  assertEquals(await runDemo(options, () => {}, AbortSignal.abort()), {
    frames: 0,
    published: 0,
    received: 0,
    bytes: 0,
  });
});

/** Runs the program as a user does, with the least permissions. */
async function demo(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await command(args).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

function command(args: string[]): Deno.Command {
  const program = new URL("demo.ts", import.meta.url).href;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-net", program, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("The demo shows its options", async () => {
  const { code, out } = await demo("--help");
  assertEquals(code, 0);
  for (const option of ["--devices N", "--rate N", "--seconds N", "--port N"]) {
    assertStringIncludes(out, option);
  }
});

Deno.test("The demo refuses wrong arguments with exit code 2", async () => {
  const { code, out, err } = await demo("--seconds", "soon");
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, '--seconds is "soon", expected a whole number from 1 to 1000000\nTry --help.');
});

Deno.test("The demo says so when its port is taken, with exit code 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, err } = await demo("--port", String((taken.addr as Deno.NetAddr).port));
  assertEquals(code, 1);
  assertStringIncludes(err, "ConnectFailed");
  assert(!err.includes("    at "), "a stack trace");
});

Deno.test("The demo runs for as many frames as asked and sums up", async () => {
  const { code, out, err } = await demo("--devices", "2", "--seconds", "1");
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "Published 600 measurements in 30 frames.");
  assertStringIncludes(out, "Received 600 measurements in ");
  assertStringIncludes(out, "Bytes a measurement: ");
  assertStringIncludes(out, "Lost: 0");
});

const windows = Deno.build.os === "windows";
Deno.test("The demo ends in order on SIGTERM and SIGINT", { ignore: windows }, async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const child = command(["--devices", "2"]).spawn();
    let out = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      const before = out;
      out += decoder.decode(bytes, { stream: true });
      const sign = "Receiving measurements...";
      if (out.includes(sign) && !before.includes(sign)) child.kill(signal);
    }
    const err = await new Response(child.stderr).text();
    assertEquals([(await child.status).code, err], [0, ""]);
    assertStringIncludes(out, "Lost: 0");
  }
});

Deno.test("runDemo() shows itself in an admin", async () => {
  const stop = new AbortController();
  const shown = Promise.withResolvers<string>();
  const print = (line: string): void => {
    if (line.startsWith("The admin is at ")) shown.resolve(line.slice("The admin is at ".length));
  };
  const options = { devices: 3, rate: 100, seconds: Infinity, port: 0, admin: 0 };
  const running = runDemo(options, print, stop.signal);
  const response = await fetch(new URL("api/v1/status", await shown.promise));
  const { systems } = await response.json();
  assertEquals(systems.map(({ system }: { system: string }) => system), ["grid", "subscriber"]);
  stop.abort();
  await running;
});
