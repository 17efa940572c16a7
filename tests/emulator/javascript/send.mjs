// The official client as its documentation has it. Sends so many rows, with the credential that is named.
import { ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { LogsIngestionClient } from "@azure/monitor-ingestion";

const [kind, count] = process.argv.slice(2);
const { env } = process;
const credential =
  kind === "secret"
    ? new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET, {
        authorityHost: env.AZURE_AUTHORITY_HOST,
        disableInstanceDiscovery: true,
      })
    : new DefaultAzureCredential();
const client = new LogsIngestionClient(env.DATA_COLLECTION_ENDPOINT, credential);
const rows = Array.from({ length: Number(count) }, (_, number) => ({
  TimeGenerated: new Date().toISOString(),
  Level: "INFO",
  Message: `row ${number} ✓ ${"x".repeat(200)}`,
  Properties: { number, half: number / 2 },
  Seq: number,
}));
await client.upload(env.LOGS_DCR_RULE_ID, env.LOGS_DCR_STREAM_NAME, rows);
