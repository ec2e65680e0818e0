/**
 * The direction of imports, and what keeps a layer fit for a browser and for replay. A pure function over source text,
 * so that it can be tried on made-up sources.
 *
 * Not found: a forbidden name reached under another one (`const { random } = Math`), and one right before a colon,
 * which is taken for the name of a property.
 */
import { blank, importsOf, lineAt, resolveImport, type SourceFile } from './source.js';

/** For each layer the layers it may import, itself aside. Null: any. */
const ARROWS: Readonly<Record<string, readonly string[] | null>> = {
  protocol: [],
  platform: ['protocol'],
  hypervisor: ['protocol'],
  'xenstore-sim': ['protocol', 'platform'],
  frontend: ['protocol', 'hypervisor', 'xenstore-sim'],
  backend: ['protocol', 'hypervisor', 'xenstore-sim'],
  simulator: ['protocol', 'hypervisor', 'xenstore-sim', 'frontend', 'backend'],
  live: ['protocol', 'platform', 'hypervisor', 'xenstore-sim', 'frontend', 'backend'],
  scenarios: ['protocol', 'hypervisor', 'xenstore-sim', 'frontend', 'backend', 'simulator', 'live'],
  library: ['protocol', 'platform', 'hypervisor', 'xenstore-sim', 'frontend', 'backend', 'simulator', 'scenarios'],
  campaign: [
    'protocol',
    'platform',
    'hypervisor',
    'xenstore-sim',
    'frontend',
    'backend',
    'simulator',
    'scenarios',
    'library',
  ],
  examples: [],
  viewer: null,
  cli: null,
  bench: null,
  test: null,
};

/** Layers that run in a browser and give the same run for the same choices. */
const PURE: readonly string[] = ['protocol', 'hypervisor', 'xenstore-sim', 'frontend', 'backend', 'simulator'];

/**
 * What talks to the world: system calls, and folders inside pure layers with sockets and timers. What is pure must not
 * import them.
 */
const EFFECTS: readonly string[] = ['platform', 'xenstore-sim/client', 'xenstore-sim/server'];

/** Packages the pure layers may use: no clock, no files, no chance. */
const PURE_PACKAGES: readonly string[] = ['@noble/hashes', 'eventemitter3'];

/** Names whose value depends on where or when the program runs. A property of that name (`ring.process`) is another thing. */
const IMPURE =
  /(?<![.\w$#])(?:Math\s*\.\s*random|(?:Date|performance|setTimeout|setInterval|setImmediate|process|Buffer|globalThis)\b(?!\s*\??:))/g;

/** Every breach in `sources`, as `path:line: what is wrong`. */
export function layerBreaches(sources: readonly SourceFile[]): string[] {
  return sources.flatMap((file) => {
    const layer = layerOf(file.path);
    if (!(layer in ARROWS)) return [`${file.path}: ${layer} is not a layer`];
    return [...importBreaches(file, layer), ...(isPure(file.path) ? impureNames(file) : [])];
  });
}

function hasEffects(path: string): boolean {
  return EFFECTS.some((folder) => path.startsWith(`${folder}/`));
}

function isPure(path: string): boolean {
  return PURE.includes(layerOf(path)) && !hasEffects(path);
}

function layerOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function importBreaches(file: SourceFile, layer: string): string[] {
  const allowed = ARROWS[layer] ?? null;
  const breaches: string[] = [];
  for (const specifier of importsOf(blank(file.text))) {
    const target = resolveImport(file.path, specifier);
    if (specifier.startsWith('.')) {
      const other = layerOf(target);
      if (!(other in ARROWS)) breaches.push(`${file.path}: ${specifier} is in no layer`);
      else if (allowed !== null && other !== layer && !allowed.includes(other)) {
        breaches.push(`${file.path}: ${layer} must not import ${other} (${specifier})`);
      } else if (isPure(file.path) && hasEffects(target)) {
        breaches.push(`${file.path}: what is pure must not import ${specifier}`);
      }
    } else if (isPure(file.path) && !isPurePackage(layer, specifier)) {
      breaches.push(`${file.path}: ${layer} must not import ${specifier}`);
    }
  }
  return breaches;
}

/** `protocol` imports nothing at all, packages included. */
function isPurePackage(layer: string, specifier: string): boolean {
  return layer !== 'protocol' && PURE_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}

function impureNames(file: SourceFile): string[] {
  const { code } = blank(file.text);
  return [...code.matchAll(IMPURE)].map(
    (hit) => `${file.path}:${lineAt(code, hit.index)}: ${hit[0]} is not for this layer`,
  );
}
