import { assert, assertEquals, assertLess, assertMatch, assertThrows } from "@std/assert";
import { ManualClock } from "../transport/mod.ts";
import { LineWriter, Logger, type LoggerOptions, toLogFields } from "./mod.ts";

type Line = Record<string, unknown>;

/** A log whose lines are kept. */
function rig(
  options: LoggerOptions = {},
): { log: Logger; clock: ManualClock; lines: string[]; last(): Line } {
  const lines: string[] = [];
  const clock = new ManualClock();
  const log = new Logger({ clock, output: (line) => lines.push(line), ...options });
  return { log, clock, lines, last: () => JSON.parse(lines.at(-1)!) };
}

Deno.test("a line of JSON has time, level and event first, and the fields after them", () => {
  const { log, lines } = rig({ fields: { program: "test" } });
  log.info("app.started", { port: 7165, nested: { a: [1, "two", null, true] }, none: undefined });
  assertEquals(lines, [
    '{"time":"2024-01-01T00:00:00.000Z","level":"info","event":"app.started","program":"test","port":7165,' +
    '"nested":{"a":[1,"two",null,true]}}',
  ]);
});

Deno.test("a line of text is for people", () => {
  const { log, lines } = rig({ format: "text" });
  log.error("app.failed", {
    address: "127.0.0.1:7165",
    why: { code: "Closed", text: "no more" },
    "odd name": 1,
  });
  assertEquals(lines, [
    '2024-01-01T00:00:00.000Z ERROR   app.failed address=127.0.0.1:7165 why.code=Closed why.text="no more" "odd name"=1',
  ]);
});

Deno.test("the level holds back what is below it and can be changed at any time", () => {
  const { log, lines, last } = rig({ level: "warning" });
  log.debug("a.b");
  log.info("a.b");
  assertEquals(lines, []);
  log.warning("a.b");
  assertEquals(last().level, "warning");
  log.level = "debug";
  log.debug("a.b");
  assertEquals(last().level, "debug");
  log.level = "off";
  log.error("a.b");
  assertEquals(lines.length, 2);
  assertEquals(log.level, "off");
  assertThrows(() => log.level = "loud" as "debug", TypeError, '"loud" is no log level, one of debug, info');
});

Deno.test("a flood of one event is cut off and told, and leaves room for others", () => {
  const { log, clock, lines, last } = rig({ rateLimit: { lines: 3, interval: 1000 } });
  for (let i = 0; i < 1_000_000; i++) log.info("flood.rising", { i });
  assertEquals(lines.length, 3);
  log.error("something.else");
  assertEquals(last().event, "something.else");
  clock.advance(999);
  assertEquals(lines.length, 4);
  clock.advance(1);
  assertEquals(last(), {
    time: "2024-01-01T00:00:01.000Z",
    level: "warning",
    event: "log.suppressed",
    suppressed: "flood.rising",
    count: 999_997,
  });
  log.info("flood.rising", { i: "again" });
  assertEquals(last().i, "again");
  assertEquals(clock.pending, 0);
});

Deno.test("a flood that goes on has as many lines in every interval, and one that tells of the others", () => {
  const { log, clock, lines } = rig({ rateLimit: { lines: 3, interval: 1000 } });
  for (let i = 0; i < 100; i++) {
    for (let k = 0; k < 50; k++) log.info("flood.rising");
    clock.advance(100);
  }
  assertEquals(lines.length, 10 * (3 + 1));
});

Deno.test("flushing gives a flood no more lines, and does not end the interval", async () => {
  const { log, clock, lines } = rig({ rateLimit: { lines: 3, interval: 1000 } });
  const written = (): unknown[] => lines.splice(0).map((line) => JSON.parse(line).count ?? "line");
  for (let i = 0; i < 10; i++) log.info("flood.rising");
  await log.flush();
  assertEquals(written(), ["line", "line", "line", 7]);
  assertEquals(clock.pending, 0);
  // As often as there may be lines it tells, the rest at the interval's end.
  for (let i = 0; i < 10; i++) {
    log.info("flood.rising");
    await log.flush();
  }
  assertEquals(written(), [1, 1]);
  clock.advance(1000);
  assertEquals(written(), [8]);
  log.info("flood.rising");
  assertEquals(written(), ["line"]);
});

Deno.test("all lines of a minute have so many bytes, whatever happens, and one event a sixteenth of them", () => {
  const { log, clock, lines } = rig({ rateLimit: { lines: 1000, bytes: 160_000, interval: 1000 } });
  const size = (): number => lines.reduce((sum, line) => sum + new TextEncoder().encode(line).length + 1, 0);
  const text = "\u00e9".repeat(1500);
  for (let i = 0; i < 50; i++) log.info("flood.rising", { text });
  // Some 3,100 bytes each: the fourth goes beyond 10,000, and is the last.
  assertEquals(lines.length, 4);
  log.info("something.else");
  assertEquals(lines.length, 5);
  for (let i = 0; i < 100; i++) for (let k = 0; k < 4; k++) log.info(`name${i}`, { text });
  assert(size() <= 160_000 && size() > 156_000, `${size()}`);
  const [before, first] = [lines.length, lines.findIndex((line) => line.includes("name0"))];
  assertEquals(first, 5);
  clock.advance(1000);
  const told = lines.slice(before).map((line) => JSON.parse(line));
  assertEquals(told.reduce((sum, { count }) => sum + count, 0), 50 + 1 + 400 - before);
  log.info("something.else");
  assertMatch(lines.at(-1)!, /something\.else/);
});

Deno.test("where nothing is set, all lines of a minute have 1 MiB to the byte", () => {
  const { log, clock, lines } = rig();
  const scratch = rig();
  scratch.log.info("name10", { text: "" });
  const bare = scratch.lines[0]!.length + 1;
  const write = (name: string, bytes: number): void => log.info(name, { text: "x".repeat(bytes - bare) });
  // 1,023 lines, of one event no more than the 60 that it may have.
  for (let i = 0; i < 1023; i++) write(`name${10 + i % 20}`, 1024);
  assertEquals(lines.length, 1023);
  write("name90", 1025);
  assertEquals(lines.length, 1023);
  write("name90", 1024);
  assertEquals(lines.reduce((sum, { length }) => sum + length + 1, 0), 1024 ** 2);
  write("name90", bare);
  assertEquals(lines.length, 1024);
  clock.advance(59_999);
  write("name90", bare);
  assertEquals(lines.length, 1024);
  clock.advance(1);
  write("name90", bare);
  assertEquals(JSON.parse(lines.at(-1)!).event, "name90");
});

Deno.test("the level binds what the log tells of itself", async () => {
  let isFull = false;
  const lines: string[] = [];
  const output = (line: string): void => {
    if (isFull) throw new Error("full");
    lines.push(line);
  };
  const { log, clock } = rig({ output, level: "error", rateLimit: { lines: 2, interval: 1000 } });
  const events = (): string[][] => lines.splice(0).map(toLevelAndEvent);
  isFull = true;
  log.error("a.b");
  isFull = false;
  log.error("a.c");
  assertEquals(events(), [["error", "a.c"]]);
  // What was lost is told when it may be.
  log.level = "warning";
  log.warning("a.d");
  assertEquals(events(), [["warning", "a.d"], ["warning", "log.lost"]]);

  clock.advance(1000);
  for (let i = 0; i < 5; i++) log.warning("a.b");
  for (let i = 0; i < 5; i++) log.error("a.c");
  lines.length = 0;
  log.level = "error";
  await log.flush();
  // Errors that were left out are as much as errors.
  assertEquals(events(), [["error", "log.suppressed"]]);
  for (let i = 0; i < 5; i++) log.error("a.c");
  log.level = "off";
  await log.flush();
  clock.advance(1000);
  assertEquals(events(), []);
});

function toLevelAndEvent(line: string): string[] {
  const { level, event } = JSON.parse(line);
  return [level, event];
}

Deno.test("what is held back by the level does not count against the rate", () => {
  const { log, lines } = rig({ rateLimit: { lines: 1 } });
  for (let i = 0; i < 10; i++) log.debug("a.b");
  log.info("a.b");
  assertEquals(lines.length, 1);
});

Deno.test("names without end share one count", async () => {
  const { log, lines, last } = rig({ rateLimit: { lines: 1 } });
  for (let i = 0; i < 10_000; i++) log.info(`name${i}`);
  assertEquals(lines.length, 257);
  await log.flush();
  assertEquals([last().suppressed, last().count], ["(other events)", 10_000 - 257]);
});

Deno.test("a log without a rate limit writes everything", () => {
  const { log, lines } = rig({ rateLimit: false });
  for (let i = 0; i < 1000; i++) log.info("a.b");
  assertEquals(lines.length, 1000);
});

Deno.test("nobody can begin a line of his own or command a terminal", () => {
  for (const format of ["ndjson", "text"] as const) {
    const { log, lines } = rig({ format });
    const text = 'a\n{"level":"error"}\r\x1b[2J\x85\u2028\u202e\x9b31m\0end';
    log.info("a.b", { text, ["n\name\u202e"]: 1, list: [text] });
    assertEquals(lines.length, 1);
    assertMatch(lines[0]!, /^[\x20-\x7e]*$/);
    if (format === "ndjson") assertEquals(JSON.parse(lines[0]!).text, text);
  }
});

Deno.test("fields don't take the place of time, level and event", () => {
  const { log, last } = rig();
  log.info("a.b", { time: 1, level: "x", event: "y", other: 2 });
  const { time: _, ...line } = last();
  assertEquals(line, { level: "info", event: "a.b", time_: 1, level_: "x", event_: "y", other: 2 });
});

Deno.test("a line stays short whatever it is given", () => {
  const { log, lines } = rig();
  const loop: Record<string, unknown> = { text: "x".repeat(100_000) };
  loop.self = loop;
  loop.list = Array.from({ length: 1000 }, () => loop);
  loop.tables = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`name${i}`, "y".repeat(10_000)]));
  log.info("a.b", loop);
  assertLess(lines[0]!.length, 20_000);
  JSON.parse(lines[0]!);
});

Deno.test("what has no text takes room, too, however it is nested", () => {
  const { log, lines } = rig({ rateLimit: false });
  const nest = (inner: unknown, depth: number): unknown =>
    depth === 0 ? inner : Array.from({ length: 100 }, () => nest(inner, depth - 1));
  for (const inner of [null, true, 1, "", [], {}, { "": null }]) {
    // Without end, as far as anybody looks: the same array in the place of all others.
    const shared = Array.from({ length: 5 }).reduce<unknown>(
      (value) => Array.from({ length: 100 }, () => value),
      inner,
    );
    for (const fields of [nest(inner, 2), shared]) {
      log.info("a.b", { fields });
      assertLess(lines.pop()!.length, 20_000, JSON.stringify(inner));
    }
  }
});

Deno.test("secrets are left out", () => {
  const { log, lines } = rig();
  const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----";
  log.info("a.b", {
    password: "hunter2",
    nested: { apiKey: "hunter2", tokens: ["hunter2"], Authorization: "Bearer hunter2" },
    text: "server=x; password=hunter2; token: hunter2",
    pem: `before ${pem} after`,
    cut: pem.slice(0, 40),
    bytes: new TextEncoder().encode("hunter2"),
    error: new Error("wrong password=hunter2", { cause: new Error("secret=hunter2") }),
    accessToken: "hunter2",
    "x-api-key": "hunter2",
    json: '{"clientSecret": "hunter2", "user": "me"}',
    quoted: "password={hunter2; hunter2}; passphrase='hunter2 hunter2'; done",
    header: "Authorization: Bearer hunter2hunter2hunter2",
    headers:
      "GET /\r\nProxy-Authorization: Basic hunter2=\r\nauthorization: Digest username=a, response=hunter2\r\nHost: x",
    inJson: '{"authorization": "Basic hunter2 hunter2", "user": "me"}',
    unclosed: 'authorization="Basic hunter2 hunter2',
    psk: "hunter2",
    pskText: "identity=x psk=hunter2",
    tlsPsk: "hunter2",
    key: "hunter2",
    sharedKey: "hunter2",
    address: "https://user:hunter2@host:443/path, tcp://:hunter2@host tcp://a:hunter2@hunter2@host",
  });
  assert(!lines[0]!.includes("hunter2"), lines[0]);
  assert(!lines[0]!.includes("MHcC"), lines[0]);
  assertMatch(lines[0]!, /"bytes":"\[7 bytes\]"/);
  assertMatch(lines[0]!, /before \[redacted\] after/);
  assertMatch(lines[0]!, /done"/);
  // A measurement's key is none.
  log.info("a.b", { key: "PPA:4", keys: ["PPA:4"] });
  assertMatch(lines[1]!, /"key":"PPA:4","keys":\["PPA:4"\]/);
  assertEquals(toLogFields({ key: ["hunter2"], keys: ["PPA:4", "hunter2"] }), {
    key: "[redacted]",
    keys: "[redacted]",
  });
  // What stands beside a secret is shown, and so is an address without one.
  for (
    const shown of [/Host: x"/, /https:\/\/user:\[redacted\]@host:443\/path/, /tcp:\/\/a:\[redacted\]@host"/]
  ) {
    assertMatch(lines[0]!, shown);
  }
  const address = "tcp://host:7165/ [::1]:7165 me@host authorization failed";
  log.info("a.b", { address });
  assertMatch(lines[2]!, /"address":"tcp:\/\/host:7165\/ \[::1\]:7165 me@host authorization failed"/);
});

Deno.test("what is named like a secret is left out, as a field and in texts", () => {
  const { log, lines } = rig({ rateLimit: false });
  const names =
    "pass db_pass password passwords passwd passphrase pwd psk secret client_secret tokens access-token credential " +
    "credentials authorization Proxy-Authorization Cookie Set-Cookie cookies privateKey private_keys secretKey " +
    "apiKey api_key X-Api-Key accessKey cipher-key cipherkeys sharedKey encryptionKey signing_key";
  for (const name of names.split(" ")) {
    const texts = [
      `x ${name}=hunter2`,
      `${name}=hunter2 with hunter2, hunter2 = {hunter2} & hunter2;x`,
      `?x=1&${name}=hunter2 and hunter2&x=2`,
      `${name.toUpperCase()} : hunter2; x`,
      `?x=1&${name}=hunter2&x=2`,
      `{"x": 1, "${name}": "a \\"hunter2 hunter2"}`,
      `{\\"${name}\\": \\"hunter2 hunter2\\"}`,
      `${name}='hunter2 hunter2'`,
      `${name} = {hunter2 hunter2}`,
      `${name}="hunter2 hunter2`,
      `${name}="hunter2 hunter2\\`,
      `${name}=\`hunter2 hunter2\``,
      `Map(1) { "${name}" => "hunter2 hunter2" }`,
      `${name} => hunter2, x`,
      `${name} := hunter2; x`,
      `${name} == "hunter2 hunter2"`,
      `{"${name}": ["hunter2", "a]hunter2\\"hunter2"], "x": 1}`,
      `{"${name}": [\n  "hunter2",\n  "hunter2"\n]}`,
      `{"${name}": {"x": {"y": "a}"}, "z": ["hunter2"]}}`,
      `${name}={x={y;z};hunter2;hunter2}; x`,
      `{\\"${name}\\": \\"a\\\\\\"hunter2\\"}`,
      `{\\"${name}\\": [\\"a]hunter2\\", \\"hunter2\\"]}`,
      `{\\\\\\"${name}\\\\\\": \\\\\\"hunter2 hunter2\\\\\\"}`,
    ];
    for (
      const fields of [
        { [name]: "hunter2" },
        { [name]: { x: ["hunter2"] } },
        { [`${name}=hunter2`]: true },
        ...texts.map((text) => ({ text })),
      ]
    ) {
      log.info("a.b", fields);
      const line = lines.pop()!;
      assert(!line.includes("hunter2") && line.includes("[redacted]"), line);
    }
  }
  for (const name of ["userPass", "DBPass", "oauth2Pass", "userPASS"]) {
    for (
      const fields of [{ [name]: "hunter2" }, { text: `x ${name}=hunter2` }, {
        text: `{"${name}":"hunter2"}`,
      }]
    ) {
      log.info("a.b", fields);
      const line = lines.pop()!;
      assert(!line.includes("hunter2") && line.includes("[redacted]"), line);
    }
  }
  // Not what only looks like such a name.
  for (
    const text of [
      "compass=north",
      "COMPASS=north",
      "bypass: yes",
      "token ring",
      "key=PPA:4",
      "keyless=1",
      "a secretary: b",
    ]
  ) {
    log.info("a.b", { text });
    assert(lines.pop()!.includes(`"text":"${text}"`), text);
  }
});

Deno.test("what looks like a secret in a text is left out by itself, and no more", () => {
  const { log, last } = rig({ rateLimit: false });
  const key = (kind: string): string => `a -----BEGIN ${kind}-----\nMIIhunter2\n-----END ${kind}----- b`;
  const cases = [
    ["a Bearer hunter2 b", "a Bearer [redacted] b"],
    ["bearer\thunter2-._~+/=, b", "bearer\t[redacted], b"],
    ["a=1;Password=correct horse, battery;User=y", "a=1;Password=[redacted];User=y"],
    ["password=a&b c; x", "password=[redacted]; x"],
    ["password=a&b x", "password=[redacted] x"],
    ["?password=correct horse&user=y", "?password=[redacted]&user=y"],
    // Without a semicolon on the line it ends at a space, comma or brace.
    ["password=a b, c\nd; e", "password=[redacted] b, c\nd; e"],
    ["password: a, user: y", "password: [redacted], user: y"],
    ["{password=a}", "{password=[redacted]}"],
    ["password=;user=a b; x", "password=;user=a b; x"],
    ["password=,a }b; x", "password=[redacted]; x"],
    ["password= , x", "password= , x"],
    [`password=a ${"b".repeat(255)}; x`, "password=[redacted]; x"],
    [`password=a ${"b".repeat(256)}; x`, `password=[redacted] ${"b".repeat(256)}; x`],
    // In JSON such a value is a number or the like, and ends as that does.
    ['{"pass": 1, "x": "a & b; c"}', '{"pass": [redacted], "x": "a & b; c"}'],
    ['{"tokens": ["a", "b]"], "x": [1]}', '{"tokens": [redacted], "x": [1]}'],
    ["{ tokens: [ 'a', [ 'b' ] ], x: { y: 1 } }", "{ tokens: [redacted], x: { y: 1 } }"],
    ['{\\"pwd\\":\\"a\\\\\\\\\\",\\"x\\":1}', '{\\"pwd\\":[redacted],\\"x\\":1}'],
    ['{"cookie": "a", "x": "b; c"}', '{"cookie": [redacted], "x": "b; c"}'],
    ['{"set-cookie": [\n"a",\n"b"], "x": 1}', '{"set-cookie": [redacted], "x": 1}'],
    ["authorization => Basic a b\nx", "authorization => [redacted]\nx"],
    ["pwd=a b;pwd=c d;token=e f&g", "pwd=[redacted];pwd=[redacted];token=[redacted]&g"],
    ["Authorization: Basic hunter2 hunter2\r\nHost: x", "Authorization: [redacted]\r\nHost: x"],
    ['authorization: Digest a="x", response="hunter2"\nHost: x', "authorization: [redacted]\nHost: x"],
    ["Cookie: id=hunter2; other=hunter2\r\nHost: x", "Cookie: [redacted]\r\nHost: x"],
    ['Set-Cookie: id="hunter2"; Secure\nHost: x', "Set-Cookie: [redacted]\nHost: x"],
    ["https://user:hunter2@host:443/path", "https://user:[redacted]@host:443/path"],
    ...["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"].map((kind) =>
      [key(kind), "a [redacted] b"] as const
    ),
    [key("PGP PRIVATE KEY BLOCK").slice(0, -40), "a [redacted]"],
    [key("CERTIFICATE"), key("CERTIFICATE")],
  ] as const;
  for (const [text, shown] of cases) {
    log.info("a.b", { text });
    assertEquals(last().text, shown);
  }
});

Deno.test("texts that begin secrets without end are read once, and shown no further", () => {
  const { log, lines } = rig({ rateLimit: false });
  // Read once for each of their beginnings these would take hours.
  for (
    const part of [
      "pwd={ ",
      'pwd=" ',
      "pwd=' ",
      'authorization:" ',
      "://a:b",
      "-----BEGIN PRIVATE KEY-----",
      "bearer ",
      'token=\\\\"',
      'token="\\\\',
      "cookie:",
      "cookie=' ",
      "api_",
      "pwd=x ",
      "pwd=x &",
      "pwd=[ ",
      'pwd=[" ',
      "pwd={} ",
      "pwd=\\",
      "pwd\\",
    ]
  ) {
    log.info("a.b", { text: part.repeat(500_000) });
    assertLess(lines.at(-1)!.length, 5_000);
  }
  assertEquals(lines.length, 19);
  // Longer than what an expression can go back over.
  for (const quote of ['"', "'", "`", "[", "{", ""]) {
    log.info("a.b", { text: `pwd=${quote}${"a".repeat(10_000_000)}` });
    assertMatch(lines.at(-1)!, /"text":"pwd=\[redacted\]"/);
  }
});

Deno.test("values that JSON does not know are texts", () => {
  const { log, last } = rig();
  log.info("a.b", { ticks: 638_700_000_000_000_000n, nan: NaN, symbol: Symbol("s"), f: () => 1 });
  assertEquals(last().ticks, "638700000000000000");
  assertEquals(last().nan, "NaN");
  assertEquals(last().f, undefined);
});

Deno.test("an output that throws is nobody else's trouble, and what it lost is told", () => {
  const lines: string[] = [];
  let works = false;
  const log = new Logger({
    output: (line) => {
      if (!works) throw new Error("full");
      lines.push(line);
    },
  });
  log.info("a.b");
  log.info("a.b");
  works = true;
  log.info("a.c");
  assertEquals(lines.map((line) => JSON.parse(line)).map(({ event, total }) => [event, total]), [
    ["a.c", undefined],
    // Two, and the two lines that would have told of them.
    ["log.lost", 4],
  ]);
});

Deno.test("what an output rejects is lost and told as what it throws is", async () => {
  const events: string[] = [];
  let works = false;
  const log = new Logger({
    output: async (line) => {
      await undefined;
      if (!works) throw new Error("full");
      events.push(JSON.parse(line).event);
    },
  });
  log.info("a.b");
  await new Promise((resolve) => setTimeout(resolve, 0));
  works = true;
  log.info("a.c");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(events, ["a.c", "log.lost"]);
});

Deno.test("without options a log has 60 lines of one event a minute, and 1,000 lines wait", async () => {
  const { log, clock, lines, last } = rig();
  for (let i = 0; i < 100; i++) log.info("flood.rising");
  assertEquals(lines.length, 60);
  clock.advance(59_999);
  assertEquals(lines.length, 60);
  clock.advance(1);
  assertEquals([last().event, last().count], ["log.suppressed", 40]);

  const writer = new LineWriter({ write: ({ length }) => Promise.resolve(length) });
  for (let i = 0; i < 1_001; i++) writer.write("line");
  assertEquals(writer.lost, 1);
  await writer.flush();
});

Deno.test("a slow sink loses lines, counted, and holds nobody up", async () => {
  const written: string[] = [];
  const gate = Promise.withResolvers<void>();
  const writer = new LineWriter({
    async write(bytes): Promise<number> {
      await gate.promise;
      // Takes less than it is given, as sinks may.
      const some = bytes.subarray(0, Math.ceil(bytes.length / 2));
      written.push(new TextDecoder().decode(some));
      return some.length;
    },
  }, 10);
  for (let i = 0; i < 15; i++) writer.write(`line ${i}`);
  assertEquals(writer.lost, 5);
  gate.resolve();
  await writer.flush();
  assertEquals(written.join(""), Array.from({ length: 10 }, (_, i) => `line ${i}\n`).join(""));
  writer.write("after");
  await writer.flush();
  assertEquals(written.join("").endsWith("line 9\nafter\n"), true);
});

Deno.test("a full disk loses lines, counted, and later ones are written", async () => {
  let isFull = true;
  const written: string[] = [];
  const output = new LineWriter({
    write(bytes): Promise<number> {
      if (isFull) return Promise.reject(new Error("No space left on device"));
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  const log = new Logger({ output, format: "text" });
  log.info("a.b");
  log.info("a.b");
  await log.flush();
  assertEquals(output.lost, 2);
  isFull = false;
  log.info("a.c");
  await log.flush();
  assertMatch(written.join(""), /a\.c\n.*log\.lost count=2 total=2\n$/);
});

Deno.test("a sink that takes nothing is not asked for ever", async () => {
  const output = new LineWriter({ write: () => Promise.resolve(0) });
  output.write("lost");
  await output.flush();
  assertEquals(output.lost, 1);
});

Deno.test("wrong options and names are refused", () => {
  assertThrows(
    () => new Logger({ levels: "info" } as LoggerOptions),
    TypeError,
    'the log has no option "levels"',
  );
  assertThrows(() => new Logger({ level: "loud" as "info" }), TypeError, "no log level");
  assertThrows(() => new Logger({ format: "xml" as "text" }), TypeError, "ndjson or text expected");
  assertThrows(() => new Logger({ rateLimit: { lines: 0 } }), RangeError, "rateLimit.lines");
  assertThrows(() => new Logger({ rateLimit: { bytes: 65_535 } }), RangeError, "rateLimit.bytes");
  assertThrows(() => new Logger({ rateLimit: { interval: NaN } }), RangeError, "rateLimit.interval");
  assertThrows(() => new LineWriter(Deno.stderr, 0), RangeError, "capacity");
  assertThrows(() => new Logger().info("Not a name\n"), TypeError, "no event name");
});
