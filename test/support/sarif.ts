/**
 * The rules of SARIF 2.1.0 (OASIS, with its JSON schema) for the parts of it that quiesce writes: which properties an
 * object may have and must have, and what refers to what.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

type Check = (value: Json, path: string) => void;

/** Throws, with the path, for the first rule that is broken. */
export function checkSarif(document: Json): void {
  object(
    { version: is('2.1.0'), runs: list(run, 0) },
    { $schema: is('https://json.schemastore.org/sarif-2.1.0.json') },
  )(document, '');
}

const text: Check = (value, path) => demand(typeof value === 'string', path, 'a text');
const natural: Check = (value, path) =>
  demand(Number.isInteger(value) && Number(value) >= 1, path, 'an integer from 1');
const index: Check = (value, path) => demand(Number.isInteger(value) && Number(value) >= 0, path, 'an index');
const uri: Check = (value, path) =>
  demand(typeof value === 'string' && /^(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+$/.test(value), path, 'a URI');
const level = oneOf('none', 'note', 'warning', 'error');
const plain = object({ text }, {});
/** Section 3.11.5: braces stand for placeholders unless doubled; 3.11.6: brackets are links unless escaped. */
const message = object({ text: both(text, unlinked) }, {});

function unlinked(value: Json, path: string): void {
  const rest = String(value).replace(/\\[\\[\]]|\{\{|\}\}/g, '');
  demand(!/[\\[\]{}]/.test(rest), path, 'no link and no placeholder');
}

const artifact = object({ uri }, { uriBaseId: oneOf('SRCROOT') });
const physical = object({ artifactLocation: artifact, region: object({ startLine: natural }, {}) }, {});
const logical = object({ fullyQualifiedName: text }, {});
const location = object({}, { physicalLocation: physical, logicalLocations: list(logical, 1), message });
const flowLocation = object({ location, executionOrder: natural }, { importance: oneOf('essential') });
const threadFlow = object({ locations: list(flowLocation, 1) }, {});
const codeFlow = object({ threadFlows: list(threadFlow, 1) }, {});
const result = object(
  { ruleId: text, ruleIndex: index, level, message, locations: list(location, 1) },
  { codeFlows: list(codeFlow, 1), partialFingerprints: object({ 'quiesceFailure/v1': text }, {}) },
);
const rule = object({ id: text, shortDescription: plain }, { defaultConfiguration: object({ level }, {}) });
const driver = object({ name: text }, { semanticVersion: text, rules: list(rule, 0) });
const base = object({ SRCROOT: object({ uri: both(uri, folder) }, {}) }, {});
const run = both(
  object(
    { tool: object({ driver }, {}), results: list(result, 0) },
    { columnKind: oneOf('utf16CodeUnits'), originalUriBaseIds: base },
  ),
  rulesAgree,
);

/** Section 3.14.14: the address of a base is absolute and ends in a slash. */
function folder(value: Json, path: string): void {
  demand(/^file:\/\/\/.*\/$/.test(String(value)), path, 'the address of a folder');
}

/** Section 3.27.6: a rule's index is where its name stands, and no two rules have one name. */
function rulesAgree(value: Json, path: string): void {
  const { tool, results } = value as {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number }[];
  };
  const ids = tool.driver.rules.map(({ id }) => id);
  demand(new Set(ids).size === ids.length, path, 'rules with names of their own');
  for (const { ruleId, ruleIndex } of results) demand(ids[ruleIndex] === ruleId, path, `rule ${ruleId} at its index`);
}

function object(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    demand(typeof value === 'object' && value !== null && !Array.isArray(value), path, 'an object');
    const fields = new Map(Object.entries(value as Record<string, Json>));
    for (const name of Object.keys(required)) demand(fields.has(name), path, `property ${name}`);
    for (const [name, field] of fields) {
      const check = Object.hasOwn(required, name)
        ? required[name]
        : Object.hasOwn(optional, name)
          ? optional[name]
          : null;
      if (check === null || check === undefined) demand(false, `${path}/${name}`, 'no such property');
      else check(field, `${path}/${name}`);
    }
  };
}

function list(check: Check, least: number): Check {
  return (value, path) => {
    demand(Array.isArray(value) && value.length >= least, path, `a list of at least ${least}`);
    (value as readonly Json[]).forEach((entry, at) => {
      check(entry, `${path}/${at}`);
    });
  };
}

function oneOf(...values: readonly string[]): Check {
  return (value, path) => demand(values.includes(String(value)), path, values.join(' or '));
}

function is(wanted: string): Check {
  return oneOf(wanted);
}

function both(first: Check, second: Check): Check {
  return (value, path) => {
    first(value, path);
    second(value, path);
  };
}

function demand(holds: boolean, path: string, wanted: string): void {
  if (!holds) throw new Error(`${path}: expected ${wanted}`);
}
