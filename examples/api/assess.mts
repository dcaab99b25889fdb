// The risks of a chart, in TypeScript without packages. TOKEN: an access token, where the server asks for one.
//   node assess.mts [BASE] [CHART]      Node 22.18 and later
//   npx tsx assess.mts [BASE] [CHART]   Node before that
import { readFile } from "node:fs/promises";

interface Extension {
  url: string;
  valueCode?: string;
  valueDecimal?: number;
}

interface Prediction {
  outcome: { text: string };
  whenPeriod: { start: string; end: string };
  /** In percent; absent where the model stays silent. */
  probabilityDecimal?: number;
  extension: Extension[];
}

interface RiskAssessment {
  resourceType: "RiskAssessment";
  prediction: Prediction[];
  basis?: { reference: string; display: string }[];
}

interface Bundle {
  entry: { resource: RiskAssessment | { resourceType: "Device" | "Provenance" } }[];
}

const ABSTAINED = "https://prodrome.org/fhir/StructureDefinition/abstained";

async function assess(base: string, chart: unknown, asOf: string): Promise<RiskAssessment[]> {
  const token = process.env["TOKEN"];
  const answer = await fetch(`${base}/fhir/$assess-risk`, {
    method: "POST",
    headers: {
      "Content-Type": "application/fhir+json",
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({
      resourceType: "Parameters",
      parameter: [
        { name: "as-of", valueDate: asOf },
        { name: "chart", resource: chart },
      ],
    }),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  const bundle = (await answer.json()) as Bundle;
  return bundle.entry
    .map((entry) => entry.resource)
    .filter((resource): resource is RiskAssessment => resource.resourceType === "RiskAssessment");
}

const [base = "http://127.0.0.1:8080", file = new URL("chart.json", import.meta.url)] = process.argv.slice(2);
const chart: unknown = JSON.parse(await readFile(file, "utf8"));
for (const assessment of await assess(base, chart, "2019-12-31")) {
  for (const prediction of assessment.prediction) {
    const silence = prediction.extension.find((one) => one.url === ABSTAINED)?.valueCode;
    const risk = silence === undefined ? `${prediction.probabilityDecimal?.toFixed(1)} %` : `silent: ${silence}`;
    console.log(`${prediction.outcome.text}, until ${prediction.whenPeriod.end.slice(0, 10)}: ${risk}`);
  }
}
