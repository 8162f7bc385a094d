import { assertEquals } from "@std/assert";
import { auditVerdict, isAllowed } from "./dependencies.ts";

Deno.test("vulnerabilities are an error; that nobody answers about them is one where it is required", () => {
  const none = { success: true, text: "No known vulnerabilities found\n" };
  assertEquals(auditVerdict(none, true), { text: "No known vulnerabilities found", isError: false });

  const low = { success: false, text: "Found 1 vulnerabilities\nSeverity: 1 low, 0 moderate" };
  assertEquals(auditVerdict(low, false), { text: low.text, isError: true });
  assertEquals(auditVerdict({ ...low, success: true }, false).isError, true);

  const unreached = {
    success: false,
    text: "error: error sending request\n\nCaused by:\n    0: client error",
  };
  for (const isRequired of [false, true]) {
    assertEquals(auditVerdict(unreached, isRequired), {
      text:
        "NOT CHECKED for known vulnerabilities, as the registry does not answer: error: error sending request",
      isError: isRequired,
    });
  }
  // Nor is silence an answer.
  assertEquals(auditVerdict({ success: true, text: "" }, true).isError, true);
});

Deno.test("a choice of licences needs one that goes with ours, several at once all; what is neither is not guessed", () => {
  for (const licence of ["MIT", "(MIT OR GPL-3.0)", "MIT AND Zlib OR ISC", "MIT AND ISC", "GPL-3.0"]) {
    assertEquals(isAllowed(licence), ["MIT", "(MIT OR GPL-3.0)", "MIT AND ISC"].includes(licence), licence);
  }
  assertEquals(isAllowed("(MIT OR ISC) AND GPL-3.0"), false);
  assertEquals(isAllowed("MIT AND GPL-3.0"), false);
});
