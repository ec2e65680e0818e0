/**
 * What the recorded sessions of `scenarios/sessions` did, as the tools of Debian's tpm2-tools do it: each line a process.
 *
 * Two differences. Keys are elliptic ones: to find an RSA key takes a time that chance decides, and hides everything
 * else. And each session leaves the TPM as it found it, so that it can be had again.
 */

export interface ToolSession {
  readonly name: string;
  readonly lines: readonly (readonly string[])[];
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

const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  boot_measure: [
    ...Array.from({ length: 8 }, (_, pcr) => `pcrextend ${pcr}:${BANKS}`),
    'pcrevent 16 message',
    'pcrread sha1:0,1,2,3+sha256:0,1,2,3,16',
    'pcrreset 16',
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
    'createprimary -Q -C e -G ecc -c b.ctx',
    FLUSH,
    'evictcontrol -Q -C o -c a.ctx 0x81000001',
    FLUSH,
    'evictcontrol -Q -C o -c 0x81000001',
  ],
  create_sign_verify: [
    ...PRIMARY,
    'create -Q -C primary.ctx -G ecc -u sign.pub -r sign.priv',
    FLUSH,
    'load -Q -C primary.ctx -u sign.pub -r sign.priv -c sign.ctx',
    FLUSH,
    'sign -Q -c sign.ctx -g sha256 -o signature message',
    FLUSH,
    'verifysignature -Q -c sign.ctx -g sha256 -m message -s signature',
    FLUSH,
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
  hmac_sessions: [
    'startauthsession -Q --hmac-session -S session.ctx',
    'sessionconfig session.ctx --enable-decrypt --enable-encrypt',
    'getrandom -S session.ctx --hex 16',
    'getrandom -S session.ctx --hex 16',
    'flushcontext session.ctx',
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
];

export const TOOL_SESSIONS: readonly ToolSession[] = Object.entries(SCRIPTS).map(([name, lines]) => ({
  name,
  lines: [...lines, FLUSH_SESSIONS].map((line) => {
    const [tool = '', ...words] = line.split(' ');
    return [`tpm2_${tool}`, ...words];
  }),
}));
