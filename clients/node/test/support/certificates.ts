/** Creates a CA and a server certificate for 127.0.0.1 with the openssl command. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  remove(): Promise<void>;
}

export async function makeCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), "lockwatch-tls-"));
  const [ca, caKey, cert, key] = ["ca.crt", "ca.key", "redis.crt", "redis.key"].map((name) => join(dir, name)) as [string, string, string, string];
  const fresh = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  await run("openssl", ["req", ...fresh, "-subj", "/CN=test authority", "-keyout", caKey, "-out", ca]);
  const issued = ["-CA", ca, "-CAkey", caKey, "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
  await run("openssl", ["req", ...fresh, ...issued, "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert]);
  return { ca, cert, key, remove: () => rm(dir, { recursive: true, force: true }) };
}
