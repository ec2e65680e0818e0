/**
 * What the recorded sessions of `scenarios/sessions` did, as the tools of Debian's tpm2-tools do it: each line a process.
 *
 * Each session leaves the TPM as it found it, so that it can be had again. One is left out: `localities` was made by a client
 * of its own, as tools know no locality.
 */

/** A process. */
export interface ToolLine {
  readonly tool: string;
  /** A word `@file` stands for the bytes of a file in hexadecimal, as they are when the tool is run. */
  readonly words: readonly string[];
  /** What the TPM is to say to it: that it refuses, as it did when the session was recorded. */
  readonly refused: boolean;
  /** It finds an RSA key, which takes a time that chance decides, or the seed of the TPM: up to 600 ms. */
  readonly chance: boolean;
}

export interface ToolSession {
  readonly name: string;
  readonly lines: readonly ToolLine[];
}

const DIGEST = 'ab'.repeat(32);
const BANKS = `sha1=${'cd'.repeat(20)},sha256=${DIGEST}`;
const COUNTER = 'nt=counter|ownerread|ownerwrite|authread|authwrite|no_da';
const BITS = 'nt=bits|ownerread|ownerwrite|authread|authwrite|no_da';
const SIGNING = 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|noda';
const INDEX = '0x1500016';
/** There is no resource manager, and room for three objects. */
const FLUSH = 'flushcontext -t';
/** Some tools leave their session behind. */
const FLUSH_SESSIONS = 'flushcontext -l';
const PRIMARY = ['createprimary -Q -C o -G ecc -c primary.ctx', FLUSH];
const WITH_KEY = [
  ...PRIMARY,
  `create -Q -C primary.ctx -G ecc256:ecdsa-sha256:null -u key.pub -r key.priv -a ${SIGNING}`,
  FLUSH,
  'load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx',
  FLUSH,
];

/** Lines that begin so are refused by the TPM, and find an RSA key. */
const REFUSED = '!';
const CHANCE = '~';

/** A key, signed with and checked, and a message that was not signed. */
const signed = (create: string): readonly string[] => [
  create,
  FLUSH,
  'load -Q -C primary.ctx -u sign.pub -r sign.priv -c sign.ctx',
  FLUSH,
  'sign -Q -c sign.ctx -g sha256 -o signature message',
  FLUSH,
  'verifysignature -Q -c sign.ctx -g sha256 -m message -s signature',
  FLUSH,
];

const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  boot_measure: [
    ...Array.from({ length: 8 }, (_, pcr) => `pcrextend ${pcr}:${BANKS}`),
    'pcrevent 16 message',
    'pcrread sha1:0,1,2,3+sha256:0,1,2,3,16',
    'pcrreset 16',
    '!pcrreset 0',
  ],
  random_hash: [
    'getrandom --hex 16',
    'stirrandom message',
    'hash -g sha256 --hex message',
    'hash --hex long',
    'selftest',
  ],
  primary_keys: [
    'createprimary -Q -C o -G ecc -c a.ctx',
    'readpublic -Q -c a.ctx',
    FLUSH,
    '~createprimary -Q -C e -G rsa -c b.ctx',
    FLUSH,
    'createprimary -Q -C p -G ecc -c c.ctx',
    FLUSH,
    'createprimary -Q -C o -G ecc -c d.ctx',
    'evictcontrol -Q -C o -c d.ctx 0x81000001',
    'readpublic -Q -c 0x81000001',
    'evictcontrol -Q -C o -c 0x81000001',
    FLUSH,
    ...Array.from({ length: 3 }, () => 'createprimary -Q -C o -G ecc -c d.ctx'),
    '!createprimary -Q -C o -G ecc -c d.ctx',
    FLUSH,
  ],
  create_sign_verify: [
    ...PRIMARY,
    ...signed('create -Q -C primary.ctx -G ecc -u sign.pub -r sign.priv'),
    '!verifysignature -Q -c sign.ctx -g sha256 -m long -s signature',
    FLUSH,
    ...signed('~create -Q -C primary.ctx -G rsa -u sign.pub -r sign.priv'),
  ],
  quote_check: [
    ...WITH_KEY,
    `pcrextend 16:${BANKS}`,
    'quote -Q -c key.ctx -l sha256:0,16 -q beef -m quote -s signature -o pcrs',
    FLUSH,
    `pcrextend 16:${BANKS}`,
    'quote -Q -c key.ctx -l sha256:0,16 -q beef -m quote -s signature -o pcrs',
    FLUSH,
    'pcrreset 16',
  ],
  nv_plain: [
    `nvdefine -Q ${INDEX} -C o -s 1500`,
    `nvwrite -Q ${INDEX} -C o -i long`,
    `nvwrite -Q ${INDEX} -C o -i message --offset 7`,
    `nvread ${INDEX} -C o -o read`,
    `nvundefine -Q ${INDEX} -C o`,
  ],
  nv_counter_bits: [
    `nvdefine -Q ${INDEX} -a ${COUNTER}`,
    ...Array.from({ length: 5 }, () => `nvincrement ${INDEX}`),
    `nvread ${INDEX} -o read`,
    `nvundefine -Q ${INDEX}`,
    `nvdefine -Q ${INDEX} -a ${BITS}`,
    `nvsetbits ${INDEX} -i 0x5`,
    `nvread ${INDEX} -o read`,
    `nvundefine -Q ${INDEX}`,
  ],
  seal_policy_pcr: [
    'createpolicy -Q --policy-pcr -l sha256:0,1 -L pcr.policy',
    ...PRIMARY,
    'create -Q -C primary.ctx -i message -u seal.pub -r seal.priv -L pcr.policy',
    FLUSH,
    'load -Q -C primary.ctx -u seal.pub -r seal.priv -c seal.ctx',
    FLUSH,
    'unseal -Q -c seal.ctx -p pcr:sha256:0,1 -o secret',
    FLUSH,
  ],
  auth_failures: [
    `nvdefine -Q ${INDEX} -C o -s 32 -p right -a authread|authwrite`,
    `nvwrite -Q ${INDEX} -P right -i message`,
    ...Array.from({ length: 4 }, () => `!nvread ${INDEX} -P wrong -o read`),
    'dictionarylockout --setup-parameters --max-tries=3 --recovery-time=1000 --lockout-recovery-time=1000',
    `!nvread ${INDEX} -P right -o read`,
    'dictionarylockout --clear-lockout',
    `nvread ${INDEX} -P right -o read`,
    `nvundefine -Q ${INDEX} -C o`,
  ],
  hmac_sessions: [
    'startauthsession -Q --hmac-session -S session.ctx',
    'sessionconfig session.ctx --enable-decrypt --enable-encrypt',
    'getrandom -S session.ctx --hex 16',
    'getrandom -S session.ctx --hex 16',
    'flushcontext session.ctx',
  ],
  rsa_crypt: [
    '~createprimary -Q -C o -G rsa -c primary.ctx',
    FLUSH,
    '~create -Q -C primary.ctx -G rsa2048 -u rsa.pub -r rsa.priv',
    FLUSH,
    'load -Q -C primary.ctx -u rsa.pub -r rsa.priv -c rsa.ctx',
    FLUSH,
    'rsaencrypt -Q -c rsa.ctx -o cipher message',
    FLUSH,
    'rsadecrypt -Q -c rsa.ctx -o plain cipher',
    FLUSH,
    'create -Q -C primary.ctx -G aes128cfb -u aes.pub -r aes.priv',
    FLUSH,
    'load -Q -C primary.ctx -u aes.pub -r aes.priv -c aes.ctx',
    FLUSH,
    'encryptdecrypt -Q -c aes.ctx -o cipher block',
    FLUSH,
    'encryptdecrypt -Q -d -c aes.ctx -o plain cipher',
    FLUSH,
  ],
  hierarchy_clear: [
    'changeauth -Q -c o ownerpass',
    '!createprimary -Q -C o -G ecc -c primary.ctx',
    'createprimary -Q -C o -P ownerpass -G ecc -c old.ctx',
    FLUSH,
    `nvdefine -Q ${INDEX} -C o -P ownerpass -s 32`,
    'changeauth -Q -c l lockpass',
    'clearcontrol -Q -C l -P lockpass s',
    '!clear -Q -c l lockpass',
    'clearcontrol -Q -C p c',
    'clear -Q -c l lockpass',
    'createprimary -Q -C o -G ecc -c primary.ctx',
    FLUSH,
    '!create -Q -C old.ctx -i message -u seal.pub -r seal.priv',
    'setclock 1000000000',
    'readclock',
  ],
  ek_ak_credential: [
    '~createek -Q -c 0x81010001 -G rsa -u ek.pub',
    FLUSH,
    'createak -Q -C 0x81010001 -c ak.ctx -G ecc -s ecdsa -u ak.pub -n ak.name',
    FLUSH,
    'makecredential -Q -e ek.pub -s message -n @ak.name -o credential',
    FLUSH,
    'startauthsession -Q --policy-session -S policy.ctx',
    'policysecret -Q -S policy.ctx -c e',
    'activatecredential -Q -c ak.ctx -C 0x81010001 -i credential -o secret -P session:policy.ctx',
    'flushcontext policy.ctx',
    FLUSH,
    'quote -Q -c ak.ctx -l sha256:0,1 -q beef -m quote -s signature -o pcrs',
    FLUSH,
    'evictcontrol -Q -C o -c 0x81010001',
  ],
  ima_extends: Array.from({ length: 20 }, () => `pcrextend 10:${BANKS}`),
  context_juggling: [
    ...PRIMARY,
    ...Array.from({ length: 3 }, (_, i) => [
      `create -Q -C primary.ctx -i message -u seal${i}.pub -r seal${i}.priv`,
      FLUSH,
      `load -Q -C primary.ctx -u seal${i}.pub -r seal${i}.priv -c seal${i}.ctx`,
      FLUSH,
      `unseal -Q -c seal${i}.ctx -o secret`,
      FLUSH,
    ]).flat(),
  ],
  capabilities: ['handles-nv-index', 'algorithms', 'commands', 'pcrs', 'properties-variable'].map(
    (what) => `getcap ${what}`,
  ),
};

/** Files that the lines read: their names and contents. */
export const SESSION_INPUTS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['message', new Uint8Array(32).fill(0x61)],
  ['long', new Uint8Array(1500).fill(0x62)],
  ['block', new Uint8Array(1000).fill(0x63)],
];

export const TOOL_SESSIONS: readonly ToolSession[] = Object.entries(SCRIPTS).map(([name, lines]) => ({
  name,
  lines: [...lines, FLUSH_SESSIONS].map((line) => {
    const mark = line.startsWith(REFUSED) || line.startsWith(CHANCE) ? line.slice(0, 1) : '';
    const [tool = '', ...words] = line.slice(mark.length).split(' ');
    return { tool: `tpm2_${tool}`, words, refused: mark === REFUSED, chance: mark === CHANCE };
  }),
}));
