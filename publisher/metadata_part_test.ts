import { assertEquals, assertStrictEquals } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import type { CellInput } from "../metadata/data_type.ts";
import { finish } from "../metadata/steps.ts";
import { setOf } from "../metadata/testdata/set_of.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import { partOf } from "./metadata_part.ts";
import { Rig, signalId } from "./testdata/rig.ts";

/** A device of the publisher's own and one that it has from elsewhere, and a measurement that belongs to none. */
const mixed = setOf({
  DeviceDetail: [
    { Acronym: "string", OriginalSource: "string" },
    ["OWN", null],
    ["Remote", "UPSTREAM"],
  ],
  MeasurementDetail: [
    { SignalID: "guid", ID: "string", PointTag: "string", DeviceAcronym: "string", Internal: "boolean" },
    [signalId(0), "A:1", "OWN:F", "OWN", true],
    [signalId(1), "A:2", "REMOTE:F", "REMOTE", false],
    [signalId(2), "A:3", "CALC", null, null],
  ],
  PhasorDetail: [
    { DeviceAcronym: "string", SourceIndex: "int32" },
    ["own", 1],
    ["REMOTE", 1],
    ["NOWHERE", 1],
  ],
  SchemaVersion: [{ VersionNumber: "int32" }, [9]],
});

function namesOf(dataSet: DataSet): unknown[] {
  return [["DeviceDetail", 0], ["MeasurementDetail", 2], ["PhasorDetail", 0], ["SchemaVersion", 0]].map((
    [table, column],
  ) => dataSet.table(table as string)?.columns[column as number]?.values);
}

const internal = [["OWN"], ["OWN:F", "CALC"], ["own", "NOWHERE"], [9]];
const external = [["Remote"], ["REMOTE:F"], ["REMOTE", "NOWHERE"], [9]];

Deno.test("what is internal and what is external; who does not say is the publisher's own", () => {
  assertStrictEquals(finish(partOf(mixed, "all")), mixed);
  assertEquals(namesOf(finish(partOf(mixed, "internal"))), internal);
  assertEquals(namesOf(finish(partOf(mixed, "external"))), external);
});

Deno.test("tables without the columns that tell stay whole", () => {
  const plain = setOf({
    DeviceDetail: [{ Acronym: "string" }, ["A"]],
    MeasurementDetail: [{ SignalID: "guid" }, [signalId(0)]],
    PhasorDetail: [{ DeviceAcronym: "string" }, ["A"]],
  });
  for (const part of ["internal", "external"] as const) {
    assertEquals(finish(partOf(plain, part)).tables.map(({ rowCount }) => rowCount), [1, 1, 1]);
  }
});

Deno.test("two devices of one name: its phasors stay as long as one of them does", () => {
  const twins = setOf({
    DeviceDetail: [{ Acronym: "string", OriginalSource: "string" }, ["A", null], ["a", "ELSEWHERE"]],
    PhasorDetail: [{ DeviceAcronym: "string" }, ["A"]],
  });
  for (const part of ["internal", "external"] as const) {
    assertEquals(finish(partOf(twins, part)).tables.map(({ rowCount }) => rowCount), [1, 1]);
  }
});

Deno.test("what it takes to list rows is told on the way", () => {
  const ROWS = 10_000;
  const rows = Array.from({ length: ROWS }, (): CellInput[] => [true]);
  const steps = partOf(setOf({ MeasurementDetail: [{ Internal: "boolean" }, ...rows] }), "internal");
  let bytes = 0;
  for (let step = steps.next(); !step.done; step = steps.next()) bytes += step.value ?? 0;
  assertEquals(bytes > 7 * ROWS, true, `${bytes} bytes`);
});

Deno.test("MetadataRefresh: the part that the modes ask for, to which filters are applied", async () => {
  await using rig = await Rig.start();
  rig.publisher.defineMetadata(mixed);
  const ask = async (modes: Partial<OperationalModes>, filter = ""): Promise<DataSet> => {
    const peer = await rig.agree({ compressMetadata: false, ...modes });
    await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8"));
    return await DataSet.fromXml(await peer.expect(Response.Succeeded, Command.MetadataRefresh));
  };
  const [neither, both] = [false, true].map((asked) => ({
    receiveInternalMetadata: asked,
    receiveExternalMetadata: asked,
  }));
  const onlyInternal = { receiveInternalMetadata: true, receiveExternalMetadata: false };
  const onlyExternal = { receiveInternalMetadata: false, receiveExternalMetadata: true };
  const whole = namesOf(mixed);
  assertEquals(namesOf(await ask(neither!)), whole);
  assertEquals(namesOf(await ask(both!)), whole);
  assertEquals(namesOf(await ask(onlyInternal)), internal);
  assertEquals(namesOf(await ask(onlyExternal)), external);
  const tagged = await ask(onlyInternal, "FILTER TOP 1 MeasurementDetail WHERE True ORDER BY PointTag");
  assertEquals(tagged.table("MeasurementDetail")?.columns[2]?.values, ["CALC"]);
});
