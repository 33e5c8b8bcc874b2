// Reads a JSON list of custom resources from stdin and prints one line for each field that their definitions refuse.
//
// The packages ship compiled validators, not schemas, and these let unknown fields pass. Kubernetes would drop such a
// field, so a typo would be silent: a field that no validator reads is reported too.
import { text } from "node:stream/consumers";

const PACKAGES = {
  "gateway.networking.k8s.io": "gateway-api",
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
};
const TOP = new Set(["apiVersion", "kind", "metadata", "spec"]);

function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const copy = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value)) {
    const place = `${path}/${key}`;
    copy[key] = watched(child, place, unread);
    if (!Array.isArray(value)) unread.add(place);
  }
  return new Proxy(copy, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

async function faults(resource) {
  const group = resource.apiVersion.split("/")[0];
  const name = `${resource.kind}/${resource.metadata?.name}`;
  if (!(group in PACKAGES)) return [`${name}: no definition of ${resource.apiVersion} at hand`];
  const module = await import(`@kubernetes-models/${PACKAGES[group]}/${resource.apiVersion}/${resource.kind}`);
  const unread = new Set();
  const model = new module[resource.kind]({ metadata: resource.metadata });
  model.spec = watched(resource.spec, "spec", unread); // the constructor would read every field to copy it
  try {
    model.validate();
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
  const foreign = Object.keys(resource).filter((key) => !TOP.has(key));
  return [...foreign, ...unread].map((place) => `${name}: unknown field ${place}`);
}

for (const resource of JSON.parse(await text(process.stdin))) {
  for (const fault of await faults(resource)) console.log(fault);
}
