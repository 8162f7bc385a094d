/**
 * Chromium for tests: what is installed, else Debian's, which is installed where that can be.
 *
 * @module
 */
import { type Browser, chromium } from "playwright-core";
import { ensureProgram } from "../support/debian.ts";

const programs = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Starts Chromium. @throws {Error} When there is none and none can be installed. */
export async function launch(): Promise<Browser> {
  const executablePath = await ensureProgram(programs, ["chromium", "fonts-inter"]);
  // As root it has no sandbox; what it shows here is our own.
  return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}
