import { assert, assertEquals, assertMatch } from "@std/assert";
import { DataSet } from "@sttp/sttp/metadata";
import { Grid } from "@sttp/sttp/grid";

const here = new URL(".", import.meta.url);
const root = new URL("..", here);

/** A running example, started by the very command that its first comment names, and what it printed so far. */
class Example implements AsyncDisposable {
  output = "";
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<unknown>;
  #wake: () => void = () => {};

  constructor(name: string, argument: string) {
    const text = Deno.readTextFileSync(new URL(name, here));
    const line = /^\/\/ {3}deno (run .*?) \[/m.exec(text)?.[1];
    assert(line !== undefined, `${name} does not say how to run it`);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...line.replace("run", "run --quiet --no-prompt").split(" "), argument],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#done = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      this.#wake();
    }
  }

  /** Waits until the output matches. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    this.#done.then(() => {
      ended = true;
      this.#wake();
    });
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (ended) throw new Error(`it ended without printing ${pattern}. It said:\n${this.output}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Presses Enter. */
  async enter(): Promise<void> {
    await this.#input.write(new Uint8Array([10]));
  }

  /** Waits for the end. @returns The exit code. */
  async ends(signal?: Deno.Signal): Promise<number> {
    if (signal !== undefined) this.#child.kill(signal);
    await this.#done;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#done;
    await this.#child.status;
    await this.#input.close().catch(() => {});
  }
}

Deno.test("The examples run, with each other, by the commands that they name", async () => {
  await using publisher = new Example("simple_publish.ts", "0");
  const [, count, port] = await publisher.prints(/Publishing (\d+) signals on .*:(\d+)\. /);
  assertEquals(count, "40");

  await using simple = new Example("simple_subscribe.ts", `localhost:${port}`);
  await using advanced = new Example("advanced_subscribe.ts", `localhost:${port}`);
  await using grouped = new Example("grouped_subscribe.ts", `localhost:${port}`);

  await grouped.prints(
    /^Frame 1, \d{4}-.*Z: 4 of 4 signals,\n {4}average frequency (59|60)\.\d{4} Hz; dropped so far: 0 late, 0 early$/m,
  );
  await simple.prints(
    /^[\d,]+ measurements received so far\. Current measurement:\n {4}[-0-9a-f]{36} @ [\d:]+\.\d{3} = [-\d.]+ \(Normal\)\n/m,
  );
  await advanced.prints(/^Metadata: .*\b40 MeasurementDetail/m);
  await advanced.prints(/ [A-Z]+_[A-Z]+_1:FREQ = (59|60)\.\d{3} \(Normal\)/);
  await advanced.prints(/ [A-Z]+_[A-Z]+_1:VPHM1 = 0\.\d{3} \(Normal\)/);
  assertEquals(advanced.output.match(/with 4 signals/g)?.length, 2);

  await simple.enter();
  assertEquals(await simple.ends(), 0, simple.output);
  if (Deno.build.os !== "windows") {
    assertEquals(await advanced.ends("SIGINT"), 0, advanced.output);
    assertMatch(advanced.output, /closed\n$/);
  }
  await publisher.enter();
  assertEquals(await publisher.ends(), 0, publisher.output);
});

Deno.test("An example that finds no publisher says so in a sentence", async () => {
  for (const name of ["simple_subscribe.ts", "advanced_subscribe.ts", "grouped_subscribe.ts"]) {
    await using example = new Example(name, "127.0.0.1:1");
    assertEquals(await example.ends(), 1, name);
    assertMatch(example.output, /^no connection to 127\.0\.0\.1:1: /m);
    assert(!example.output.includes("Error"), example.output);
  }
});

Deno.test("Metadata.xml is what the synthetic grid of four devices makes", async () => {
  const xml = await Deno.readTextFile(new URL("Metadata.xml", here));
  const grid = await Grid.create({ devices: 4 });
  assertEquals(xml.trimEnd(), grid.metadata().toXml().trimEnd());
  assertEquals((await DataSet.fromXml(xml)).table("MeasurementDetail")?.rowCount, 40);
});
