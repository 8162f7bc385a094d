/**
 * Metadata documents that we write, read by sttpapi.
 *
 * @module
 */
import { DataSet } from "../../metadata/mod.ts";
import { filePath } from "./partners.ts";
import { METADATA, type Scenario, scenario } from "./scenario.ts";

/** The one scenario about documents. */
export const metadataDocuments: Scenario[] = [
  scenario("metadata: sttpapi reads what we write as it reads what we have read", async (stage) => {
    const second = stage.file();
    const dataSet = await DataSet.fromXml(await Deno.readTextFile(METADATA));
    await Deno.writeTextFile(second, dataSet.toXml());
    await using program = stage.python("compare_metadata.py", { first: filePath(METADATA), second });
    await program.ended;
    const differences = program.taken("difference");
    if (differences.length > 0) throw new Error(differences.map(({ text }) => text).join("\n"));
    const { tables, rows, cells } = await program.next("compared");
    return `${tables} tables, ${rows} rows, ${cells} values and their types equal`;
  }),
];
