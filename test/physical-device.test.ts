import fc from 'fast-check';
import t from 'tap';
import {
  DISKSEQ_MAX,
  formatDeviceNumber,
  formatDiskSequence,
  formatTaggedDevice,
  MAJOR_MAX,
  MINOR_MAX,
  type Parsed,
  parseBootId,
  parseDiskSequence,
  parsePhysicalDevice,
  parseTaggedDevice,
  refusalText,
  scanPhysicalDevice,
} from '../protocol/physical-device.js';

const loop3 = { major: 7, minor: 3 };

/** The value, or the code and errno of the refusal. */
function outcome<T>(parsed: Parsed<T>): T | string {
  return parsed.ok ? parsed.value : `${parsed.refusal.code} ${parsed.refusal.errno}`;
}

/** What mainline opens, as text. */
function scanned(text: string): string {
  const scan = scanPhysicalDevice(text);
  return scan.outcome === 'device' ? formatDeviceNumber(scan.device) : scan.outcome;
}

t.test('numbers are written in hexadecimal without padding', async (t) => {
  t.equal(formatDeviceNumber(loop3), '7:3');
  t.equal(formatDeviceNumber({ major: 253, minor: 26 }), 'fd:1a');
  t.equal(formatDiskSequence(0x1fn), '1f');
  t.equal(formatDiskSequence(DISKSEQ_MAX), 'ffffffffffffffff');
  t.equal(formatTaggedDevice({ device: loop3, diskseq: 0x1fn }), '1f@7:3');
  t.equal(formatTaggedDevice({ device: loop3, diskseq: null }), '7:3');
});

t.test('race 16: mainline takes 0:0 but cannot remember it; the strict reader refuses it', async (t) => {
  t.match(scanPhysicalDevice('0:0'), { outcome: 'device', scanned: { major: 0, minor: 0 } });
  t.equal(outcome(parsePhysicalDevice('0:0')), 'zero EINVAL');
  t.strictSame(outcome(parsePhysicalDevice('0:1')), { major: 0, minor: 1 });
});

t.test('race 17: mainline passes over junk, fails on one number, and ignores what has none', async (t) => {
  t.equal(scanned('7:3xyz'), '7:3');
  t.equal(scanned('7:3:9'), '7:3');
  t.equal(scanned(' 7: 3'), '7:3');
  t.equal(scanned('\xa07:\t\n3'), '7:3', 'the no-break space of Latin-1 is white space to the kernel');
  t.equal(scanned('0x7:0X3'), '7:3');
  t.equal(scanned('0007:03'), '7:3');
  t.equal(scanned('0x:3'), '0:3', 'a prefix alone is a number');
  t.equal(scanned('7:3\x004'), '7:3', 'NUL ends it');
  for (const text of ['7', '7:', '7 :3', '7;3', '7:g', '7:-3', '12@7:3', '7\x00:3'])
    t.equal(scanned(text), 'refused', text);
  for (const text of ['', ' ', 'g', ':3', '-7:3', '+7:3', '\x007:3']) t.equal(scanned(text), 'ignored', text);
});

t.test('race 17: mainline keeps the low bits of a number that is too large, and opens another device', async (t) => {
  t.match(scanPhysicalDevice('100000007:3'), { device: loop3, scanned: loop3 });
  t.match(scanPhysicalDevice('1007:3'), { device: loop3, scanned: { major: 0x1007, minor: 3 } }, 'a major has 12 bits');
  t.match(scanPhysicalDevice('0:700003'), { device: loop3, scanned: { major: 0, minor: 0x700003 } }, 'a minor has 20');
  t.match(scanPhysicalDevice('f0000007:3'), { device: loop3, scanned: { major: 0xf0000007, minor: 3 } });
  t.equal(scanned('7:700003'), '7:3', 'bits that are both set are not added');
  t.equal(scanned(`${'f'.repeat(100)}0007:3`), '7:3');
});

t.test('race 17: the strict reader refuses all of them', async (t) => {
  t.equal(outcome(parsePhysicalDevice('')), 'empty EINVAL');
  for (const text of ['7', '7:', 'fd']) t.equal(outcome(parsePhysicalDevice(text)), 'one-number EINVAL', text);
  for (const text of ['7:3xyz', ' 7:3', '7: 3', '7:3\n', '0x7:3', '7:-3', ':3', '1f@7:3', '7:3:9', '7:3\0', 'g:1']) {
    t.equal(outcome(parsePhysicalDevice(text)), 'junk EINVAL', JSON.stringify(text));
  }
  for (const text of ['07:3', '7:03', '00:1']) t.equal(outcome(parsePhysicalDevice(text)), 'leading-zero EINVAL', text);
  for (const text of ['1000:0', '0:100000', '100000007:3', '0:700003', `1${'0'.repeat(400)}:1`]) {
    t.equal(outcome(parsePhysicalDevice(text)), 'out-of-range ERANGE', text);
  }
  t.strictSame(outcome(parsePhysicalDevice('fff:fffff')), { major: MAJOR_MAX, minor: MINOR_MAX });
  t.strictSame(outcome(parsePhysicalDevice('FD:1A')), { major: 0xfd, minor: 0x1a });
});

t.test('race 17: no reader can tell decimal from hexadecimal', async (t) => {
  const meant = { major: 253, minor: 10 };
  const taken = { major: 0x253, minor: 0x10 };
  t.strictSame(outcome(parsePhysicalDevice('253:10')), taken);
  t.match(outcome(parseTaggedDevice('253:10')), { device: taken });
  t.equal(scanned('253:10'), '253:10');
  t.equal(formatDeviceNumber(meant), 'fd:a');
});

t.test(
  'race 18: a sequence number has 1 to 16 digits and no zero before them; the errors are those of the patch',
  async (t) => {
    t.equal(outcome(parseDiskSequence('')), 'empty EFAULT');
    t.equal(outcome(parseDiskSequence('12345678123456781')), 'too-long ERANGE');
    t.equal(outcome(parseDiskSequence('01')), 'leading-zero ERANGE');
    t.equal(outcome(parseDiskSequence('0')), 'zero ERANGE');
    t.equal(outcome(parseDiskSequence('0x1f')), 'leading-zero ERANGE');
    t.equal(outcome(parseDiskSequence('g')), 'junk EINVAL');
    for (const text of ['1 ', ' 1', '1\n', '-1', '1\0', '1f@7:3']) {
      t.equal(outcome(parseDiskSequence(text)), 'junk EINVAL', JSON.stringify(text));
    }
    t.equal(outcome(parseDiskSequence('1F')), 0x1fn, 'upper case is taken');
    t.equal(outcome(parseDiskSequence('f'.repeat(16))), DISKSEQ_MAX);
  },
);

t.test('the proposal of January 2023: one node for both, bounded fields, no white space', async (t) => {
  t.strictSame(outcome(parseTaggedDevice('1f@7:3')), { device: loop3, diskseq: 0x1fn });
  t.strictSame(outcome(parseTaggedDevice('7:3')), { device: loop3, diskseq: null }, 'the old form');
  t.strictSame(outcome(parseTaggedDevice('0x1F@0x7:03')), { device: loop3, diskseq: 0x1fn }, 'as %x reads');
  t.strictSame(outcome(parseTaggedDevice('ffffffffffffffff@0:1')), {
    device: { major: 0, minor: 1 },
    diskseq: DISKSEQ_MAX,
  });
  t.strictSame(outcome(parseTaggedDevice('1@00000007:00000003')), { device: loop3, diskseq: 1n });
  t.strictSame(outcome(parseTaggedDevice('1@0:700003')), { device: loop3, diskseq: 1n }, 'a minor still runs over');
  for (const text of ['0@7:3', '0000@7:3', '0x@7:3']) t.equal(outcome(parseTaggedDevice(text)), 'zero EINVAL', text);
  for (const text of [' 1@7:3', '1@7:3\n', '1@7:\x7f', '1@7:3\0', '1@7:3\xa0']) {
    t.equal(outcome(parseTaggedDevice(text)), 'bad-byte EINVAL', JSON.stringify(text));
  }
  const tooLong = ['10000000000000000@7:3', '1@000000007:3', '1@7:000000003', '0x1234567:3'];
  for (const text of [...tooLong, '1@7', '@7:3', '7:3x', '1@2@7:3', '1f', '-1@7:3']) {
    t.equal(outcome(parseTaggedDevice(text)), 'junk EINVAL', text);
  }
  t.equal(outcome(parseTaggedDevice('')), 'empty EINVAL');
});

t.test('a boot id is a UUID as the kernel writes it', async (t) => {
  const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
  t.equal(outcome(parseBootId(id)), id);
  t.equal(outcome(parseBootId('')), 'empty EINVAL');
  for (const text of [id.toUpperCase(), `${id}\n`, id.replaceAll('-', ''), `${id}0`]) {
    t.equal(outcome(parseBootId(text)), 'junk EINVAL', text);
  }
});

t.test('a refusal is one line, whatever the value', async (t) => {
  const textOf = (parsed: Parsed<unknown>): string => (parsed.ok ? '' : refusalText(parsed.refusal));
  t.equal(
    textOf(parseDiskSequence('0g', 'diskseq')),
    "diskseq: expected 1 to 16 hexadecimal digits that do not begin with 0, found '0g' (ERANGE)",
  );
  t.equal(
    textOf(parsePhysicalDevice('')),
    'physical-device: expected MAJOR:MINOR in hexadecimal, without 0x or padding, found nothing (EINVAL)',
  );
  t.match(textOf(parsePhysicalDevice('7:3\n\x1b[2J\xff')), "found '7:3??[2J?' (EINVAL)");
  t.match(textOf(parsePhysicalDevice('x'.repeat(4096))), `found '${'x'.repeat(40)}...' (EINVAL)`);
  t.match(scanPhysicalDevice('7'), { refusal: { code: 'one-number', errno: 'EINVAL', found: "'7'" } });
});

const device = fc
  .record({ major: fc.nat(MAJOR_MAX), minor: fc.nat(MINOR_MAX) }, { noNullPrototype: true })
  .filter(({ major, minor }) => major + minor > 0);
const diskseq = fc.bigInt({ min: 1n, max: DISKSEQ_MAX });

t.test('what was formatted is parsed to the same, by every reader', async (t) => {
  fc.assert(
    fc.property(device, fc.option(diskseq), (number, sequence) => {
      const text = formatDeviceNumber(number);
      t.strictSame(outcome(parsePhysicalDevice(text)), number);
      t.match(scanPhysicalDevice(text), { outcome: 'device', device: number, scanned: number });
      const tagged = { device: number, diskseq: sequence };
      t.strictSame(outcome(parseTaggedDevice(formatTaggedDevice(tagged))), tagged);
      if (sequence !== null) t.equal(outcome(parseDiskSequence(formatDiskSequence(sequence))), sequence);
    }),
  );
});

/** Texts near the grammars, and any bytes at all. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('0', '1', '7', 'a', 'F', 'x', 'g', ':', '@', ' ', '\n', '\0', '\xa0') }),
  fc.uint8Array().map((bytes) => String.fromCharCode(...bytes)),
);

t.test(
  'any bytes are parsed or refused in one line; what a stricter reader takes the others take for the same',
  async () => {
    fc.assert(
      fc.property(text, (value) => {
        const strict = parsePhysicalDevice(value);
        const tagged = parseTaggedDevice(value);
        const mainline = scanPhysicalDevice(value);
        const sequence = parseDiskSequence(value);
        for (const parsed of [strict, tagged, sequence]) {
          if (!parsed.ok && !/^[ -~]{1,200}$/.test(refusalText(parsed.refusal))) return false;
        }
        if (tagged.ok && tagged.value.diskseq === null) {
          if (mainline.outcome !== 'device') return false;
          if (formatDeviceNumber(mainline.device) !== formatDeviceNumber(tagged.value.device)) return false;
        }
        if (strict.ok) {
          // A reader that takes more takes this too, and writes it back as it was.
          if (!tagged.ok || formatTaggedDevice(tagged.value) !== value.toLowerCase()) return false;
        }
        return !sequence.ok || formatDiskSequence(sequence.value) === value.toLowerCase();
      }),
      { numRuns: 5000 },
    );
  },
);
