/**
 * A strict reader of the XML that reports are written in: elements, attributes, text, the five entities and numeric
 * references. It refuses what a conforming parser must refuse (XML 1.0, fifth edition), and has no doctypes, comments or
 * CDATA, which reports do not use.
 */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
/** Characters that XML 1.0 allows (production 2). */
const LEGAL = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Throws for what is not well-formed. */
export function parseXml(document: string): XmlElement {
  if (!document.startsWith(DECLARATION)) throw new Error('expected the declaration');
  if (!LEGAL.test(document)) throw new Error('a character that XML does not allow');
  const reader = new Reader(document.slice(DECLARATION.length));
  const root = reader.element();
  if (reader.rest.trim() !== '') throw new Error(`after the root: ${reader.rest}`);
  return root;
}

class Reader {
  rest: string;

  constructor(text: string) {
    this.rest = text;
  }

  element(): XmlElement {
    const [, name = ''] = this.#take(/^<([A-Za-z][\w.-]*)/);
    const attributes = new Map<string, string>();
    while (/^\s+[A-Za-z]/.test(this.rest)) {
      const [, key = '', value = ''] = this.#take(/^\s+([A-Za-z][\w.-]*)="([^"<]*)"/);
      if (attributes.has(key)) throw new Error(`attribute ${key} twice`);
      // A line end or tab that stands there as itself would be read as a blank (section 3.3.3).
      if (/[\t\n\r]/.test(value)) throw new Error(`attribute ${key} loses its white space`);
      attributes.set(key, decoded(value));
    }
    const [end] = this.#take(/^\s*\/?>/);
    if (end.endsWith('/>')) return { name, attributes, children: [], text: '' };
    const children: XmlElement[] = [];
    let text = '';
    while (!this.rest.startsWith('</')) {
      if (this.rest.startsWith('<')) children.push(this.element());
      else text += decoded(this.#take(/^[^<]+/)[0]);
    }
    this.#take(new RegExp(`^</${name}\\s*>`));
    return { name, attributes, children, text };
  }

  #take(pattern: RegExp): RegExpExecArray {
    const found = pattern.exec(this.rest);
    if (found === null) throw new Error(`expected ${pattern}, found ${this.rest.slice(0, 40)}`);
    this.rest = this.rest.slice(found[0].length);
    return found;
  }
}

function decoded(text: string): string {
  if (text.includes(']]>')) throw new Error(']]> in text');
  return text.replace(/&(?:#(\d+)|(\w+));|&/g, (whole, number?: string, name?: string) => {
    const found = number !== undefined ? String.fromCodePoint(Number(number)) : NAMED[name ?? ''];
    if (found === undefined) throw new Error(`unknown entity ${whole}`);
    return found;
  });
}
