import { assertEquals } from "@std/assert";
import { renderUplot, uplotModule } from "./uplot.ts";

Deno.test("the uPlot that the admin serves is the one from npm", async () => {
  assertEquals(await Deno.readTextFile(uplotModule), renderUplot());
});
