/**
 * Tables of text, cut into blocks of columns so that no line is wider than the terminal.
 */
export interface TableCell {
  readonly text: string;
  /** Colours the padded text. */
  readonly paint?: (text: string) => string;
}

export interface Table {
  /** One name for each column but the first. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly TableCell[] }[];
}

const GAP = '  ';

/** Lines of the table. Each block repeats the names of the rows; a column that is too wide alone is not cut. */
export function tableLines({ columns, rows }: Table, width: number): readonly string[] {
  const nameWidth = Math.max(0, ...rows.map(({ name }) => name.length));
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map(({ cells }) => cells[i]?.text.length ?? 0)),
  );
  const lines: string[] = [];
  for (const block of blocksOf(widths, width - nameWidth)) {
    if (lines.length > 0) lines.push('');
    const line = (name: string, cell: (column: number) => TableCell): string => {
      const parts = block.map((column) => {
        const { text, paint = (plain: string) => plain } = cell(column);
        return GAP + paint(text) + ' '.repeat((widths[column] as number) - text.length);
      });
      return (name.padEnd(nameWidth) + parts.join('')).trimEnd();
    };
    lines.push(line('', (column) => ({ text: columns[column] ?? '' })));
    lines.push(line('-'.repeat(nameWidth), (column) => ({ text: '-'.repeat(widths[column] ?? 0) })));
    for (const { name, cells } of rows) lines.push(line(name, (column) => cells[column] ?? { text: '' }));
  }
  return lines;
}

/** Columns by number, as many in each block as fit. */
function blocksOf(widths: readonly number[], room: number): readonly (readonly number[])[] {
  const blocks: number[][] = [];
  let left = 0;
  widths.forEach((width, column) => {
    const needed = width + GAP.length;
    const block = blocks.at(-1);
    if (block !== undefined && needed <= left) {
      block.push(column);
      left -= needed;
    } else {
      blocks.push([column]);
      left = room - needed;
    }
  });
  return blocks;
}
